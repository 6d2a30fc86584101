/**
 * Every metric that docs/METRICS.md lists moves when what it counts happens, in a constellation of two processes with
 * real people. A metric without an act here fails the last test.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { Browser } from '../fakes/browser.ts';
import { CODES_PER_PERSON_HOUR } from '../../auralink-communication-service/auralink-modules/messages/limits.ts';
import { ownConstellation, testDataDir } from '../harness.ts';
import { pretendUp, runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { Phone } from '../support/phone.ts';
import { openPostbox } from '../support/postbox.ts';
import { type Asked, PASSWORD, type RealPerson, realPeople } from '../support/real-people.ts';
import { scraper } from '../support/scrape.ts';

const postbox = await openPostbox();
const prices = `${testDataDir('metrics-prices')}.json`;
writeFileSync(prices, JSON.stringify({ currency: 'EUR', prices: {}, default: 0.1 }));
/** Nobody listens there. */
const DASHBOARD_SERVICE_URL = 'http://127.0.0.1:9';
const env = { ...postbox.env, SMS_PRICES_FILE: prices, DASHBOARD_SERVICE_URL };
const constellation = await ownConstellation('metrics', { processes: 2, redis: false, env });
const { layout, ports } = constellation.settings;
const people = await realPeople(constellation);
const { db } = people.world;
db.on('error', () => {});
const metric = scraper(constellation);
const tag = randomBytes(3).toString('hex');
/** Longer than the pause between two rounds of any chore. */
const WITHIN_MS = 30_000;

const [alice, bob, carol] = await Promise.all(
  ['alice', 'bob', 'carol'].map((name) => people.register(`${name}${tag}`)),
);
if (!alice || !bob || !carol) throw new Error('three people');
await people.befriend(alice, bob);
const pages = { alice: await alice.page(alice.tokens), bob: await bob.page(bob.tokens) };

async function done(person: RealPerson, method: string, path: string, body?: object): Promise<Asked> {
  const answer = await person.ask(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
  return answer;
}

/** From placing to hanging up. */
async function talk(): Promise<void> {
  const placed = await pages.alice.place(bob?.auraId ?? '');
  assert.equal(placed.status, 201, JSON.stringify(placed.body));
  const { callId } = placed.body;
  const ring = await pages.bob.frame('ring', (data) => data.callId === callId);
  await pages.alice.frame(
    'call.updated',
    (data) => data.callId === callId && (data.invitation as { alerting: boolean }).alerting,
  );
  assert.equal((await pages.bob.answer(String(ring.data.ringId))).status, 200);
  assert.equal((await pages.alice.hangUp(callId)).status, 200);
}

/** Two apps on one device, of which the first does not say that it rings. */
async function ringSilently(): Promise<void> {
  const person = await people.world.person(`silent${tag}`);
  const silent: Phone[] = [];
  for (const app of ['market', 'chat']) {
    const endpoint = await people.world.endpoint(person, app, 'one');
    silent.push(await new Phone(people.world.publicUrl, endpoint).connect({ acknowledge: false }));
  }
  const { body } = await pages.alice.place(person.auraId);
  await Promise.all(silent.map((page) => page.frame('ring', () => true)));
  await pages.alice.cancel(body.callId);
  await Promise.all(silent.map((page) => page.close()));
}

/** A message in a room of hers, by her Matrix app. */
async function write(): Promise<void> {
  const element = await alice?.matrix();
  const room = await element?.ask('POST', '/client/v3/createRoom', {});
  assert.equal(room?.status, 200, room?.text);
}

async function befriendWhoScreens(): Promise<void> {
  await done(carol as RealPerson, 'PUT', `/blocks/${bob?.auraId}`);
  await bob?.ask('POST', '/contacts/requests', { to: carol?.auraId });
}

/** Two values change places behind the service's back. */
async function spoil(): Promise<void> {
  const her = carol as RealPerson;
  await done(her, 'POST', '/me/fields', { kind: 'document', value: 'C01X00T47' });
  await done(her, 'POST', '/me/fields', { kind: 'postal_address', value: 'Street 1' });
  await db.query(
    `UPDATE personal_fields f SET envelope = g.envelope FROM personal_fields g
     WHERE f.person_id = $1 AND g.person_id = $1 AND f.kind <> g.kind`,
    [her.personId],
  );
  assert.equal((await done(her, 'GET', '/account/export')).body.unreadable.length, 2);
}

async function rotateKeys(): Promise<void> {
  pretendUp(layout, { portBase: ports.public });
  const rotated = await runCli(['keys', 'rotate', '--data', layout.dataDir]);
  assert.equal(rotated.code, 0, rotated.err);
}

let addresses = 0;

/** A code to an address that nobody had before. */
async function sendCode(to: RealPerson, method: 'email' | 'phone' = 'email'): Promise<Asked> {
  addresses += 1;
  const address = method === 'email' ? `a${addresses}.${tag}@mail.example` : '+4915112345678';
  return await to.ask('POST', '/me/verifications', { method, address });
}

async function sendTooMany(): Promise<void> {
  for (let n = 0; n <= CODES_PER_PERSON_HOUR; n++) {
    if ((await sendCode(bob as RealPerson)).status !== 429) continue;
    // What is still to be delivered would count as waiting before anything is made to wait.
    const waiting = () => metric('auralink_messages_waiting', 'channel="email"');
    await eventually(async () => assert.equal(await waiting(), 0), WITHIN_MS);
    return;
  }
  assert.fail('nothing stopped her');
}

/** The server takes nothing until the next message is to be delivered. */
async function sendInVain(): Promise<void> {
  postbox.behaviour.recipient = () => ({ code: 451, words: 'come back later' });
  assert.equal((await sendCode(alice as RealPerson)).status, 201);
}

const insertRoute = () =>
  db.query(
    `INSERT INTO mesh_routes (route_id, from_node, to_node, media, kind, reason, expires_at)
     VALUES (gen_random_uuid(), 'a', 'b', 'audio', 'sfu', 'test', now() + interval '1 hour')`,
  );
const insertScore = () =>
  db.query(
    `INSERT INTO trust_scores (person_id, score, score_low, score_high, components, reasons)
     VALUES ($1, 50, 0, 100, '{}', '[]')`,
    [bob.personId],
  );

interface Moved {
  readonly metric: string;
  /** Of a histogram it is the count that grows. */
  readonly series?: string;
  readonly labels?: string;
  readonly by: () => Promise<unknown>;
}

const MOVED: readonly Moved[] = [
  { metric: 'auraid_registrations_total', labels: 'via="page"', by: () => people.register(`dora${tag}`) },
  { metric: 'auralink_appservice_events_total', by: write },
  { metric: 'auralink_appservice_transactions_total', by: write },
  {
    metric: 'auralink_audit_entries_total',
    labels: 'act="profile.changed"',
    by: () => done(alice, 'PUT', '/me/profile', { displayName: 'Alice' }),
  },
  { metric: 'auralink_call_alert_seconds', series: 'auralink_call_alert_seconds_count', by: talk },
  { metric: 'auralink_call_answer_seconds', series: 'auralink_call_answer_seconds_count', by: talk },
  { metric: 'auralink_calls_placed_total', labels: 'media="audio"', by: talk },
  { metric: 'cross_app_calls_total', by: talk },
  { metric: 'auralink_wake_messages_total', by: talk },
  { metric: 'auralink_ring_failovers_total', by: ringSilently },
  {
    metric: 'auralink_http_request_seconds',
    series: 'auralink_http_request_seconds_count',
    labels: 'route="/_auralink/v1/me",status="2xx"',
    by: () => done(alice, 'GET', '/me'),
  },
  {
    metric: 'auralink_identity_refused_total',
    labels: 'right="friend_request"',
    by: befriendWhoScreens,
  },
  {
    metric: 'auralink_identity_refused_total',
    labels: 'right="call"',
    by: () => bob.ask('POST', '/calls', { to: carol.auraId }),
  },
  {
    metric: 'auralink_identity_refused_total',
    labels: 'right="matrix_profile"',
    by: async () => {
      const [his, hers] = [await bob.matrix(), await carol.matrix()];
      await his.ask('GET', `/client/v3/profile/${encodeURIComponent(hers.userId)}`);
    },
  },
  { metric: 'auralink_identity_resolves_total', by: () => done(alice, 'GET', `/resolve/${bob.auraId}`) },
  { metric: 'auralink_identity_unreadable_total', labels: 'table="personal_fields"', by: spoil },
  { metric: 'auralink_identity_rewrapped_total', by: rotateKeys },
  {
    metric: 'auralink_livekit_webhooks_total',
    labels: 'outcome="refused"',
    by: () =>
      fetch(`${constellation.urls.engines}/sfu_webhook`, {
        method: 'POST',
        headers: { 'content-type': 'application/webhook+json', authorization: 'not a token' },
        body: '{}',
      }),
  },
  {
    metric: 'auralink_sign_ins_total',
    labels: 'outcome="accepted"',
    by: async () => {
      const other = new Browser(constellation.settings.config.PUBLIC_BASE_URL);
      await other.signIn(people.phone, { login: { user: alice.auraId, password: PASSWORD } });
    },
  },
  {
    metric: 'auralink_sign_ins_total',
    labels: 'outcome="refused"',
    by: async () => {
      const other = new Browser(constellation.settings.config.PUBLIC_BASE_URL);
      const way = { login: { user: alice.auraId, password: 'a guess' } };
      assert.equal((await other.act(await other.authorize(people.phone), way)).status, 401);
    },
  },
  {
    metric: 'auralink_messages_total',
    labels: 'outcome="sent"',
    by: () => sendCode(alice),
  },
  { metric: 'auralink_messages_limited_total', labels: 'by="person"', by: sendTooMany },
  { metric: 'auralink_messages_spend_today', by: () => sendCode(alice, 'phone') },
  { metric: 'auralink_messages_waiting', labels: 'channel="email"', by: sendInVain },
  { metric: 'auralink_messages_oldest_seconds', labels: 'channel="email"', by: sendInVain },
  {
    metric: 'auralink_dashboard_webhooks_total',
    labels: 'outcome="retry"',
    by: () => people.register(`erna${tag}`),
  },
  {
    metric: 'auralink_dashboard_webhooks_waiting',
    labels: 'state="pending"',
    by: () => people.register(`emma${tag}`),
  },
  { metric: 'auralink_sockets_open', by: () => carol.page(carol.tokens) },
  { metric: 'mesh_routes_active', by: insertRoute },
  { metric: 'trust_score_distribution', series: 'trust_score_distribution_count', by: insertScore },
];

describe('a metric grows when what it counts happens', () => {
  for (const { metric: name, series = name, labels = '', by } of MOVED) {
    it(`${name} ${labels}`, async () => {
      const before = await metric(series, labels);
      await by();
      await eventually(async () => assert.ok((await metric(series, labels)) > before), WITHIN_MS);
    });
  }
});

test('processes are counted, and one that has ended no more', async () => {
  assert.equal(await metric('auralink_service_processes'), 2);
  await constellation.halt('service-2');
  await eventually(async () => assert.equal(await metric('auralink_service_processes'), 1), WITHIN_MS);
});

test('no metric of the list is without such an act', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/METRICS.md'), 'utf8');
  const listed = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  assert.ok(listed.length >= 20, `${listed.length} metrics`);
  const moved = new Set([...MOVED.map((one) => one.metric), 'auralink_service_processes']);
  assert.deepEqual([...moved].sort(), listed.sort());
});
