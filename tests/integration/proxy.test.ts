/**
 * The way to Synapse: against the real one for what people do, and against a recording upstream for what cannot be seen
 * from outside (headers, aborts, streaming).
 */
import { setTimeout as delay } from 'node:timers/promises';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, test } from 'node:test';
import { LOGIN_BODY_MAX_BYTES, PROXY_DRAIN_MS } from '../../auralink-communication-service/http/proxy.ts';
import { constellation } from '../harness.ts';
import { openProxy } from '../support/proxy-door.ts';

const { config } = constellation();
const MEBIBYTE = 1_048_576;

const openDoor = (synapseUrl: string, trusted: string[] = []) =>
  openProxy({ synapseUrl, rewriteLogin: async (body) => ({ ...body, rewritten: true }) }, trusted);

/** What the upstream does with a request; the test sets it. */
let behave: (request: IncomingMessage, response: ServerResponse) => void = () => {};
const upstream = createServer((request, response) => behave(request, response));
upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');
const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
after(() => {
  upstream.close();
  upstream.closeAllConnections();
});

/** Answers with what came in. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      }),
    );
  });
}
interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** Without the help of fetch, which normalises paths. */
function raw(url: string, path: string, headers: Record<string, string> = {}, method = 'GET', body?: string) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((done, failed) => {
    const { hostname, port } = new URL(url);
    const request = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () =>
        done({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    request.on('error', failed);
    request.end(body);
  });
}

test('real Synapse: versions, registration with an invitation, login, sync and logout', async () => {
  const { url } = await openDoor(config.SYNAPSE_URL);
  const versions = await fetch(`${url}/_matrix/client/versions`);
  assert.equal(versions.status, 200);
  assert.match(versions.headers.get('server') ?? '', /^Synapse\//);
  assert.equal((await fetch(`${url}/_matrix/client/versions`, { method: 'HEAD' })).status, 200);
  assert.equal((await fetch(`${url}/_matrix/client/versions`, { method: 'OPTIONS' })).status, 204);

  const post = (path: string, body: object) =>
    fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  const user = `proxy${process.pid}`;
  const asked = await post('/_matrix/client/r0/register', { username: user, password: 'correct-horse-1' });
  assert.equal(asked.status, 401);
  const { session, flows } = (await asked.json()) as { session: string; flows: { stages: string[] }[] };
  assert.ok(flows.some(({ stages }) => stages.includes('m.login.registration_token')));
  const stage = (auth: object) =>
    post('/_matrix/client/r0/register', {
      username: user,
      password: 'correct-horse-1',
      auth: { ...auth, session },
    });
  const uninvited = await stage({ type: 'm.login.registration_token', token: 'guessed' });
  assert.equal(uninvited.status, 401);
  await stage({ type: 'm.login.registration_token', token: config.REGISTRATION_TOKEN });
  const made = await stage({ type: 'm.login.dummy' });
  assert.equal(made.status, 200, await made.clone().text());

  const wrong = await post('/_matrix/client/r0/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user },
    password: 'wrong',
  });
  assert.equal(wrong.status, 403);
  const right = await post('/_matrix/client/r0/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user },
    password: 'correct-horse-1',
  });
  const { access_token: token } = (await right.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${token}` };
  const sync = await fetch(`${url}/_matrix/client/v3/sync?timeout=0`, { headers });
  assert.equal(typeof ((await sync.json()) as { next_batch: string }).next_batch, 'string');
  const out = await fetch(`${url}/_matrix/client/v3/logout`, { method: 'POST', headers });
  assert.equal(out.status, 200);
  assert.equal((await fetch(`${url}/_matrix/client/v3/sync?timeout=0`, { headers })).status, 401);
});

test('the path and its query reach the other side byte for byte', async () => {
  behave = echo;
  const { url } = await openDoor(upstreamUrl);
  const path = '/_matrix/client/v3/directory/room/%23a%2Fb%3aS?x=%2F+1&y=\'|"';
  const { body } = await raw(url, path.replace('"', '%22'));
  assert.equal((JSON.parse(body) as Echo).url, path.replace('"', '%22'));
});

test('what only we may say is ours to say', async () => {
  behave = echo;
  const { url } = await openDoor(upstreamUrl);
  const forged = {
    'X-Matrix-User-Identifier': '@admin:auralink.network',
    'x-matrix-origin': 'evil.example.org',
    'X-Forwarded-For': '127.0.0.1',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'evil.example.org',
    'X-Real-IP': '127.0.0.1',
    Forwarded: 'for=127.0.0.1',
    Connection: 'close, Authorization-Extra',
    'Authorization-Extra': '1',
    Authorization: 'Bearer t',
    Host: 'auralink.example.org',
  };
  const { body } = await raw(url, '/_matrix/client/versions', forged);
  const { headers } = JSON.parse(body) as Echo;
  assert.deepEqual(
    Object.keys(headers).filter((name) => /^x-matrix|^forwarded$|^x-real|extra/.test(name)),
    [],
  );
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers['x-forwarded-host'], 'auralink.example.org');
  assert.equal(headers.authorization, 'Bearer t');
  assert.notEqual(headers.connection, 'close');
});

test('a trusted balancer is believed about its client, not about what that client claimed', async () => {
  behave = echo;
  const { url } = await openDoor(upstreamUrl, ['127.0.0.0/8']);
  const { body } = await raw(url, '/_matrix/client/versions', {
    'X-Forwarded-For': '6.6.6.6, 198.51.100.9',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'auralink.example.org',
  });
  const { headers } = JSON.parse(body) as Echo;
  assert.equal(headers['x-forwarded-for'], '198.51.100.9, 127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'https');
  assert.equal(headers['x-forwarded-host'], 'auralink.example.org');
});

test('closed paths are 404 M_UNRECOGNIZED and never reach the other side', async () => {
  let reached = 0;
  behave = (_request, response) => {
    reached += 1;
    response.end('{}');
  };
  const { url } = await openDoor(upstreamUrl);
  const paths = [
    '/_matrix/app/v1/ping',
    '/_matrix//app/v1/ping',
    '/_matrix/%61pp/v1/ping',
    '/_matrix/client/%2e%2e/app/v1/ping',
    '/_MATRIX/app/v1/ping',
    '/_synapse/admin/v1/server_version',
    '/_synapse/client/../admin/v1/server_version',
    '/_synapse/client/%2e%2e/admin/v1/server_version',
    '/_synapse/metrics',
  ];
  for (const path of paths) {
    for (const method of ['GET', 'POST', 'PUT']) {
      const { status, body } = await raw(url, path, {}, method, method === 'GET' ? undefined : '{}');
      assert.equal(status, 404, `${method} ${path}`);
      assert.equal((JSON.parse(body) as { errcode: string }).errcode, 'M_UNRECOGNIZED', `${method} ${path}`);
    }
  }
  assert.equal(reached, 0);
});

test('a login body is rewritten; what is not JSON passes as it is; what is too large does not pass', async () => {
  behave = echo;
  const { url } = await openDoor(upstreamUrl);
  const post = (path: string, body: string) =>
    raw(url, path, { 'content-type': 'application/json' }, 'POST', body);
  for (const version of ['api/v1', 'r0', 'v3', 'unstable']) {
    const { body } = await post(`/_matrix/client/${version}/login`, '{"type":"m.login.password"}');
    const seen = JSON.parse(body) as Echo;
    assert.deepEqual(JSON.parse(seen.body), { type: 'm.login.password', rewritten: true });
    assert.equal(seen.headers['content-length'], String(Buffer.byteLength(seen.body)));
  }
  for (const body of ['not json', '[1]', '"x"']) {
    assert.equal((JSON.parse((await post('/_matrix/client/v3/login', body)).body) as Echo).body, body);
  }
  const other = await post('/_matrix/client/v3/register', '{"a":1}');
  assert.equal((JSON.parse(other.body) as Echo).body, '{"a":1}');
  const large = await post(
    '/_matrix/client/v3/login',
    JSON.stringify({ a: 'x'.repeat(LOGIN_BODY_MAX_BYTES) }),
  );
  assert.equal(large.status, 413);
});

test('an upload streams through while it is still being sent, and so does the answer', async () => {
  let firstChunk: (bytes: number) => void = () => {};
  const seenEarly = new Promise<number>((done) => {
    firstChunk = done;
  });
  let received = 0;
  behave = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
      firstChunk(received);
      response.write(chunk);
    });
    request.on('end', () => response.end());
  };
  const { url } = await openDoor(upstreamUrl);
  const { hostname, port } = new URL(url);
  const upload = httpRequest({
    hostname,
    port,
    path: '/_matrix/media/v3/upload',
    method: 'POST',
    agent: false,
  });
  let answered = 0;
  upload.on('response', (response) => response.on('data', (chunk: Buffer) => (answered += chunk.length)));
  upload.write(Buffer.alloc(MEBIBYTE));
  assert.ok((await seenEarly) > 0, 'the first bytes arrive before the last are sent');
  upload.end(Buffer.alloc(7 * MEBIBYTE));
  const [response] = (await once(upload, 'response')) as [IncomingMessage];
  await once(response, 'end');
  assert.equal(received, 8 * MEBIBYTE);
  assert.equal(answered, 8 * MEBIBYTE);
});

test('a client that goes away ends its long poll at the other side', async () => {
  let arrived: () => void = () => {};
  let ended: () => void = () => {};
  const arrival = new Promise<void>((done) => {
    arrived = done;
  });
  const end = new Promise<void>((done) => {
    ended = done;
  });
  behave = (_request, response) => {
    response.on('close', () => ended());
    arrived();
  };
  const { url } = await openDoor(upstreamUrl);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write('GET /_matrix/client/v3/sync?timeout=30000 HTTP/1.1\r\nhost: x\r\n\r\n');
  await arrival;
  socket.destroy();
  const outcome = await Promise.race([end.then(() => 'ended'), delay(5_000).then(() => 'still open')]);
  assert.equal(outcome, 'ended');
});

test('Synapse away: 503 with Retry-After, readable by any page', async () => {
  const closed = createServer();
  closed.listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const { url } = await openDoor(`http://127.0.0.1:${port}`);
  for (const method of ['GET', 'POST']) {
    const answer = await fetch(`${url}/_matrix/client/v3/sync`, { method });
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    assert.equal(((await answer.json()) as { errcode: string }).errcode, 'AURALINK_UNAVAILABLE');
  }
});

test('a kept-alive connection that the other side closed meanwhile costs a reader nothing', async () => {
  let served = 0;
  behave = (request, response) => {
    served += 1;
    // Promises to keep the connection, and breaks it when the next request comes over it.
    if (served === 2) request.socket.destroy();
    else response.end('{}');
  };
  const { url } = await openDoor(upstreamUrl);
  assert.equal((await fetch(`${url}/_matrix/client/versions`)).status, 200);
  assert.equal((await fetch(`${url}/_matrix/client/versions`)).status, 200);
  assert.equal(served, 3);
});

test('what may have been done already is not sent again over a broken connection', async () => {
  let served = 0;
  behave = (request, response) => {
    served += 1;
    if (served % 2 === 0) request.socket.destroy();
    else response.end('{}');
  };
  const { url } = await openDoor(upstreamUrl);
  for (const method of ['POST', 'PATCH']) {
    served = 0;
    assert.equal((await fetch(`${url}/_matrix/client/versions`)).status, 200);
    const answer = await fetch(`${url}/_matrix/client/v3/logout/all`, { method });
    assert.deepEqual([answer.status, served], [503, 2], method);
  }
});

test('when the door closes, a waiting long poll is told to come back, and holds nobody up', async () => {
  let arrived: () => void = () => {};
  const arrival = new Promise<void>((done) => {
    arrived = done;
  });
  behave = () => arrived();
  const { app, url } = await openDoor(upstreamUrl);
  const poll = fetch(`${url}/_matrix/client/v3/sync?timeout=30000`);
  await arrival;
  const begin = performance.now();
  await app.close();
  assert.ok(performance.now() - begin < PROXY_DRAIN_MS + 3_000);
  const answer = await poll;
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers.get('retry-after')) > 0);
});
