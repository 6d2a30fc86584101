/**
 * Bad input: every mistake gets its clear error, with status, errcode and the field that it is about; nothing changes
 * in the database; nothing is ever a 500. A property test throws random requests at every route of the API.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LOOK_UP_LIMIT } from '../../../auralink-communication-service/auralink-modules/auraid/sign-in.ts';
import type { Answer, Phone } from '../../support/phone.ts';
import { openRawDoor } from '../../support/raw-door.ts';
import { openRefusals, sent } from '../../support/refusals.ts';
import { openStage, type Stage } from '../../support/stage.ts';

const FUZZ_RUNS = 250;
const API = '/_auralink/v1';
const stage: Stage = await openStage('bad-input');
const { config } = stage.constellation.settings;
const { raw, socketCode } = openRawDoor(config.PUBLIC_PORT);
const { refused, send } = openRefusals(stage);
const key = () => ({ 'idempotency-key': randomUUID() });

describe('placing a call', () => {
  it('to an address that is unknown, malformed or your own', async () => {
    const { alice } = await stage.pair(0);
    const placing = (to: string) => async () => sent(await alice.place(to));
    const unknown = { status: 404, errcode: 'M_NOT_FOUND', reason: 'unknown_address', field: 'to' };
    await refused('unknown address', unknown, placing('@nobody.here.aura'));
    const own = { status: 400, errcode: 'M_INVALID_PARAM', reason: 'own_address', field: 'to' };
    await refused('own address', own, placing(alice.endpoint.person.auraId));
    await refused('own address in capitals', own, placing(alice.endpoint.person.auraId.toUpperCase()));
    const malformed = { status: 400, errcode: 'M_BAD_JSON', field: 'to' };
    // Placing a call is no faster way to ask who is there than asking.
    await stage.world.db.query(`UPDATE rate_limits SET hits = $2 WHERE key = 'look-up:' || $1::text`, [
      alice.endpoint.person.personId,
      LOOK_UP_LIMIT.hits,
    ]);
    const often = { status: 429, errcode: 'M_LIMIT_EXCEEDED' };
    await refused('an unknown address too often', often, placing('@nobody.here.aura'));
    for (const to of [
      '',
      'a',
      '@a b.aura',
      '@alice:server',
      `@${'x'.repeat(200)}.aura`,
      '@nul\u0000.aura',
      '\ud800abc',
    ]) {
      await refused(`address ${JSON.stringify(to)}`, malformed, placing(to));
    }
    await stage.clear();
  });

  it('with a body that is not as it should be', async () => {
    const { alice, bob } = await stage.pair(0);
    const to = bob.auraId;
    const placing =
      (body: string, headers = {}) =>
      () =>
        send(alice, 'POST', '/calls', body, { ...key(), ...headers });
    const notJson = { status: 400, errcode: 'M_NOT_JSON', field: 'body' };
    for (const body of ['', '{', 'to=@bob.aura', `{"to":"${to}"`, '\u0000']) {
      await refused(`body ${JSON.stringify(body)}`, notJson, placing(body));
    }
    const bad = (field: string) => ({ status: 400, errcode: 'M_BAD_JSON', field });
    for (const body of ['null', '[]', '"x"', '1']) await refused(`body ${body}`, bad('body'), placing(body));
    await refused('no address', bad('to'), placing('{}'));
    for (const value of [1, null, [to], { address: to }, true]) {
      await refused(`to ${JSON.stringify(value)}`, bad('to'), placing(JSON.stringify({ to: value })));
    }
    await refused('media smell', bad('media'), placing(JSON.stringify({ to, media: 'smell' })));
    await refused('app number', bad('app'), placing(JSON.stringify({ to, app: 7 })));
    await refused('app name', bad('app'), placing(JSON.stringify({ to, app: 'No App!' })));
    await refused('extra field', bad('body'), placing(JSON.stringify({ to, ring: 'loud' })));
    await refused(
      '__proto__',
      { status: 400, errcode: 'M_NOT_JSON' },
      placing(`{"to":"${to}","__proto__":{"x":1}}`),
    );
    const huge = JSON.stringify({ to, app: 'x'.repeat(70_000) });
    await refused('huge body', { status: 413, errcode: 'M_TOO_LARGE', field: 'body' }, placing(huge));
    const xml = { 'content-type': 'application/xml' };
    await refused(
      'xml',
      { status: 415, errcode: 'M_NOT_JSON', field: 'content-type' },
      placing('<to/>', xml),
    );
    await refused('deep nesting', bad('to'), placing(`{"to":${'['.repeat(20_000)}${']'.repeat(20_000)}}`));
    await stage.clear();
  });

  it('with an Idempotency-Key that is missing, too long, or was used for somebody else', async () => {
    const { alice, bob } = await stage.pair(0);
    const body = JSON.stringify({ to: bob.auraId });
    const bad = { status: 400, errcode: 'M_INVALID_PARAM', field: 'idempotency-key' };
    await refused('no key', bad, () => send(alice, 'POST', '/calls', body));
    await refused('empty key', bad, () => send(alice, 'POST', '/calls', body, { 'idempotency-key': '' }));
    await refused('long key', bad, () =>
      send(alice, 'POST', '/calls', body, { 'idempotency-key': 'k'.repeat(129) }),
    );
    const first = await alice.place(bob.auraId, { key: 'k'.repeat(128) });
    assert.equal(first.status, 201);
    const carol = await stage.person();
    const reused = {
      status: 409,
      errcode: 'AURALINK_CONFLICT',
      reason: 'idempotency_key_reused',
      field: 'Idempotency-Key',
    };
    await refused('reused key', reused, async () =>
      sent(await alice.place(carol.auraId, { key: 'k'.repeat(128) })),
    );
    await alice.cancel(first.body.callId);
    await stage.clear();
  });

  it('too often', async () => {
    const { alice, bob } = await stage.pair(0);
    for (let i = 0; i < 30; i++) {
      const { status, body } = await alice.place(bob.auraId);
      assert.equal(status, 201, `call ${i}`);
      await alice.cancel(body.callId);
    }
    const limited = await alice.place(bob.auraId);
    assert.ok(Number(limited.headers.get('retry-after')) > 0);
    await refused('31st call', { status: 429, errcode: 'M_LIMIT_EXCEEDED' }, async () =>
      sent(await alice.place(bob.auraId)),
    );
    await stage.clear();
  });
});

describe('acting on calls and rings', () => {
  it('that are not there, not yours, or have no possible name', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const carol = await stage.phone(await stage.person());
    const { callId } = (await alice.place(bob.auraId)).body;
    const ring = await bobs[0]?.frame('ring');
    const ringId = String(ring?.data.ringId);
    await alice.frame('call.updated');
    const routes = (callName: string, ringName: string): [string, string][] => [
      ['GET', `/calls/${callName}`],
      ['POST', `/calls/${callName}/cancel`],
      ['POST', `/calls/${callName}/hangup`],
      ['POST', `/calls/${callName}/media-token`],
      ['GET', `/rings/${ringName}`],
      ['POST', `/rings/${ringName}/answer`],
      ['POST', `/rings/${ringName}/decline`],
    ];
    const absent = { status: 404, errcode: 'M_NOT_FOUND' };
    for (const [method, path] of [...routes(callId, ringId), ...routes(randomUUID(), randomUUID())]) {
      await refused(`${method} ${path}`, absent, () => send(carol, method, path, undefined, key()));
    }
    for (const name of [
      'x',
      '1',
      '..%2f..',
      '%00',
      `${callId}x`,
      callId.replaceAll('-', ''),
      'null',
      '%F0%9F%93%9E',
    ]) {
      for (const [method, path] of routes(name, name)) {
        const field = path.startsWith('/calls') ? 'callId' : 'ringId';
        const malformed = { status: 400, errcode: 'M_INVALID_PARAM', field };
        await refused(`${method} ${path}`, malformed, () => send(alice, method, path, undefined, key()));
      }
    }
    // A caller cannot answer her own call, nor the callee take it back.
    await refused('answer without ring', absent, async () => sent(await alice.answer(ringId)));
    await refused('cancel by callee', absent, async () => sent((await bobs[0]?.cancel(callId)) as Answer));
    await alice.cancel(callId);
    await stage.settle();
    await stage.clear();
  });

  it('a second time, or too late', async () => {
    const { alice, bob, bobs } = await stage.pair(2);
    const [one, two] = bobs as [Phone, Phone];
    const ringFor = async (phone: Phone, callId: string) =>
      String((await phone.frame('ring', (data) => data.callId === callId)).data.ringId);
    const late = (reason: string) => ({ status: 409, errcode: 'AURALINK_CONFLICT', reason });
    const place = async () => {
      const { callId } = (await alice.place(bob.auraId)).body;
      await alice.frame(
        'call.updated',
        (d) => d.callId === callId && (d.invitation as { alerting: boolean }).alerting,
      );
      return { callId, ring: await ringFor(one, callId), other: await ringFor(two, callId) };
    };

    const answered = await place();
    assert.equal((await one.answer(answered.ring)).status, 200);
    await refused('answer twice', late('already_answered'), async () =>
      sent(await one.answer(answered.ring)),
    );
    await refused('answer elsewhere', late('already_answered'), async () =>
      sent(await two.answer(answered.other)),
    );
    await refused('decline answered', late('already_answered'), async () =>
      sent(await two.decline(answered.other)),
    );
    await refused('cancel answered', late('already_answered'), async () =>
      sent(await alice.cancel(answered.callId)),
    );
    assert.equal((await alice.hangUp(answered.callId)).status, 200);
    await refused('answer ended', late('already_ended'), async () => sent(await two.answer(answered.other)));
    await refused('media of ended', late('already_ended'), async () =>
      sent(await alice.mediaToken(answered.callId)),
    );
    const again = await alice.hangUp(answered.callId);
    assert.deepEqual([again.status, again.body.endReason], [200, 'hung_up']);

    const cancelled = await place();
    assert.equal((await alice.cancel(cancelled.callId)).status, 200);
    await refused('answer cancelled', late('cancelled'), async () => sent(await one.answer(cancelled.ring)));
    await refused('decline cancelled', late('cancelled'), async () =>
      sent(await one.decline(cancelled.ring)),
    );
    assert.equal((await alice.cancel(cancelled.callId)).status, 200);

    const declined = await place();
    assert.equal((await two.decline(declined.other)).status, 200);
    await refused('answer declined', late('already_declined'), async () =>
      sent(await one.answer(declined.ring)),
    );
    assert.equal((await one.decline(declined.ring)).status, 200);
    await refused('cancel declined', late('already_declined'), async () =>
      sent(await alice.cancel(declined.callId)),
    );
    await stage.settle();
    await stage.clear();
  });

  it('by a method, a query or a route that there is not', async () => {
    const { alice } = await stage.pair(0);
    const unrecognized = { status: 404, errcode: 'M_UNRECOGNIZED' };
    for (const [method, path] of [
      ['DELETE', '/calls'],
      ['PUT', `/calls/${randomUUID()}/cancel`],
      ['GET', `/rings/${randomUUID()}/answer`],
      ['GET', '/nothing'],
      ['POST', '/calls/'],
    ] as const) {
      await refused(`${method} ${path}`, unrecognized, () => send(alice, method, path));
    }
    for (const [query, field] of [
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=1e400', 'limit'],
      ['limit=x', 'limit'],
      ['before=yesterday', 'before'],
      ['before=2026-13-41T00:00:00Z', 'before'],
    ]) {
      const bad = { status: 400, errcode: 'M_INVALID_PARAM', ...(field === undefined ? {} : { field }) };
      await refused(`history?${query}`, bad, () => send(alice, 'GET', `/history?${query}`));
    }
    await stage.clear();
  });
});

describe('random requests', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      '\u0000',
      'a\u0000b',
      '\ud800',
      '../..',
      "'; DROP TABLE apps; --",
      '%00',
      'NaN',
      '9'.repeat(400),
    ),
    fc.constantFrom(2 ** 53, -(2 ** 63), 1e308, -0, 1.5),
    fc.jsonValue({ maxDepth: 4 }),
  );
  const body = fc.oneof(
    fc.record({ to: nasty, media: nasty, app: nasty }, { requiredKeys: [] }),
    fc.record({ appId: nasty }),
    fc.jsonValue(),
    nasty,
  );
  const idOrWord = fc.oneof(
    fc.uuid(),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
    fc.constant('\u0000'),
  );
  const route = fc.constantFrom(
    ['POST', '/calls'],
    ['GET', '/calls/#'],
    ['POST', '/calls/#/cancel'],
    ['POST', '/calls/#/hangup'],
    ['POST', '/calls/#/media-token'],
    ['GET', '/rings/#'],
    ['POST', '/rings/#/answer'],
    ['POST', '/rings/#/decline'],
    ['GET', '/history?before=#'],
    ['GET', '/history?limit=#'],
    ['GET', '/names/#'],
    ['GET', '/resolve/#'],
    ['GET', '/me?#'],
    ['GET', '/config?#'],
    ['PUT', '/devices/current/app'],
  );

  it('never fail through a fault of ours', async () => {
    const bob = await stage.person();
    // The phone app may use every route, the device's choice included.
    const phone = await stage.phone(bob, { app: 'phone' });
    const headerKey = fc.oneof(
      fc.uuid(),
      fc.string({ maxLength: 200 }).map((text) => text.replace(/[^\x20-\x7e]/g, '?')),
    );
    await fc.assert(
      fc.asyncProperty(route, idOrWord, body, headerKey, async ([method, path], word, json, idempotency) => {
        const target = (path ?? '').replace('#', encodeLeniently(word));
        const answer = await raw(`${API}${target}`, {
          method: method ?? 'GET',
          headers: {
            authorization: `Bearer ${phone.endpoint.token}`,
            'idempotency-key': idempotency,
            ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
          },
          ...(method === 'GET' ? {} : { body: JSON.stringify(json) ?? '' }),
        });
        assert.ok(
          answer.status < 500,
          `${method} ${target} ${JSON.stringify(json)}: ${answer.status} ${answer.body}`,
        );
      }),
      { numRuns: FUZZ_RUNS },
    );
    await stage.settle();
    await stage.clear();
  });

  it('on the socket close it, and nothing else', async () => {
    const phone = await stage.phone(await stage.person(), { connect: false });
    const { token } = phone.endpoint;
    const strange = fc.oneof(
      fc.jsonValue(),
      fc.record(
        { type: fc.constantFrom('hello', 'ack', 'focus'), seq: nasty, token: nasty, lastSeq: nasty },
        { requiredKeys: ['type'] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(strange, async (frame) => {
        const code = await socketCode({ send: [JSON.stringify(frame)] });
        assert.ok(code === 4400 || code === 4401, `${JSON.stringify(frame)}: ${code}`);
      }),
      { numRuns: 60 },
    );
    assert.equal(await socketCode({ send: [JSON.stringify({ type: 'hello', token })] }), 0);
    await stage.clear();
  });
});

/** encodeURIComponent that also takes half a surrogate pair. */
function encodeLeniently(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
