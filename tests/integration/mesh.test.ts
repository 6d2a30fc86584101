/** Nodes and routes over a real database, asked for as the Dashboard asks: with a token, from loopback. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import type { FastifyPluginAsync } from 'fastify';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import {
  NODE_LIVE_SECONDS,
  type NodeView,
  ROUTE_TTL_SECONDS,
  type Route,
} from '../../auralink-communication-service/auralink-modules/mesh-routing/model.ts';
import { createMeshService } from '../../auralink-communication-service/auralink-modules/mesh-routing/service.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import { createInternalAuth } from '../../auralink-communication-service/http/internal-auth.ts';
import { meshRoutes } from '../../auralink-communication-service/http/mesh-routes.ts';
import { buildDoor } from '../../auralink-communication-service/http/server.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { meshStore, ROUTES_PRUNED_AT_ONCE } from '../../auralink-communication-service/store/mesh.ts';
import { testDatabase } from '../harness.ts';

const [issuer, audience] = ['https://dashboard.example.org', 'auralink'];
const { publicKey, privateKey } = await generateKeyPair('ES256');
const db = openDatabase(await testDatabase());
after(() => db.close());
const auth = createInternalAuth({
  issuer,
  audience,
  keys: { set: { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] } },
  allowedCidrs: [],
  clock: systemClock,
  spendToken: async () => true,
});
const mesh = createMeshService({
  unitOfWork: db.unitOfWork,
  newRouteId: newId,
  store: meshStore,
  knowledge: { findQuality: async () => null },
  offersDirect: true,
});
const door = await buildDoor({
  logger: pino({ level: 'silent' }),
  newId,
  trustedProxies: [],
  plugins: [meshRoutes({ auth, mesh }) as FastifyPluginAsync],
});
after(() => door.close());

async function ask(
  url: string,
  scope: string,
  payload: object,
  subject = 'dashboard',
  remoteAddress = '127.0.0.1',
) {
  const token = await new SignJWT({ scope })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime('5 min')
    .sign(privateKey);
  return await door.inject({
    method: 'POST',
    url,
    remoteAddress,
    headers: { authorization: `Bearer ${token}` },
    payload,
  });
}
const register = (node: object, subject?: string) =>
  ask('/internal/mesh/register_node', 'mesh.register_node', node, subject);
const query = async (body: object) => {
  const answer = await ask('/internal/routing/query', 'routing.query', body);
  assert.equal(answer.statusCode, 200, answer.payload);
  return (answer.json() as { routes: Route[] }).routes;
};
const relay = (nodeId: string, over: object = {}) => ({
  nodeId,
  kind: 'relay',
  urls: [`turn:${nodeId}.example.org:3478`, `stun:${nodeId}.example.org:3478`],
  ...over,
});
const call = { from: '@alice.aura', to: '@bob.aura', media: 'video' };

test('a node is made, then renewed, and keeps what its operator said last', async () => {
  const made = await register(relay('r1', { region: 'eu', capacityKbps: 5_000, labels: { rack: 'a' } }));
  assert.equal(made.statusCode, 201, made.payload);
  const first = made.json() as NodeView;
  assert.deepEqual(
    { ...first, registeredAt: null, lastSeenAt: null },
    {
      ...relay('r1', { region: 'eu', capacityKbps: 5_000, labels: { rack: 'a' }, state: 'up' }),
      registeredAt: null,
      lastSeenAt: null,
    },
  );
  const renewed = await register(relay('r1', { state: 'draining' }));
  assert.equal(renewed.statusCode, 200);
  const second = renewed.json() as NodeView;
  assert.equal(second.state, 'draining');
  assert.equal(second.region, null);
  assert.equal(second.registeredAt, first.registeredAt);
  assert.ok(second.lastSeenAt >= first.lastSeenAt);
});

test("nobody takes over another service's node", async () => {
  await register(relay('r2'));
  const taken = await register(relay('r2', { urls: ['turn:evil.example.org'] }), 'somebody-else');
  assert.equal(taken.statusCode, 409);
  assert.equal(taken.json().reason, 'node_of_another');
  const kept = await db.pool.query("SELECT urls FROM mesh_nodes WHERE node_id = 'r2'");
  assert.deepEqual(kept.rows[0].urls, relay('r2').urls);
});

test('direct first, then the SFU; only live relays serve STUN; what is unknown is null', async () => {
  await register(relay('live'));
  await register(relay('draining', { state: 'draining' }));
  await register(relay('gone'));
  await db.pool.query("UPDATE mesh_nodes SET state = 'down' WHERE node_id IN ('r1', 'r2')");
  await db.pool.query(
    "UPDATE mesh_nodes SET last_seen_at = now() - make_interval(secs => $1) WHERE node_id = 'gone'",
    [NODE_LIVE_SECONDS + 1],
  );
  const [direct, sfu, ...more] = await query(call);
  assert.deepEqual(more, []);
  assert.equal(direct?.kind, 'direct');
  assert.deepEqual(direct?.hops, []);
  assert.deepEqual(direct?.iceServers, [{ urls: ['stun:live.example.org:3478'] }]);
  assert.equal(sfu?.kind, 'sfu');
  assert.deepEqual(sfu?.hops, ['livekit']);
  for (const route of [direct, sfu]) {
    assert.deepEqual([route?.rttMs, route?.jitterMs, route?.lossRatio, route?.mos], [null, null, null, null]);
  }
});

test('what was handed out is remembered for a while, and then forgotten', async () => {
  await db.pool.query('DELETE FROM mesh_routes');
  const routes = await query(call);
  const rows = await db.pool.query(
    `SELECT route_id, from_node, to_node, media, kind, hops, mos,
            extract(epoch FROM expires_at - computed_at)::integer AS ttl FROM mesh_routes ORDER BY kind`,
  );
  assert.deepEqual(
    rows.rows,
    routes.map((route) => ({
      route_id: route.id,
      from_node: call.from,
      to_node: call.to,
      media: call.media,
      kind: route.kind,
      hops: route.hops,
      mos: null,
      ttl: ROUTE_TTL_SECONDS,
    })),
  );
  await db.pool.query(
    `INSERT INTO mesh_routes (route_id, from_node, to_node, media, kind, reason, expires_at)
     SELECT gen_random_uuid(), 'old', 'b', 'audio', 'sfu', 'old', now() - interval '1 second'
     FROM generate_series(1, $1)`,
    [ROUTES_PRUNED_AT_ONCE + 1],
  );
  const left = async () =>
    Number((await db.pool.query("SELECT count(*) FROM mesh_routes WHERE from_node = 'old'")).rows[0].count);
  await query(call);
  assert.equal(await left(), 1);
  await query({ ...call, constraints: { maxHops: 0, relayOnly: true } });
  assert.equal(await left(), 0);
});

test('a text that the database cannot hold is bad input in a transaction too, and harms no other', async () => {
  const node = { ...relay('bad'), kind: 'relay', state: 'up', labels: { rack: 'a\0b' } } as const;
  for (const bad of [node, { ...node, labels: {}, region: 'a\0b' }]) {
    await assert.rejects(
      db.unitOfWork.run((tx) => meshStore.saveNode(tx, bad, 'd')),
      { code: 'invalid', details: { reason: 'bad_text' } },
    );
  }
  assert.equal((await register(relay('good'))).statusCode, 201);
});

test('without the scope, from outside, or malformed: refused, and nothing changed', async () => {
  const count = async () => (await db.pool.query('SELECT count(*) FROM mesh_nodes')).rows[0].count;
  const before = await count();
  const url = '/internal/mesh/register_node';
  assert.equal((await ask(url, 'routing.query', relay('x'))).statusCode, 403);
  assert.equal((await ask(url, 'mesh.register_node', relay('x'), 'd', '192.0.2.1')).statusCode, 404);
  assert.equal((await ask('/internal/routing/query', 'mesh.register_node', call)).statusCode, 403);
  const bad = await register(relay('x', { urls: ['http://x'] }));
  assert.equal(bad.statusCode, 400);
  assert.equal(bad.json().field, 'urls.0');
  assert.equal((await register({})).statusCode, 400);
  for (const text of ['a\0b', 'a\ud800b']) {
    const nodes = [
      { urls: [`turn:${text}`] },
      { region: text },
      { labels: { rack: text } },
      { labels: { [text]: 'a' } },
    ];
    for (const over of nodes) {
      const refused = await register(relay('x', over));
      assert.deepEqual(
        [refused.statusCode, refused.json().errcode],
        [400, 'M_BAD_JSON'],
        JSON.stringify(over),
      );
    }
  }
  assert.equal(
    (await ask('/internal/routing/query', 'routing.query', { ...call, to: call.from })).statusCode,
    400,
  );
  assert.equal(await count(), before);
});
