/** Tokens and requests in the SDK: one renewal at a time, safe repeats, errors as the service means them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import { createLock } from '../../../auralink-client/mutex.ts';
import { FakeService, json, problem } from '../../fakes/client-service.ts';
import { clientWorld, settle } from '../../fakes/client-world.ts';

const ME = 'GET /_auralink/v1/me';

function bearerOf(headers: Readonly<Record<string, string>>): string {
  return headers.authorization?.replace('Bearer ', '') ?? '';
}

/** A service that no longer takes the first access token. */
function refusingFirst(): FakeService {
  const service = new FakeService();
  return service.on(ME, ({ headers }) =>
    bearerOf(headers) === 'access-1' ? problem(401, 'M_UNKNOWN_TOKEN') : json({ auraId: '@alice.aura' }),
  );
}

test('ten requests that meet a refused token renew it once', async () => {
  const { auralink, service } = clientWorld({ service: refusingFirst() });
  const answers = await Promise.all(Array.from({ length: 10 }, () => auralink.me()));
  assert.equal(answers.length, 10);
  assert.equal(service.seen('POST /oidc/token').length, 1);
});

test('two tabs that share a storage renew once', async () => {
  const first = clientWorld({ service: refusingFirst() });
  const second = clientWorld({ service: first.service, storage: first.storage, signedIn: false });
  await Promise.all([first.auralink.me(), second.auralink.me()]);
  assert.equal(first.service.seen('POST /oidc/token').length, 1);
});

test('a token that is about to expire is renewed before it is used', async () => {
  const service = new FakeService().on(ME, ({ headers }) => json({ token: bearerOf(headers) }));
  service.expiresInSeconds = 30;
  const { auralink } = clientWorld({ service });
  service.expiresInSeconds = 600;
  assert.deepEqual(await auralink.me(), { token: 'access-2' });
});

test('a grant that is gone signs out; a service that is away does not', async () => {
  const service = refusingFirst();
  const { auralink } = clientWorld({ service });
  service.on('POST /oidc/token', () => json({ error: 'temporarily_unavailable' }, 503));
  await assert.rejects(auralink.me(), { status: 503 });
  assert.equal(auralink.signedIn, true);
  service.on('POST /oidc/token', () => json({ error: 'invalid_grant' }, 400));
  await assert.rejects(auralink.me(), { status: 401, errcode: 'M_MISSING_TOKEN' });
  assert.equal(auralink.signedIn, false);
});

test('placing a call is repeated with the same key, and another call gets another', async () => {
  let failures = 1;
  const service = new FakeService().on('POST /_auralink/v1/calls', () => {
    failures -= 1;
    if (failures >= 0) throw new TypeError('connection reset');
    return json({ callId: 'c1' }, 201);
  });
  const { auralink } = clientWorld({ service });
  await auralink.calls.place('bob', { media: 'video' });
  await auralink.calls.place('bob');
  const [first, repeated, second] = service.seen('POST /_auralink/v1/calls');
  assert.ok(first?.headers['idempotency-key']);
  assert.equal(first.headers['idempotency-key'], repeated?.headers['idempotency-key']);
  assert.notEqual(first.headers['idempotency-key'], second?.headers['idempotency-key']);
  assert.deepEqual(JSON.parse(first.body), { to: 'bob', media: 'video' });
});

test('a refusal is not repeated and keeps everything that the service said', async () => {
  const service = new FakeService().on('POST /_auralink/v1/calls', () =>
    problem(400, 'M_INVALID_PARAM', { reason: 'own_address', field: 'to' }),
  );
  const { auralink } = clientWorld({ service });
  const error = await auralink.calls.place('me').catch((thrown: unknown) => thrown);
  assert.ok(error instanceof AuraLinkError);
  assert.equal(error.message, 'refused: M_INVALID_PARAM');
  assert.deepEqual(
    [error.status, error.errcode, error.reason, error.field],
    [400, 'M_INVALID_PARAM', 'own_address', 'to'],
  );
  assert.equal(service.seen('POST /_auralink/v1/calls').length, 1);
});

test('being told to wait for long is for the person to know', async () => {
  const service = new FakeService().on(ME, () =>
    problem(429, 'M_LIMIT_EXCEEDED', { retry_after_ms: 60_000 }),
  );
  const { auralink } = clientWorld({ service });
  await assert.rejects(auralink.me(), { status: 429, retryAfterMs: 60_000 });
  assert.equal(service.seen(ME).length, 1);
});

test('a service that is restarting is asked again', async () => {
  let left = 2;
  const service = new FakeService().on(ME, () => {
    left -= 1;
    return left >= 0 ? problem(503, 'AURALINK_UNAVAILABLE') : json({ auraId: '@alice.aura' });
  });
  const { auralink } = clientWorld({ service });
  assert.equal((await auralink.me()).auraId, '@alice.aura');
  assert.equal(service.seen(ME).length, 3);
});

test('an answer outlasts a service that is away for ten seconds; a look-up does not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() });
  const backAtMs = Date.now() + 10_000;
  const away = () => Date.now() < backAtMs;
  const service = new FakeService()
    .on('POST /_auralink/v1/rings/r/answer', () => (away() ? problem(503, 'X') : json({ callId: 'c1' })))
    .on(ME, () => (away() ? problem(503, 'X') : json({})));
  const { auralink } = clientWorld({ service });
  const answered = auralink.calls.answer('r');
  const lookedUp = assert.rejects(auralink.me(), { status: 503 });
  for (let passedMs = 0; passedMs <= 20_000; passedMs += 250) {
    await settle();
    t.mock.timers.tick(250);
  }
  await lookedUp;
  assert.equal((await answered).callId, 'c1');
  const keys = service
    .seen('POST /_auralink/v1/rings/r/answer')
    .map(({ headers }) => headers['idempotency-key']);
  assert.equal(new Set(keys).size, 1);
});

test('a page of a balancer instead of an answer of ours is still a proper error', async () => {
  const service = new FakeService().on(ME, () => new Response('<h1>Forbidden</h1>', { status: 403 }));
  const { auralink } = clientWorld({ service });
  await assert.rejects(auralink.me(), { status: 403, errcode: 'M_UNKNOWN' });
});

test('without Web Locks a page still lets one at a time through, also after a failure', async () => {
  const withLock = createLock(null);
  const order: string[] = [];
  const work = (name: string, fails = false) =>
    withLock('lock', async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const first = assert.rejects(work('first', true), /first/);
  await Promise.all([first, work('second')]);
  assert.deepEqual(order, ['first begins', 'first ends', 'second begins', 'second ends']);
});
