/** Do no harm: the natural order is left only for what is better for certain. And what a node or a query may say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Route,
  registerNodeSchema,
  routingQuerySchema,
} from '../../auralink-communication-service/auralink-modules/mesh-routing/model.ts';
import {
  predictMos,
  rankRoutes,
} from '../../auralink-communication-service/auralink-modules/mesh-routing/ranking.ts';
import { createMeshService } from '../../auralink-communication-service/auralink-modules/mesh-routing/service.ts';
import type { Tx } from '../../auralink-communication-service/core/unit-of-work.ts';

function route(id: string, mos: Route['mos']): Route {
  return {
    id,
    kind: 'sfu',
    hops: [],
    rttMs: null,
    jitterMs: null,
    lossRatio: null,
    mos,
    iceServers: [],
    reason: '',
  };
}
const order = (routes: Route[]) => rankRoutes(routes).map(({ id }) => id);

test('unknown quality keeps the natural order', () => {
  assert.deepEqual(order([route('direct', null), route('sfu', null)]), ['direct', 'sfu']);
  assert.deepEqual(order([route('direct', null), route('sfu', { value: 4.4, low: 4.3, high: 4.4 })]), [
    'direct',
    'sfu',
  ]);
});

test('a better guess is not enough: the intervals must not overlap', () => {
  const direct = route('direct', { value: 3.5, low: 3, high: 4 });
  assert.deepEqual(order([direct, route('sfu', { value: 4.2, low: 3.9, high: 4.4 })]), ['direct', 'sfu']);
  assert.deepEqual(order([direct, route('sfu', { value: 4.2, low: 4.1, high: 4.4 })]), ['sfu', 'direct']);
});

test('a prediction carries its interval', () => {
  const at = (rttMs: number) => ({ rttMs, jitterMs: 10, lossRatio: 0 });
  assert.equal(predictMos(null), null);
  const found = predictMos({ expected: at(400), best: at(200), worst: at(800) });
  assert.ok(found !== null && found.low < found.value && found.value < found.high, JSON.stringify(found));
});

function service(offersDirect: boolean) {
  let n = 0;
  return createMeshService({
    unitOfWork: { run: (work) => work({} as Tx) },
    newRouteId: () => `route-${++n}`,
    store: {
      saveNode: async () => null,
      listLiveNodes: async () => [],
      saveRoutes: async () => {},
    },
    knowledge: { findQuality: async () => null },
    offersDirect,
  });
}
const ask = (constraints: object) =>
  routingQuerySchema.parse({ from: '@alice.aura', to: '@bob.aura', media: 'audio', constraints });

test('constraints and the operator decide which kinds are offered', async () => {
  const kinds = async (offersDirect: boolean, constraints: object) =>
    (await service(offersDirect).findRoutes(ask(constraints))).map(({ kind }) => kind);
  assert.deepEqual(await kinds(true, {}), ['direct', 'sfu']);
  assert.deepEqual(await kinds(false, {}), ['sfu']);
  assert.deepEqual(await kinds(true, { allowDirect: false }), ['sfu']);
  assert.deepEqual(await kinds(true, { relayOnly: true }), ['sfu']);
  assert.deepEqual(await kinds(true, { maxHops: 0 }), ['direct']);
  assert.deepEqual(await kinds(false, { maxHops: 0 }), []);
});

test('what is not known is null, never a number', async () => {
  for (const found of await service(true).findRoutes(ask({}))) {
    const { rttMs, jitterMs, lossRatio, mos } = found;
    assert.deepEqual(
      { rttMs, jitterMs, lossRatio, mos },
      { rttMs: null, jitterMs: null, lossRatio: null, mos: null },
    );
    assert.match(found.reason, /not been measured/);
  }
});

test("a node of another service is nobody else's to take over", async () => {
  const node = registerNodeSchema.parse({ nodeId: 'r1', kind: 'relay', urls: ['turn:r1.example.org:3478'] });
  await assert.rejects(service(true).registerNode(node, 'x'), { code: 'conflict' });
});

test('a node needs addresses of its kind', () => {
  const urls = (kind: string, ...list: string[]) =>
    registerNodeSchema.safeParse({ nodeId: 'n', kind, urls: list }).success;
  assert.equal(urls('relay', 'turn:r.example.org:3478?transport=udp', 'stun:r.example.org'), true);
  assert.equal(urls('relay', 'https://r.example.org'), false);
  assert.equal(urls('relay', 'turn:r.example.org/x y'), false);
  assert.equal(urls('sfu', 'wss://sfu.example.org'), true);
  assert.equal(urls('sfu', 'turn:r.example.org'), false);
  assert.equal(urls('sfu'), false);
});

test('a query has two different ends and no unknown constraints', () => {
  const parse = (query: object) => routingQuerySchema.safeParse(query).success;
  assert.equal(parse({ from: 'a', to: 'b', media: 'video' }), true);
  assert.equal(parse({ from: 'a', to: 'a', media: 'video' }), false);
  assert.equal(parse({ from: 'a', to: 'b', media: 'smell' }), false);
  assert.equal(parse({ from: 'a', to: 'b', media: 'audio', constraints: { cheap: true } }), false);
  assert.equal(parse({ from: 'a', to: 'b', media: 'audio', constraints: { maxHops: 9 } }), false);
});
