/**
 * Wake-ups between two processes over real Redis and real PostgreSQL, while one and then the other is away. The engines
 * are this file's own, since it stops them.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, beforeEach, test } from 'node:test';
import { openRedis } from '../../auralink-communication-service/adapters/redis.ts';
import { createWakeBus } from '../../auralink-communication-service/adapters/wake-bus.ts';
import {
  NOTIFY_MAX_BYTES,
  openPostgresCarrier,
} from '../../auralink-communication-service/adapters/wake-postgres.ts';
import { createRedisCarrier } from '../../auralink-communication-service/adapters/wake-redis.ts';
import type { WakeMessage } from '../../auralink-communication-service/auralink-modules/endpoints/ports.ts';
import type { EndpointId, ProcessId } from '../../auralink-communication-service/core/ids.ts';
import { databaseAt } from '../../auralink-communication-service/launcher/postgres.ts';
import { silentLog } from '../fakes/log.ts';
import { ownConstellation } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { freeze } from '../support/freeze.ts';

const engines = await ownConstellation('wake', {
  processes: 0,
  redis: true,
  without: ['synapse', 'livekit'],
});
const { config } = engines.settings;
const address = databaseAt(engines.settings);

function startProcess() {
  const redis = openRedis(
    { host: config.COMM_REDIS_HOST, port: config.COMM_REDIS_PORT, password: config.COMM_REDIS_PASSWORD },
    silentLog,
  );
  const postgres = openPostgresCarrier(address, silentLog);
  const sentBy: string[] = [];
  const bus = createWakeBus(
    randomUUID() as ProcessId,
    [createRedisCarrier(redis, 'auralink:test:wake'), postgres],
    { sent: (carrier) => sentBy.push(carrier) },
    silentLog,
  );
  const heard: WakeMessage[] = [];
  bus.subscribe((messages) => heard.push(...messages));
  after(async () => {
    await bus.close();
    await redis.close();
  });
  return { bus, redis, postgres, heard, sentBy };
}

const [one, two] = [startProcess(), startProcess()];
let seq = 0;
const message = (size = 10): WakeMessage => ({
  kind: 'event',
  endpointId: randomUUID() as EndpointId,
  seq: ++seq,
  event: { type: 'ring', data: { text: 'x'.repeat(size) } },
});
const bothAre = (redis: boolean, postgres: boolean) =>
  eventually(() => {
    for (const each of [one, two]) {
      assert.deepEqual({ redis: each.redis.healthy, postgres: each.postgres.healthy }, { redis, postgres });
    }
  }, 20_000);

/** What the other heard of these, and not of earlier ones that arrive late. */
const aboutOf = (message: WakeMessage): string =>
  message.kind === 'identity_changed' ? message.personIds.join() : message.endpointId;
const heardOf = (sent: readonly WakeMessage[]) =>
  two.heard.filter((found) => sent.some((message) => aboutOf(message) === aboutOf(found)));

/** Sends until the other hears: right after a reconnection its subscription may be a moment behind. */
async function reaches(sent: WakeMessage): Promise<void> {
  await eventually(() => {
    one.bus.publish([sent]);
    assert.ok(heardOf([sent]).length > 0);
  });
}

beforeEach(() => {
  for (const each of [one, two]) {
    each.heard.length = 0;
    each.sentBy.length = 0;
  }
});

test('over Redis while it is there; nobody hears himself', async () => {
  await bothAre(true, true);
  await reaches(message());
  const sent = [message(), message(100_000), { kind: 'endpoint_revoked', endpointId: 'e' } as WakeMessage];
  one.bus.publish(sent);
  await eventually(() => assert.deepEqual(heardOf(sent), sent));
  assert.deepEqual(one.heard, []);
  assert.deepEqual([...new Set(one.sentBy)], ['redis']);
});

test('over PostgreSQL while Redis is away, many in one statement, the largest without its data', async () => {
  await engines.halt('redis');
  await bothAre(false, true);
  const sent = [...Array.from({ length: 300 }, () => message(200)), message(NOTIFY_MAX_BYTES)];
  one.bus.publish(sent);
  await eventually(() => assert.equal(heardOf(sent).length, 301));
  assert.deepEqual(heardOf(sent).slice(0, 300), sent.slice(0, 300));
  const last = heardOf(sent)[300];
  assert.ok(last?.kind === 'event' && last.event === undefined && last.seq === seq);
  assert.equal(one.sentBy.at(-1), 'postgres');
});

test('over Redis again once it is back', async () => {
  await engines.start('redis');
  await bothAre(true, true);
  await reaches(message());
  assert.equal(one.sentBy.at(-1), 'redis');
});

test('a Redis that is there but does not answer is passed over, and found again', async () => {
  await freeze(engines, 'redis');
  try {
    const sent = message();
    one.bus.publish([sent]);
    await eventually(() => assert.deepEqual(heardOf([sent]), [sent]));
    assert.equal(one.sentBy.at(-1), 'postgres');
    await bothAre(false, true);
  } finally {
    engines.kill('redis', 'SIGCONT');
  }
  await bothAre(true, true);
});

test('PostgreSQL killed and back: the listener returns by itself', async () => {
  await engines.halt('redis');
  await bothAre(false, true);
  engines.kill('postgres', 'SIGKILL');
  await bothAre(false, false);
  one.bus.publish([message()]);
  await eventually(() => assert.equal(one.sentBy.at(-1), 'none'));
  await bothAre(false, true);
  await reaches(message());
  assert.equal(one.sentBy.at(-1), 'postgres');
});
