/**
 * Every flow around an identity, asked over two processes one of which is killed again and again: e-mail by code and by
 * link, SMS, sending again, validating and binding at the Identity Service, a document and its review. Whoever asks again
 * after an answer that got lost comes to the end of it; what was proved was proved once, and no message left more than
 * twice.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ownConstellation } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { td3 } from '../support/mrz-lines.ts';
import { png } from '../support/pictures.ts';
import { codeIn, linkIn, openPostbox } from '../support/postbox.ts';
import { openWorld, type TestEndpoint } from '../support/world.ts';

const postbox = await openPostbox();
const constellation = await ownConstellation('proofs-killed', {
  ...{ processes: 2, redis: false, without: ['synapse'] },
  env: { ...postbox.env, DOCUMENT_ACCEPT_SPECIMEN: 'true' },
});
const world = await openWorld(constellation);
after(() => world.close());
world.db.on('error', () => {});
await world.app('chat');
const unique = randomBytes(4).toString('hex');
const WITHIN_MS = 60_000;
/** So long a process answers before the next one is killed: on a busy machine none would be there again in time. */
const KILL_EVERY_MS = 1_500;
const PEOPLE = 4;

/** Kills one process after the other until `work` has ended; at least three times. */
async function whileKilled(work: () => Promise<void>): Promise<void> {
  let [going, kills] = [true, 0];
  const killer = (async () => {
    while (going || kills < 3) {
      await eventually(
        async () => assert.ok((await fetch(`${constellation.urls.public}/_matrix/identity/versions`)).ok),
        WITHIN_MS,
      );
      await delay(KILL_EVERY_MS);
      constellation.kill(`service-${1 + (kills % 2)}`);
      kills += 1;
    }
  })();
  try {
    await work();
  } finally {
    going = false;
    await killer;
  }
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of a body is what it asserts
  readonly body: any;
}

/** Asks again until somebody answers for good. */
async function surely(
  token: string | null,
  method: string,
  path: string,
  body?: object | Buffer,
): Promise<Answer> {
  const isBytes = Buffer.isBuffer(body);
  return await eventually(async () => {
    const response = await fetch(`${constellation.urls.public}${path}`, {
      method,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': isBytes ? 'image/png' : 'application/json' }),
      },
      ...(body !== undefined && { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.status < 500, text);
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  }, WITHIN_MS);
}

const people = async (prefix: string): Promise<TestEndpoint[]> =>
  world.endpoints(await world.people(`${prefix}${unique}`, PEOPLE), 'chat');
const api = (one: TestEndpoint, method: string, path: string, body?: object | Buffer) =>
  surely(one.token, method, `/_auralink/v1${path}`, body);
const actsOf = async (personId: string, act: string): Promise<number> =>
  (
    await world.db.query('SELECT count(*)::int AS n FROM audit_log WHERE subject_id = $1 AND act = $2', [
      personId,
      act,
    ])
  ).rows[0].n;

/** Each message that one recipient got came at most twice for each time that it was asked for, and then as the same. */
function sentAtMostTwice(to: string, asked = 1): void {
  const times = new Map<string, number>();
  for (const { text } of postbox.received.filter((message) => message.to === to)) {
    times.set(text, (times.get(text) ?? 0) + 1);
  }
  for (const [text, count] of times) assert.ok(count <= 2 * asked, `${count} times: ${text}`);
}

async function isProvedOnce({ person }: TestEndpoint): Promise<void> {
  const { rows } = await world.db.query(
    'SELECT state, f.verified_at IS NOT NULL AS verified FROM aura_id_verifications v LEFT JOIN personal_fields f USING (field_id) WHERE v.person_id = $1',
    [person.personId],
  );
  assert.deepEqual(rows, [{ state: 'verified', verified: true }]);
  assert.equal(await actsOf(person.personId, 'verification.proved'), 1);
}

/** After the pause it is sent again, once: whoever asks again because the answer got lost is told to wait. */
async function resent(one: TestEndpoint, verificationId: string): Promise<void> {
  await world.db.query(
    "UPDATE verification_challenges SET sent_at = sent_at - interval '10 min' WHERE verification_id = $1",
    [verificationId],
  );
  const { status, body } = await api(one, 'POST', `/me/verifications/${verificationId}/resend`);
  assert.ok(status === 200 || (status === 429 && body.reason === 'resend_pause'), JSON.stringify(body));
  const sql = 'SELECT sends FROM verification_challenges WHERE verification_id = $1';
  assert.deepEqual((await world.db.query(sql, [verificationId])).rows, [{ sends: 2 }]);
}

describe('while processes are killed', () => {
  for (const [method, by] of [
    ['email', 'code'],
    ['email', 'link'],
    ['phone', 'code'],
  ] as const) {
    it(`an address is proved once: ${method} by ${by}, sent again on the way`, async () => {
      const everybody = await people(`k${method[0]}${by[0]}`);
      const addressOf = (n: number) =>
        method === 'email'
          ? `${by}${n}.${unique}@mail.example`
          : `+49151${String(Number.parseInt(unique, 16) % 10_000_000).padStart(7, '0')}${n}`;
      await whileKilled(async () => {
        await Promise.all(
          everybody.map(async (one, n) => {
            const address = addressOf(n);
            const begun = await api(one, 'POST', '/me/verifications', { method, address });
            assert.equal(begun.status, 201, JSON.stringify(begun.body));
            const path = `/me/verifications/${begun.body.verificationId}`;
            await postbox.messageTo(address, { withinMs: WITHIN_MS });
            await resent(one, begun.body.verificationId);
            // A code lives on when it is sent again; what is in the newest message counts in any case.
            await eventually(async () => {
              const message = await postbox.messageTo(address, { withinMs: WITHIN_MS });
              const answer =
                by === 'code'
                  ? await api(one, 'POST', `${path}/submit`, { code: codeIn(message) })
                  : await surely(null, 'POST', '/_auralink/v1/verifications/link', {
                      token: new URL(linkIn(message)).hash.slice(1),
                    });
              const { rows } = await world.db.query(
                'SELECT state FROM aura_id_verifications WHERE person_id = $1',
                [one.person.personId],
              );
              assert.equal(rows[0].state, 'verified', JSON.stringify(answer));
            }, WITHIN_MS);
          }),
        );
      });
      for (const [n, one] of everybody.entries()) {
        await isProvedOnce(one);
        sentAtMostTwice(addressOf(n), 2);
      }
    });
  }

  it('an address is validated and bound at the Identity Service, found, and unbound', async () => {
    const V2 = '/_matrix/identity/v2';
    const accounts = Array.from({ length: PEOPLE }, (_, n) => ({
      userId: `@killed${n}${unique}:elsewhere.example`,
      token: randomBytes(32).toString('base64url'),
      email: `bound${n}.${unique}@mail.example`,
    }));
    for (const { userId, token } of accounts) {
      await world.db.query('INSERT INTO identity_tokens (token_hash, matrix_user_id) VALUES ($1, $2)', [
        createHash('sha256').update(token).digest(),
        userId,
      ]);
    }
    const found = async (token: string, email: string): Promise<string | null> => {
      const { lookup_pepper: pepper } = (await surely(token, 'GET', `${V2}/hash_details`)).body;
      const hash = createHash('sha256').update(`${email} email ${pepper}`).digest('base64url');
      const body = { algorithm: 'sha256', pepper, addresses: [hash] };
      return (await surely(token, 'POST', `${V2}/lookup`, body)).body.mappings[hash] ?? null;
    };
    await whileKilled(async () => {
      await Promise.all(
        accounts.map(async ({ userId, token, email }) => {
          const ask = (path: string, body: object) => surely(token, 'POST', `${V2}${path}`, body);
          const client_secret = randomBytes(12).toString('hex');
          const asked = await ask('/validate/email/requestToken', { client_secret, email, send_attempt: 1 });
          assert.equal(asked.status, 200, JSON.stringify(asked.body));
          const session = { sid: asked.body.sid, client_secret };
          const message = await postbox.messageTo(email, { withinMs: WITHIN_MS });
          const link = new URL(/https?:\S+/.exec(message.text)?.[0] ?? '');
          const secret = link.searchParams.get('token') ?? '';
          assert.equal((await ask('/validate/email/submitToken', { ...session, token: secret })).status, 200);
          const bound = await ask('/3pid/bind', { ...session, mxid: userId });
          assert.deepEqual([bound.status, bound.body.mxid], [200, userId]);
          assert.equal(await found(token, email), userId);
        }),
      );
    });
    const count = 'SELECT count(*)::int AS n FROM identity_associations WHERE matrix_user_id = ANY ($1)';
    const ids = accounts.map(({ userId }) => userId);
    assert.equal((await world.db.query(count, [ids])).rows[0].n, PEOPLE);
    for (const { email } of accounts) sentAtMostTwice(email);
    await whileKilled(async () => {
      for (const { userId, token, email } of accounts) {
        const what = { mxid: userId, threepid: { medium: 'email', address: email } };
        assert.equal((await surely(token, 'POST', `${V2}/3pid/unbind`, what)).status, 200);
        assert.equal(await found(token, email), null);
      }
    });
    assert.equal((await world.db.query(count, [ids])).rows[0].n, 0);
  });

  it('a document is sent, taken, judged and proved once', async () => {
    const owners = await people('kd');
    const [reviewer] = await world.endpoints(await world.people(`kr${unique}`, 1), 'chat');
    assert.ok(reviewer);
    await world.db.query("INSERT INTO reviewer_roles (person_id, granted_by) VALUES ($1, 'service:test')", [
      reviewer.person.personId,
    ]);
    await whileKilled(async () => {
      await Promise.all(
        owners.map(async (one, n) => {
          const lines = td3({ number: `K0000000${n}` });
          const begun = await api(one, 'POST', '/me/documents', { lines });
          // The answer to the first try may have got lost: it is under way then, and says which.
          const id = begun.body.documentId;
          assert.ok(
            begun.status === 201 || begun.body.reason === 'document_under_way',
            JSON.stringify(begun.body),
          );
          assert.equal(
            (await api(one, 'PUT', `/me/documents/${id}/images/front`, png(640, 480))).status,
            200,
          );
          const sent = await api(one, 'POST', `/me/documents/${id}/send`);
          assert.ok(sent.status === 200 || sent.body.reason === 'not_editable', JSON.stringify(sent.body));
          assert.equal((await api(reviewer, 'POST', `/reviews/${id}/claim`)).status, 200);
          assert.equal((await api(reviewer, 'GET', `/reviews/${id}/images/front`)).status, 200);
          const judged = await api(reviewer, 'POST', `/reviews/${id}/verdict`, { verdict: 'approve' });
          assert.ok(
            judged.status === 200 || judged.body.reason === 'not_claimed',
            JSON.stringify(judged.body),
          );
        }),
      );
    });
    for (const { person } of owners) {
      const { rows } = await world.db.query(
        `SELECT d.state, (SELECT count(*)::int FROM aura_id_verifications v
           WHERE v.person_id = d.person_id AND v.state = 'verified' AND v.level = 'document_seen') AS proofs
         FROM identity_documents d WHERE d.person_id = $1`,
        [person.personId],
      );
      assert.deepEqual(rows, [{ state: 'approved', proofs: 1 }]);
      assert.equal(await actsOf(person.personId, 'document.judged'), 1);
    }
  });
});
