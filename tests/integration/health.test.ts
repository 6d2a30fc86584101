/** The probes against real parts, and against parts that are away, foreign or wrong. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { createLivekit } from '../../auralink-communication-service/adapters/livekit.ts';
import {
  livekitProbe,
  platformProbe,
  stunProbe,
  synapseProbe,
} from '../../auralink-communication-service/adapters/probes.ts';
import { openRedis } from '../../auralink-communication-service/adapters/redis.ts';
import { openDatabaseProbe } from '../../auralink-communication-service/store/health.ts';
import { silentLog } from '../fakes/log.ts';
import { constellation, testDatabase, withClient } from '../harness.ts';
import { eventually } from '../support/eventually.ts';

const { config } = constellation();
const NOBODY = 'http://127.0.0.1:9';
const soon = () => AbortSignal.timeout(1_000);

function livekitWith(apiSecret: string, url = config.LIVEKIT_URL) {
  const provider = createLivekit({
    url,
    publicUrl: config.LIVEKIT_PUBLIC_URL,
    apiKey: config.LIVEKIT_API_KEY,
    apiSecret,
  });
  return livekitProbe(url, () => provider.listRooms());
}

test('PostgreSQL: its version; away, an error in time', async () => {
  const address = await testDatabase();
  const probe = openDatabaseProbe(address);
  after(() => probe.close());
  assert.match((await probe.ask()).version, /^15\./);
  const away = openDatabaseProbe({ ...address, port: 9 });
  after(() => away.close());
  await assert.rejects(away.ask());
});

test('PostgreSQL: after its connection was cut the next question gets another one', async () => {
  const address = await testDatabase();
  const probe = openDatabaseProbe(address);
  after(() => probe.close());
  await probe.ask();
  await withClient(address, (client) =>
    client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'auralink-health' AND datname = $1",
      [address.database],
    ),
  );
  await eventually(() => probe.ask());
});

test('Redis: its version', async () => {
  const redis = openRedis(
    { host: config.COMM_REDIS_HOST, port: config.COMM_REDIS_PORT, password: config.COMM_REDIS_PASSWORD },
    silentLog,
  );
  after(() => redis.close());
  const found = await eventually(() => redis.probe());
  assert.match(found.version ?? '', /^\d+\.\d+/);
  const away = openRedis({ host: '127.0.0.1', port: 9, password: '' }, silentLog);
  after(() => away.close());
  await assert.rejects(away.probe());
});

test('Synapse: its version; somebody else in its place is not taken for it', async () => {
  assert.match((await synapseProbe(config.SYNAPSE_URL)(soon()))?.version ?? '', /^1\.\d+/);
  await assert.rejects(synapseProbe(NOBODY)(soon()));
  const wrong = await synapseProbe(config.LIVEKIT_URL)(soon());
  assert.match(wrong?.trouble ?? '', /^answers 404/);
});

test('LiveKit: there with our key, of no use with another', async () => {
  assert.deepEqual(await livekitWith(config.LIVEKIT_API_SECRET)(soon()), { version: null });
  assert.match((await livekitWith('y'.repeat(40))(soon()))?.trouble ?? '', /key/);
  await assert.rejects(livekitWith(config.LIVEKIT_API_SECRET, NOBODY)(soon()));
});

test('the platform: not configured where the default name means nothing, else there, ailing or away', async () => {
  const unresolvable = 'http://dashboard-service.invalid:8080';
  assert.equal(await platformProbe(unresolvable, unresolvable)(soon()), null);
  await assert.rejects(platformProbe(NOBODY, unresolvable)(soon()));
  let status = 200;
  const server = createServer((_request, response) => response.writeHead(status).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.deepEqual(await platformProbe(url, unresolvable)(soon()), { version: null });
  status = 404;
  assert.deepEqual(await platformProbe(url, unresolvable)(soon()), { version: null });
  status = 502;
  assert.deepEqual(await platformProbe(url, unresolvable)(soon()), { version: null, trouble: 'answers 502' });
});

test('coturn: asked by STUN, names itself; silence is an error in time', async () => {
  assert.equal(await stunProbe('')(soon()), null);
  assert.match((await stunProbe('http://x')(soon()))?.trouble ?? '', /turn:/);
  const server = createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
  const software = Buffer.from('Coturn-4.6.1 test');
  let silent = false;
  server.on('message', (request, from) => {
    if (silent) return;
    const attribute = Buffer.alloc(4 + Math.ceil(software.length / 4) * 4);
    attribute.writeUInt16BE(0x8022, 0);
    attribute.writeUInt16BE(software.length, 2);
    software.copy(attribute, 4);
    const head = Buffer.alloc(4);
    head.writeUInt16BE(0x0101, 0);
    head.writeUInt16BE(attribute.length, 2);
    const answer = Buffer.concat([head, request.subarray(4, 20), attribute]);
    // A stray answer to somebody else's question comes first.
    const stray = Buffer.from(answer);
    stray.fill(0, 8, 20);
    server.send(stray, from.port, from.address);
    server.send(answer, from.port, from.address);
  });
  const url = `turn:127.0.0.1:${server.address().port}?transport=udp`;
  assert.deepEqual(await stunProbe(url)(soon()), { version: 'Coturn-4.6.1 test' });
  silent = true;
  await assert.rejects(stunProbe(url)(AbortSignal.timeout(200)));
});
