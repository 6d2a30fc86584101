/** When a webhook is tried again, and how it is signed. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import {
  judge,
  RETRY_FIRST_SECONDS,
  RETRY_FOR_SECONDS,
  RETRY_WAIT_MAX_SECONDS,
  retryAfterSeconds,
} from '../../auralink-communication-service/auralink-modules/dashboard/retry.ts';
import {
  signatureHeaders,
  signingSecret,
} from '../../auralink-communication-service/auralink-modules/dashboard/signing.ts';

const NOW = new Date('2026-01-01T12:00:00Z');
const tried = { attempts: 1, ageSeconds: 0, now: NOW, chance: 1 };
const said = (status: number | null, retryAfter: string | null = null) => ({
  status,
  retryAfter,
  error: null,
});

test('only 2xx is an acceptance, only 410 is a farewell; all else is tried again', () => {
  for (const status of [200, 201, 204, 299])
    assert.deepEqual(judge(said(status), tried), { what: 'delivered' });
  assert.deepEqual(judge(said(410), tried), { what: 'gone' });
  for (const status of [100, 301, 308, 400, 401, 404, 409, 413, 429, 500, 503, null]) {
    assert.equal(judge(said(status), tried).what, 'retry', String(status));
  }
});

test('waits double up to an hour, each somewhere between its half and its whole', () => {
  const wait = (attempts: number, chance: number) => {
    const verdict = judge(said(500), { ...tried, attempts, chance });
    assert.ok(verdict.what === 'retry' && !verdict.pause);
    return verdict.afterSeconds;
  };
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => wait(n, 1)),
    [1, 2, 4, 8].map((n) => n * RETRY_FIRST_SECONDS),
  );
  assert.equal(wait(3, 0), 2 * RETRY_FIRST_SECONDS);
  assert.equal(wait(40, 1), RETRY_WAIT_MAX_SECONDS);
});

test('tries go on for a day; the last is made when it is over', () => {
  const left = judge(said(500), { ...tried, attempts: 30, ageSeconds: RETRY_FOR_SECONDS - 60 });
  assert.deepEqual(left, { what: 'retry', afterSeconds: 60, pause: false });
  assert.deepEqual(judge(said(500), { ...tried, ageSeconds: RETRY_FOR_SECONDS }), { what: 'dead' });
  assert.deepEqual(judge(said(204), { ...tried, ageSeconds: RETRY_FOR_SECONDS }), { what: 'delivered' });
});

test('Retry-After is honoured in seconds and as a date, up to an hour', () => {
  assert.deepEqual(judge(said(429, '120'), tried), { what: 'retry', afterSeconds: 120, pause: true });
  assert.deepEqual(judge(said(503, 'Thu, 01 Jan 2026 12:05:00 GMT'), tried), {
    what: 'retry',
    afterSeconds: 300,
    pause: true,
  });
  assert.deepEqual(judge(said(503, '999999'), tried), {
    what: 'retry',
    afterSeconds: RETRY_WAIT_MAX_SECONDS,
    pause: true,
  });
  const patient = judge(said(503, null), tried);
  assert.deepEqual(judge(said(503, '0'), tried), { ...patient, pause: true }, 'never sooner than without it');
  assert.equal(retryAfterSeconds('soon', NOW), null);
  assert.equal(retryAfterSeconds('Thu, 01 Jan 2026 11:00:00 GMT', NOW), 0, 'the past is now');
});

test('a signature is the HMAC-SHA256 of id, time and body, one for each secret', () => {
  const master = 'a master secret of the operator';
  const secrets = [signingSecret(master, 'generation-2'), signingSecret(master, 'generation-1')];
  assert.notEqual(secrets[0], secrets[1]);
  assert.equal(secrets[0], signingSecret(master, 'generation-2'));
  assert.notEqual(secrets[0], signingSecret(`${master}.`, 'generation-2'));
  const headers = signatureHeaders(secrets, 'msg-1', NOW, '{"a":"ü"}');
  const expected = secrets.map((secret) => {
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const signed = `msg-1.${NOW.getTime() / 1_000}.{"a":"ü"}`;
    return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  });
  assert.deepEqual(headers, {
    'webhook-id': 'msg-1',
    'webhook-timestamp': String(NOW.getTime() / 1_000),
    'webhook-signature': expected.join(' '),
  });
});
