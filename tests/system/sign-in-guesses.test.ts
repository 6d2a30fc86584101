/**
 * Guessing at a sign-in tells nobody who is there: a claimed name and one that nobody has get, in every byte, the same
 * refusals from our page and from Matrix's `/login`, are limited after the same number of guesses wherever they come
 * from, and none is refused sooner than REFUSED_SIGN_IN_MS.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REFUSED_SIGN_IN_MS } from '../../auralink-communication-service/auralink-modules/auraid/sign-in.ts';
import { Browser } from '../fakes/browser.ts';
import { ownConstellation } from '../harness.ts';

/** Synapse's own limit for one account (homeserver.yaml, `rc_login.failed_attempts`). */
const FAILED_ATTEMPTS = 10;
const { settings } = await ownConstellation('sign-in-guesses', {
  processes: 1,
  redis: false,
  env: { TRUSTED_PROXY_CIDRS: '127.0.0.1/32' },
});
const base = settings.config.PUBLIC_BASE_URL;
const phone = { clientId: 'phone', redirectUri: `${base}/` };
/** Headers of the connection and of the moment. */
const PASSING = new Set(['date', 'x-request-id', 'keep-alive', 'connection', 'transfer-encoding']);
const invitationCode = settings.config.REGISTRATION_TOKEN;
for (const auraId of ['clara', 'dorothea'])
  await new Browser(base).signIn(phone, {
    register: { auraId, password: 'correct horse battery', invitationCode },
  });

interface Refusal {
  readonly whole: string;
  readonly status: number;
  readonly ms: number;
}
type Guess = (user: string, nth: number) => Promise<Refusal>;

async function refusal(asked: Promise<Response>, user: string): Promise<Refusal> {
  const startedMs = performance.now();
  const answer = await asked;
  const text = await answer.text();
  const ms = performance.now() - startedMs;
  const headers = [...answer.headers].filter(([name]) => !PASSING.has(name)).sort();
  const whole = JSON.stringify([answer.status, headers, text.replaceAll(user, 'NAME')]);
  // Waiting times and the ids of requests are of the moment.
  return { status: answer.status, ms, whole: whole.replace(/"requestId[^,}]*/g, '') };
}

/** Each from another subscriber, so that only what counts by account counts. */
const from = (nth: number) => ({ 'x-forwarded-for': `10.7.${nth}.1` });

const onThePage: Guess = async (user, nth) => {
  const browser = new Browser(base);
  const authorization = await browser.authorize(phone);
  return refusal(browser.act(authorization, { login: { user, password: 'a guess' } }, from(nth)), user);
};
const atMatrix: Guess = (user, nth) =>
  refusal(
    fetch(`${base}/_matrix/client/v3/login`, {
      method: 'POST',
      headers: from(nth),
      body: JSON.stringify({
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user },
        password: 'a guess',
      }),
    }),
    user,
  );

async function refusals(guess: Guess, user: string): Promise<Refusal[]> {
  const all: Refusal[] = [];
  for (let nth = 0; nth <= FAILED_ATTEMPTS + 1; nth++) all.push(await guess(user, nth));
  return all;
}

for (const [where, guess, claimed] of [
  ['on our page', onThePage, '@clara.aura'],
  ['at Matrix’s /login', atMatrix, '@dorothea.aura'],
] as const) {
  test(`wrong passwords ${where} are refused alike for a claimed name and for nobody’s`, async () => {
    const [known, unknown] = await Promise.all([
      refusals(guess, claimed),
      refusals(guess, `@nobody${where.length}.aura`),
    ]);
    for (const nth of [0, FAILED_ATTEMPTS - 1]) {
      assert.ok([401, 403].includes(known[nth]?.status ?? 0), known[nth]?.whole);
      assert.equal(unknown[nth]?.whole, known[nth]?.whole);
    }
    for (const one of [known, unknown])
      assert.ok(
        one.some(({ status }) => status === 429),
        'limited in the end',
      );
    for (const { ms } of [...known, ...unknown]) assert.ok(ms >= REFUSED_SIGN_IN_MS - 1, `${ms} ms`);
  });
}
