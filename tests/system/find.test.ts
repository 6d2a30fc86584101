/**
 * Finding people by e-mail address or number through real doors: only who proved it and lets herself be found by this
 * viewer is found, everybody else looks like nobody, and the index key changes under load without losing anybody.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { LOOK_UP_LIMIT } from '../../auralink-communication-service/auralink-modules/auraid/sign-in.ts';
import { FIND_ANSWER_MS } from '../../auralink-communication-service/http/find-routes.ts';
import { pretendUp, runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import type { Answer, Phone } from '../support/phone.ts';
import { befriend, block } from '../support/relations.ts';
import { openStage } from '../support/stage.ts';

const API = '/_auralink/v1';
/** A round of the chore, and the time to be asked. */
const REINDEXED_WITHIN_MS = 60_000;
const stage = await openStage('find');
const { db } = stage.world;
const { layout, ports } = stage.constellation.settings;
const open = async (): Promise<Phone> => stage.phone(await stage.person(), { connect: false });
const [viewer, alice] = [await open(), await open()];

const unique = randomBytes(6).toString('hex');
const email = `Álice.${unique}@Example.org`;
const phone = `+49301${String(Date.now()).slice(-9)}`;
const find = (body: unknown, as = viewer): Promise<Answer> => as.request('POST', `${API}/find`, body);

async function tell(who: Phone, kind: 'email' | 'phone', value: string): Promise<void> {
  const answer = await who.request('POST', `${API}/me/fields`, { kind, value });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
}
/** As the service that verifies addresses will. */
const prove = (who: Phone) =>
  db.query(
    "UPDATE personal_fields SET verified_at = now() WHERE person_id = $1 AND kind IN ('email', 'phone')",
    [who.endpoint.person.personId],
  );
async function rules(who: Phone, patch: object): Promise<void> {
  const answer = await who.request('PATCH', `${API}/me/privacy`, patch);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}
async function found(body: unknown, as = viewer): Promise<string[]> {
  const answer = await find(body, as);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return (answer.body as unknown as { people: { auraId: string }[] }).people.map((one) => one.auraId);
}
const hers = [alice.endpoint.person.auraId];

test('what she only typed finds nobody, what she proved finds her, however it is written', async () => {
  await tell(alice, 'email', email);
  await tell(alice, 'phone', phone);
  await rules(alice, { findByEmail: 'public', findByPhone: 'public' });
  assert.deepEqual([await found({ email }), await found({ phone })], [[], []]);
  await prove(alice);
  for (const text of [email, ` ${email.toUpperCase()} `, email.normalize('NFD')]) {
    assert.deepEqual(await found({ email: text }), hers, text);
  }
  for (const text of [phone, `${phone.slice(0, 3)} (${phone.slice(3, 6)}) ${phone.slice(6)}`]) {
    assert.deepEqual(await found({ phone: text }), hers, text);
  }
  const { rows } = await db.query('SELECT count(*)::int AS n FROM personal_fields WHERE blind_index IS NULL');
  assert.equal(rows[0].n, 0);
});

test('each rule lets in whom it names; who is not to find her sees what is seen where there is nobody', async () => {
  const same = async (body: unknown): Promise<unknown> => {
    const answer = await find(body);
    const passing = ['date', 'x-request-id'];
    return [answer.status, [...answer.headers].filter(([name]) => !passing.includes(name)), answer.body];
  };
  const nobody = await same({ email: `nobody.${unique}@example.org` });
  await rules(alice, { findByEmail: 'private' });
  assert.deepEqual(await same({ email }), nobody);
  assert.deepEqual(await found({ phone }), hers, 'the number has a rule of its own');
  await rules(alice, { findByEmail: 'friends' });
  assert.deepEqual(await same({ email }), nobody);
  const [a, v] = [alice.endpoint.person.personId, viewer.endpoint.person.personId];
  await befriend(db, alice.endpoint.person, viewer.endpoint.person);
  assert.deepEqual(await found({ email }), hers);
  await db.query('DELETE FROM friendships WHERE person_id = ANY ($1)', [[a, v]]);
  await rules(alice, { findByEmail: 'public' });
  assert.deepEqual(await found({ email }), hers);
  await block(db, alice.endpoint.person, viewer.endpoint.person);
  assert.deepEqual(await same({ email }), nobody);
  await db.query('DELETE FROM person_blocks WHERE person_id = $1', [a]);
  const started = performance.now();
  await find({ email: `nobody.${unique}@example.org` });
  assert.ok(performance.now() - started >= FIND_ANSWER_MS - 1, 'nobody is no quicker');
});

test('bad input is told by field, and an app without the right may not ask', async () => {
  const cases: [unknown, string][] = [
    [{}, 'email'],
    [{ email, phone }, 'phone'],
    [{ email: 'no address' }, 'email'],
    [{ email: `${'a'.repeat(400)}@example.org` }, 'email'],
    [{ phone: '030 123456' }, 'phone'],
    [{ phone: 49 }, 'phone'],
    [{ email, more: 1 }, 'body'],
    [[], 'body'],
  ];
  for (const [body, field] of cases) {
    const answer = await find(body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.equal(answer.body?.field, field, JSON.stringify(answer.body));
  }
  const without = await stage.phone(viewer.endpoint.person, { connect: false, scopes: ['call.place'] });
  assert.equal((await find({ email }, without)).status, 403);
});

test('the index key changes under load and nobody is lost; the old one is retired, what had no digest gets one', async () => {
  pretendUp(layout, { portBase: ports.public });
  const old = await open();
  const oldEmail = `old.${unique}@example.org`;
  await rules(old, { findByEmail: 'public' });
  await tell(old, 'email', oldEmail);
  await prove(old);
  await db.query('UPDATE personal_fields SET blind_index = NULL, index_key_id = NULL WHERE person_id = $1', [
    old.endpoint.person.personId,
  ]);
  let rotating = true;
  const written: { email: string; auraId: string }[] = [];
  const load = (async () => {
    while (rotating) {
      // A new one each time: each may look up, and write, so often a minute.
      const one = await open();
      const address = `turn${written.length}.${unique}@example.org`;
      await rules(one, { findByEmail: 'public' });
      await tell(one, 'email', address);
      await prove(one);
      written.push({ email: address, auraId: one.endpoint.person.auraId });
      for (const { email: some, auraId } of [written.at(-1), written[Math.trunc(written.length / 2)]].flatMap(
        (each) => each ?? [],
      )) {
        assert.deepEqual(await found({ email: some }, one), [auraId]);
      }
      assert.deepEqual(await found({ email }, one), hers);
    }
  })();
  const rotated = await runCli(['keys', 'rotate', '--index', '--json', '--data', layout.dataDir]);
  assert.deepEqual([rotated.code, rotated.out], [0, '{"current":"i2"}\n'], rotated.err);
  await eventually(async () => {
    const { rows } = await db.query('SELECT DISTINCT index_key_id FROM personal_fields');
    assert.deepEqual(rows, [{ index_key_id: 'i2' }]);
  }, REINDEXED_WITHIN_MS);
  rotating = false;
  await load;
  // The digests by which Matrix accounts are looked up are made anew by a chore of their own.
  await eventually(async () => {
    const retired = await runCli(['keys', 'retire', 'i1', '--data', layout.dataDir]);
    assert.equal(retired.code, 0, retired.err);
  }, REINDEXED_WITHIN_MS);
  const asking = await open();
  for (const one of written.slice(-100)) {
    assert.deepEqual(await found({ email: one.email }, asking), [one.auraId]);
  }
  assert.deepEqual(await found({ email: oldEmail }, asking), [old.endpoint.person.auraId]);
  const { rows } = await db.query("SELECT detail FROM audit_log WHERE act = 'keys.rotated'");
  assert.deepEqual(rows, [{ detail: { key: 'i2', was: 'i1' } }]);
});

test('looking for people counts as looking up addresses', async () => {
  const eager = await open();
  const untilRefused = async (ask: () => Promise<Answer>, most: number): Promise<boolean> => {
    for (let asked = 0; asked < most; asked += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, ask));
      assert.ok(answers.every(({ status }) => status === 200 || status === 429));
      if (answers.some(({ status }) => status === 429)) return true;
    }
    return false;
  };
  // A window may end meanwhile, and then everything may be asked once more.
  assert.ok(await untilRefused(() => find({ email }, eager), 2 * LOOK_UP_LIMIT.hits + 40));
  // What a process has taken ahead is all that is left for the other way of asking.
  const resolve = () => eager.request('GET', `${API}/resolve/${alice.endpoint.person.auraId}`);
  assert.ok(await untilRefused(resolve, LOOK_UP_LIMIT.hits / 2));
});
