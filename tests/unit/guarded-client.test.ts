/**
 * Requests to servers that strangers name: no spelling of an inward address is reached, a name that changes its mind
 * neither, and time, size and redirects are bounded; and homeservers are found by each step of the specification.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { after, test } from 'node:test';
import tls from 'node:tls';
import {
  createGuardedClient,
  GUARDED_ANSWER_MAX_BYTES,
  GUARDED_TIMEOUT_MS,
  type GuardedRequest,
  isPublicAddress,
  type Target,
} from '../../auralink-communication-service/adapters/guarded-client.ts';
import {
  createAskHomeserver,
  createFindServerKey,
  HOMESERVERS_ASKED_MAX,
  SERVER_KEY_LIFE_MS,
  createAskOpenId,
} from '../../auralink-communication-service/adapters/homeservers.ts';
import {
  createDiscovery,
  type DiscoveryDeps,
  WELL_KNOWN_REDIRECTS_MAX,
} from '../../auralink-communication-service/adapters/server-discovery.ts';
import { eventually } from '../support/eventually.ts';
import {
  publicKeyOf,
  signJson,
} from '../../auralink-communication-service/auralink-modules/identity-service/signed-json.ts';
import { makePrivateCa } from '../support/private-ca.ts';

const ca = makePrivateCa();
tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca.certificate]);
let requests = 0;
const { port } = await ca.serve(['evil.example', 'localhost', '127.0.0.1'], (request, response) => {
  requests += 1;
  if (request.url === '/large') response.end(JSON.stringify({ a: 'x'.repeat(GUARDED_ANSWER_MAX_BYTES) }));
  else if (request.url === '/endless') {
    response.write('{"a":"');
    const drip = setInterval(() => response.write('x'), 100);
    response.once('close', () => clearInterval(drip));
  } else response.end(JSON.stringify({ host: request.headers.host, url: request.url }));
});
const local: LookupAddress = { address: '127.0.0.1', family: 4 };
const targetOf = (host: string): Target => ({ host, port, hostHeader: host, certificateFor: host });
const get = (host: string, path = '/'): GuardedRequest => ({ target: targetOf(host), method: 'GET', path });
const allowing = createGuardedClient({
  isAllowed: (address) => address === '127.0.0.1',
  resolve: (_name, done) => done(null, [local]),
});

test('only the public internet is public', () => {
  const inward = [
    ...[
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f.1',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.1.1',
      '169.254.169.254',
    ],
    ...['0.0.0.0', '100.64.0.1', '198.18.0.1', '192.0.2.1', '224.0.0.1', '255.255.255.255', '::', '::1'],
    ...['::ffff:127.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1'],
    ...['2002:7f00:1::', '2001::1', '2001:db8::1', '100::1', 'fec0::1', '::ffff:0:7f00:1', '', 'example.org'],
  ];
  assert.deepEqual(inward.filter(isPublicAddress), []);
  const outward = ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8'];
  assert.deepEqual(outward.filter(isPublicAddress), outward);
});

test('no spelling of an inward address is connected to', async () => {
  const guarded = createGuardedClient({ isAllowed: () => false });
  const before = requests;
  for (const host of [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0177.0.0.1',
    'localhost',
    '::1',
    '::ffff:127.0.0.1',
  ]) {
    await assert.rejects(guarded(get(host)), host);
  }
  assert.equal(requests, before);
});

test('a name that points outward first and inward when it is connected to is not followed', async () => {
  let sockets = 0;
  const inward = createServer((socket) => {
    sockets += 1;
    socket.destroy();
  });
  inward.listen(0, '127.0.0.1');
  await once(inward, 'listening');
  after(() => inward.close());
  const { port: inwardPort } = inward.address() as { port: number };
  let asked = 0;
  const rebinding = createGuardedClient({
    isAllowed: (address) => address === '127.0.0.9',
    resolve: (_name, done) => {
      asked += 1;
      // An answer that may be reached leads to nobody; the next one is the attack, and mixed ones are too.
      if (asked === 1) done(null, [{ address: '127.0.0.9', family: 4 }]);
      else if (asked === 2) done(null, [local]);
      else done(null, [local, { address: '127.0.0.9', family: 4 }]);
    },
  });
  const target = { ...targetOf('evil.example'), port: inwardPort };
  for (let i = 0; i < 3; i++) await assert.rejects(rebinding({ target, method: 'GET', path: '/' }));
  assert.deepEqual([asked, sockets], [3, 0]);
});

test('an allowed address is spoken to under its own name; another name’s certificate is not taken', async () => {
  const answer = await allowing(get('evil.example', '/x'));
  assert.deepEqual(answer.json, { host: 'evil.example', url: '/x' });
  await assert.rejects(allowing(get('other.example')), /altnames|ERR_TLS/);
  const delegated = { ...targetOf('127.0.0.1'), hostHeader: 'a.example', certificateFor: 'evil.example' };
  assert.equal((await allowing({ target: delegated, method: 'GET', path: '/' })).json?.host, 'a.example');
});

test('an answer that is too long or never ends is given up', async () => {
  await assert.rejects(allowing(get('evil.example', '/large')), /max/i);
  const startedMs = performance.now();
  await assert.rejects(allowing(get('evil.example', '/endless')));
  assert.ok(performance.now() - startedMs < GUARDED_TIMEOUT_MS * 2);
});

/** A world of answers for discovery, by URL; what is not in it fails. */
function world(
  wellKnown: Readonly<Record<string, { status?: number; location?: string; json?: object }>>,
  srv: Readonly<Record<string, readonly { name: string; port: number; priority?: number }[]>> = {},
) {
  const asked: string[] = [];
  const deps: DiscoveryDeps = {
    ask: async ({ target, path }) => {
      const url = `${target.host}:${target.port}${path}`;
      asked.push(url);
      const found = wellKnown[url];
      if (found === undefined) throw new Error(`nobody at ${url}`);
      return {
        status: found.status ?? 200,
        location: found.location ?? null,
        json: (found.json as Record<string, unknown> | undefined) ?? null,
      };
    },
    resolveSrv: async (name) => {
      const records = srv[name];
      if (records === undefined) throw new Error('ENOTFOUND');
      return records.map((record) => ({ priority: 1, weight: 1, ...record }));
    },
  };
  const discover = createDiscovery(deps);
  return { asked, discover: (name: string) => discover(name, new AbortController().signal) };
}
const WELL_KNOWN = '/.well-known/matrix/server';
const short = (targets: readonly Target[]) =>
  targets.map((one) => `${one.host} ${one.port} ${one.hostHeader} ${one.certificateFor}`);

test('a homeserver is found by each step of the specification', async () => {
  const plain = world({});
  assert.deepEqual(short(await plain.discover('1.2.3.4')), ['1.2.3.4 8448 1.2.3.4 1.2.3.4']);
  assert.deepEqual(short(await plain.discover('[2606::1]:99')), ['2606::1 99 [2606::1]:99 2606::1']);
  assert.deepEqual(short(await plain.discover('a.example:80')), ['a.example 80 a.example:80 a.example']);
  assert.deepEqual(plain.asked, [], 'none of these is asked for a delegation');
  assert.deepEqual(short(await plain.discover('a.example')), ['a.example 8448 a.example a.example']);
  const to = (server: string) => ({ [`a.example:443${WELL_KNOWN}`]: { json: { 'm.server': server } } });
  assert.deepEqual(short(await world(to('b.example:1')).discover('a.example')), [
    'b.example 1 b.example:1 b.example',
  ]);
  assert.deepEqual(short(await world(to('5.6.7.8')).discover('a.example')), ['5.6.7.8 8448 5.6.7.8 5.6.7.8']);
  const srv = {
    '_matrix-fed._tcp.b.example': [
      { name: 'c.example', port: 5, priority: 2 },
      { name: 'd.example', port: 6 },
    ],
  };
  assert.deepEqual(short(await world(to('b.example'), srv).discover('a.example')), [
    'd.example 6 b.example b.example',
    'c.example 5 b.example b.example',
  ]);
  const old = { '_matrix._tcp.a.example': [{ name: 'e.example', port: 7 }] };
  assert.deepEqual(short(await world({}, old).discover('a.example')), ['e.example 7 a.example a.example']);
  assert.deepEqual(short(await world(to('not a server'), old).discover('a.example')), [
    'e.example 7 a.example a.example',
  ]);
});

test('redirects are followed a few times, over HTTPS only; no server name is asked for nothing', async () => {
  const at = (host: string, location: string) => ({
    [`${host}:443${WELL_KNOWN}`]: { status: 302, location },
  });
  const found = world({
    ...at('a.example', 'https://b.example:444/w?x=1'),
    'b.example:444/w?x=1': { json: { 'm.server': 'c.example:9' } },
  });
  assert.deepEqual(short(await found.discover('a.example')), ['c.example 9 c.example:9 c.example']);
  const circle = world(at('a.example', WELL_KNOWN));
  assert.deepEqual(short(await circle.discover('a.example')), ['a.example 8448 a.example a.example']);
  assert.equal(circle.asked.length, WELL_KNOWN_REDIRECTS_MAX + 1);
  const plainHttp = world(at('a.example', 'http://b.example/'));
  assert.deepEqual(short(await plainHttp.discover('a.example')), ['a.example 8448 a.example a.example']);
  for (const bad of ['', 'a b', 'a/b', 'user@a', '[::1', '[1.2.3.4]', 'a:0', 'a:99999', 'x'.repeat(300)]) {
    await assert.rejects(plainHttp.discover(bad), bad);
  }
});

test('another server is asked over the guard, our own where it is, and none where we do not federate', async () => {
  const askHomeserver = createAskHomeserver({
    ask: allowing,
    discover: async () => [{ ...targetOf('evil.example'), port: 1 }, targetOf('evil.example')],
  });
  const deps = { ownServerName: 'ours', askOwn: async (token: string) => `@${token}:ours`, askHomeserver };
  const ask = createAskOpenId(deps);
  assert.equal(await ask('ours', 'alice'), '@alice:ours');
  const before = requests;
  assert.equal(await ask('evil.example', 't'), null, 'its answer names nobody');
  assert.equal(requests, before + 1, 'the second address was tried after the first');
  assert.equal(await createAskOpenId({ ...deps, askHomeserver: null })('evil.example', 't'), null);
  assert.equal(requests, before + 1);
});

test('a homeserver that hangs is waited for no longer than all of its addresses may take together', async () => {
  const hanging = (signal: AbortSignal | undefined): Promise<never> =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  const asked: string[] = [];
  const slow = createAskHomeserver({
    ask: async ({ target, signal }) => {
      asked.push(target.host);
      signal?.throwIfAborted();
      return await hanging(signal);
    },
    discover: async () => [targetOf('a.example'), targetOf('b.example')],
    timeoutMs: 20,
  });
  await assert.rejects(slow('x.example', { method: 'GET', path: '/' }), { name: 'TimeoutError' });
  assert.deepEqual(asked, ['a.example', 'b.example']);
  const lost = createDiscovery({
    ask: async () => ({ status: 404, location: null, json: null }),
    resolveSrv: () => new Promise(() => {}),
  });
  await assert.rejects(lost('x.example', AbortSignal.timeout(20)), { name: 'TimeoutError' });
});

test('no more homeservers than so many are asked at a time', async () => {
  const answers: (() => void)[] = [];
  const ask = createAskHomeserver({
    ask: () =>
      new Promise((resolve) => answers.push(() => resolve({ status: 200, location: null, json: null }))),
    discover: async () => [targetOf('a.example')],
  });
  const request = { method: 'GET', path: '/' } as const;
  const under = Array.from({ length: HOMESERVERS_ASKED_MAX }, () => ask('x.example', request));
  await assert.rejects(ask('x.example', request), /too many/);
  for (const answer of answers) answer();
  await Promise.all(under);
  const next = ask('x.example', request);
  await eventually(async () => assert.equal(answers.length, HOMESERVERS_ASKED_MAX + 1));
  answers.at(-1)?.();
  assert.equal((await next).status, 200);
});

test('a homeserver’s key is asked for once while it counts, and anew when it was not found', async () => {
  const pair = generateKeyPairSync('ed25519');
  const keyId = 'ed25519:x';
  let asked = 0;
  let there = false;
  let nowMs = 0;
  const find = createFindServerKey({
    ownServerName: 'ours',
    nowMs: () => nowMs,
    askHomeserver: null,
    askOwn: async () => {
      asked += 1;
      const verify_keys = there ? { [keyId]: { key: publicKeyOf(pair.publicKey) } } : {};
      const told = { server_name: 'ours', valid_until_ts: Date.now() + 10 * SERVER_KEY_LIFE_MS, verify_keys };
      return { ...signJson(told, 'ours', { keyId, privateKey: pair.privateKey }) };
    },
  });
  for (let i = 0; i < 2; i++) assert.equal(await find('ours', keyId), null);
  assert.equal(asked, 2);
  there = true;
  for (let i = 0; i < 3; i++) assert.ok(await find('ours', keyId));
  assert.equal(asked, 3);
  nowMs += SERVER_KEY_LIFE_MS;
  assert.ok(await find('ours', keyId));
  assert.equal(asked, 4);
});
