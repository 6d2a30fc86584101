/**
 * Looking people up through a real door: what is remembered never outlives a change, answers have sizes that tell little,
 * and many addresses are as good as one after the other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESOLVE_PADDED_TO_BYTES } from '../../auralink-communication-service/auralink-modules/auraid/resolver.ts';
import { RESOLVE_MANY_MAX } from '../../auralink-communication-service/http/resolve-routes.ts';
import { scraper } from '../support/scrape.ts';
import { openStage } from '../support/stage.ts';

const stage = await openStage('resolve');
const { alice, bob } = await stage.pair(1);
const RESOLVE = '/_auralink/v1/resolve';

async function ask(auraId: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${stage.world.publicUrl}${RESOLVE}/${auraId}`, {
    headers: { authorization: `Bearer ${alice.endpoint.token}` },
  });
  return { status: response.status, text: await response.text() };
}

async function many(body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${stage.world.publicUrl}${RESOLVE}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${alice.endpoint.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('an answer shows the person, and its size nothing', async () => {
  const found = await ask(bob.auraId);
  assert.equal(found.status, 200);
  assert.equal(JSON.parse(found.text).auraId, bob.auraId);
  assert.equal(Buffer.byteLength(found.text) % RESOLVE_PADDED_TO_BYTES, 0);
});

test('nobody is a 404, whoever asks', async () => {
  const nobody = await ask('@nobody.at.all.aura');
  assert.equal(nobody.status, 404);
  assert.equal(JSON.parse(nobody.text).reason, 'unknown_address');
});

test('many addresses, in the order of asking; null where there is nobody', async () => {
  const { status, body } = await many({ auraIds: ['@nobody.aura', bob.auraId, 'no address', bob.auraId] });
  assert.equal(status, 200);
  const people = body.people as ({ auraId: string } | null)[];
  assert.deepEqual(
    people.map((one) => one?.auraId ?? null),
    [null, bob.auraId, null, bob.auraId],
  );
});

test('none, too many, or something else is refused by name', async () => {
  for (const auraIds of [[], Array(RESOLVE_MANY_MAX + 1).fill('@a.aura'), 'text', [1]]) {
    const { status, body } = await many({ auraIds });
    assert.equal(status, 400);
    assert.match(String(body.field), /^auraIds/);
  }
});

test('many addresses are let through all or none, and a refusal uses nothing up', async () => {
  const { alice: eve } = await stage.pair(1);
  const asMany = async (count: number) => {
    const response = await fetch(`${stage.world.publicUrl}${RESOLVE}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${eve.endpoint.token}`,
        'content-type': 'application/json',
        connection: 'close',
      },
      body: JSON.stringify({ auraIds: Array(count).fill(bob.auraId) }),
    });
    await response.body?.cancel();
    return response.status;
  };
  // 300 in a minute, over two processes.
  for (const count of [100, 100, 90]) assert.equal(await asMany(count), 200);
  assert.equal(await asMany(50), 429);
  assert.equal(await asMany(9), 200);
});

test('look-ups are counted by where the answer came from, over all processes', async () => {
  const metric = scraper(stage.constellation);
  const read = (answer: string) => metric('auralink_identity_resolves_total', `answer="${answer}"`);
  const { alice: fay } = await stage.pair(1);
  const before = { asked: await read('asked'), remembered: await read('remembered') };
  const headers = { authorization: `Bearer ${fay.endpoint.token}` };
  for (let n = 0; n < 10; n++) {
    const response = await fetch(`${stage.world.publicUrl}${RESOLVE}/${bob.auraId}`, { headers });
    await response.body?.cancel();
  }
  const asked = (await read('asked')) - before.asked;
  const remembered = (await read('remembered')) - before.remembered;
  assert.equal(asked + remembered, 10);
  assert.ok(asked >= 1 && remembered >= 1, `${asked} asked, ${remembered} remembered`);
});
