/**
 * The service and its engines together, two processes: what operators see of them, that Synapse reaches us, and how
 * absence and return of each engine look from outside.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownConstellation } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { scraper } from '../support/scrape.ts';

const constellation = await ownConstellation('engines', { processes: 2 });
const { urls, secret, halt, start } = constellation;
const metric = scraper(constellation);

interface Health {
  readonly status: string;
  readonly parts: Readonly<Record<string, { state: string; version: string | null; detail: string | null }>>;
}
async function health(): Promise<{ status: number; body: Health }> {
  const answer = await fetch(`${urls.public}/health`);
  return { status: answer.status, body: (await answer.json()) as Health };
}
const pings = () =>
  metric('auralink_http_request_seconds_count', 'route="/_matrix/app/v1/ping",status="2xx"');

test('everything is there and says its version', async () => {
  const { status, body } = await eventually(async () => {
    const found = await health();
    assert.equal(found.body.status, 'ok', JSON.stringify(found.body));
    return found;
  });
  assert.equal(status, 200);
  assert.equal(body.parts.synapse?.version, '1.163.2');
  assert.match(body.parts.postgres?.version ?? '', /^15\./);
  for (const part of ['coturn', 'dashboard', 'ai_core']) {
    assert.equal(body.parts[part]?.state, 'not_configured', part);
  }
  assert.equal((await fetch(`${urls.public}/ready`)).status, 200);
  assert.equal(await metric('auralink_service_processes'), 2);
});

test("the service's description of its API is the one in the repository", async () => {
  const path = join(import.meta.dirname, '../../docs/api/openapi.json');
  const served = await (await fetch(`${urls.public}/openapi.json`)).json();
  assert.deepEqual(served, JSON.parse(readFileSync(path, 'utf8')));
});

async function matrix(
  method: string,
  path: string,
  token: string,
  body: object,
): Promise<Record<string, string>> {
  const answer = await fetch(`${urls.public}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()) as Record<string, string>;
}

async function signIn(): Promise<string> {
  const answer = await matrix('POST', '/_matrix/client/r0/login', '', {
    type: 'm.login.password',
    user: 'auralink-admin',
    password: secret('SYNAPSE_ADMIN_PASSWORD'),
  });
  return answer.access_token ?? '';
}

test("Synapse was pinged, and brings us what happens in its users' rooms", async () => {
  await eventually(async () => assert.ok((await pings()) >= 2, 'each process pings once'));
  const before = await metric('auralink_appservice_events_total');
  const token = await signIn();
  const { room_id: room = '' } = await matrix('POST', '/_matrix/client/v3/createRoom', token, {});
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/1`;
  await matrix('PUT', path, token, { msgtype: 'm.text', body: 'hello' });
  await eventually(async () => assert.ok((await metric('auralink_appservice_events_total')) > before));
});

test('without Synapse: 200 and degraded, Matrix paths 503; back: pinged again', async () => {
  const before = await pings();
  await halt('synapse');
  await eventually(async () => {
    const { status, body } = await health();
    assert.equal(status, 200);
    assert.equal(body.status, 'degraded');
    assert.deepEqual(
      { state: body.parts.synapse?.state, detail: body.parts.synapse?.detail },
      { state: 'down', detail: 'stopped' },
    );
  });
  assert.equal((await fetch(`${urls.public}/_matrix/client/versions`)).status, 503);
  assert.equal((await fetch(`${urls.public}/ready`)).status, 200);
  assert.equal(await metric('auralink_synapse_scrape_up'), 0);
  await start('synapse');
  await eventually(async () => assert.ok((await pings()) >= before + 2), 20_000);
  assert.equal((await fetch(`${urls.public}/_matrix/client/versions`)).status, 200);
});

test('without LiveKit nobody can call: 503; back: 200', async () => {
  await halt('livekit');
  await eventually(async () => assert.equal((await health()).status, 503));
  assert.equal((await fetch(`${urls.public}/ready`)).status, 200);
  await start('livekit');
  await eventually(async () => assert.equal((await health()).status, 200));
});

test('without PostgreSQL: not healthy, not ready; back: both again', async () => {
  await halt('postgres');
  await eventually(async () => {
    assert.equal((await health()).status, 503);
    assert.equal((await fetch(`${urls.public}/ready`)).status, 503);
  });
  await start('postgres');
  await eventually(async () => {
    assert.equal((await health()).status, 200);
    assert.equal((await fetch(`${urls.public}/ready`)).status, 200);
  });
});
