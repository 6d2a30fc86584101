/**
 * The contract of docs/api/webhooks.md, held against both sides: our sender against a receiver that is written from the
 * page alone, and the development Dashboard against a sender that is written from the page alone.
 */
import assert from 'node:assert/strict';
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { webhookPoster } from '../../auralink-communication-service/adapters/webhook-post.ts';
import { openFakeDashboard } from '../fakes/dashboard.ts';
import { testDatabase } from '../harness.ts';
import { documentedMessages } from '../support/documented-messages.ts';
import { openWebhookStage } from '../support/webhook-stage.ts';

const messages = documentedMessages();

/** As the page says it: HMAC-SHA256 of id, time and body, with what stands behind `whsec_`. */
const sign = (secret: string, id: string, at: string, body: string): string =>
  createHmac('sha256', Buffer.from(secret.replace(/^whsec_/, ''), 'base64'))
    .update(`${id}.${at}.${body}`)
    .digest('base64');

interface Post {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function assertAsDocumented({ method, path, headers, body }: Post, secrets: readonly string[]): unknown {
  assert.deepEqual([method, path], ['POST', '/webhooks/auralink']);
  assert.match(String(headers['content-type']), /^application\/json/);
  const [id, at] = [String(headers['webhook-id']), String(headers['webhook-timestamp'])];
  assert.ok(Math.abs(Number(at) - Date.now() / 1_000) < 300, 'the time of the try');
  const given = String(headers['webhook-signature']).split(' ');
  const fits = secrets.some((secret) =>
    given.some((one) => {
      const wanted = Buffer.from(`v1,${sign(secret, id, at, body)}`);
      return one.length === wanted.length && timingSafeEqual(Buffer.from(one), wanted);
    }),
  );
  assert.ok(fits, 'one signature is of a secret that counts');
  return JSON.parse(body);
}

test('our sender does what the page says, for every message on it', async () => {
  const stage = await openWebhookStage(await testDatabase());
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      posts.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const poster = webhookPoster(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 4);
  after(async () => {
    await poster.close();
    server.close();
  });
  for (const { type, data, timestamp } of messages) {
    await stage.db.pool.query(
      'INSERT INTO webhook_deliveries (webhook_id, type, data, occurred_at) VALUES ($1, $2, $3, $4)',
      [randomUUID(), type, JSON.stringify(data), timestamp],
    );
  }
  await stage.deliverAll({ ...stage.sender(), post: poster.post });
  const secrets = await stage.webhooks.secrets();
  const said = posts.map((post) => assertAsDocumented(post, secrets) as { type: string });
  const byType = (a: { type: string }, b: { type: string }) => a.type.localeCompare(b.type);
  assert.deepEqual(said.sort(byType), [...messages].sort(byType));
  assert.equal(new Set(posts.map(({ headers }) => headers['webhook-id'])).size, messages.length);
});

test('the development Dashboard does what the page says, with every message on it', async () => {
  const dashboard = await openFakeDashboard('auralink', 'https://dashboard.test');
  after(() => dashboard.down());
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  dashboard.secrets = [secret];
  const post = async (body: string, over: Record<string, string> = {}): Promise<number> => {
    const [id, at] = [randomUUID(), String(Math.floor(Date.now() / 1_000))];
    const headers = {
      ...{ 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': at },
      'webhook-signature': `v1,${sign(secret, over['webhook-id'] ?? id, over['webhook-timestamp'] ?? at, body)}`,
      ...over,
    };
    return (await fetch(`${dashboard.url}/webhooks/auralink`, { method: 'POST', headers, body })).status;
  };
  for (const message of messages) assert.equal(await post(JSON.stringify(message)), 204, message.type);
  assert.deepEqual(
    dashboard.received.map(({ message }) => message),
    messages,
  );
  const body = JSON.stringify(messages[0]);
  const stale = String(Math.floor(Date.now() / 1_000) - 301);
  assert.equal(await post(body, { 'webhook-signature': 'v1,AAAA' }), 401);
  assert.equal(await post(body, { 'webhook-signature': '' }), 401);
  assert.equal(await post(body, { 'webhook-timestamp': stale }), 401, 'five minutes');
  const twice = randomUUID();
  for (let i = 0; i < 2; i++) assert.equal(await post(body, { 'webhook-id': twice }), 204);
  assert.equal(dashboard.received.filter(({ webhookId }) => webhookId === twice).length, 1, 'it is ignored');
  assert.equal(dashboard.received.length, messages.length + 1);
});
