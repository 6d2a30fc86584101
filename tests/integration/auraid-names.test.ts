/** The check of names as somebody types them: it says what is wrong, and whatever it offers can be had. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { FAULT_TEXT } from '../../auralink-communication-service/auralink-modules/auraid/names.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { testDatabase } from '../harness.ts';
import { namesRoom } from '../support/names-room.ts';

const db = openDatabase(await testDatabase());
after(() => db.close());
const room = namesRoom(db);
const check = (text: string) => room.registration.checkAvailability(text);

async function assertFree(suggestions: readonly string[] | undefined, forName: string): Promise<void> {
  for (const name of suggestions ?? [])
    assert.equal((await check(name)).status, 'free', `${name} for ${forName}`);
}

test('a free name is free, in its normal form', async () => {
  for (const text of ['Mathilda', ' @mathilda.AURA ', 'ｍathilda']) {
    assert.deepEqual(await check(text), { auraId: '@mathilda.aura', status: 'free' }, text);
  }
});

test('every fault of a name has its reason and its words', async () => {
  const faults = {
    too_short: ['al', 'a', ''],
    too_long: ['a'.repeat(31)],
    bad_character: [
      'аlice',
      'ali\u200bce',
      'ali\u202ecla',
      'a\u2066lice',
      'al ice',
      'al/ice',
      'älice',
      'ali\u0000ce',
      '😀😀😀',
    ],
    bad_edge: ['.alice', 'alice-', '_alice_'],
    repeated_separator: ['al..ice', 'al.-ice'],
    digits_only: ['12345', '0049301234567'],
    reserved: ['admin', 'supp0rt', 'sup.port', 'AuraLink', 'aura1ink', 'gone-0123456789abcdef012345'],
  } as const;
  for (const [reason, texts] of Object.entries(faults)) {
    for (const text of texts) {
      const answer = await check(text);
      assert.deepEqual(
        [answer.status, answer.reason, answer.detail],
        ['not_allowed', reason, FAULT_TEXT[reason as keyof typeof FAULT_TEXT]],
        JSON.stringify(text),
      );
      if (reason === 'reserved') assert.deepEqual(answer.suggestions, []);
      await assertFree(answer.suggestions, text);
    }
  }
});

test('a taken name says so with names that are free, for its look-alikes, too', async () => {
  await room.person('alice');
  await room.person('alice2');
  await room.person('william');
  for (const name of ['alice', 'al1ce', 'a1ice', 'ALICE', 'al-ice', 'vvilliam', 'wi11iarn', 'william']) {
    const answer = await check(name);
    assert.deepEqual([answer.status, answer.reason], ['taken', 'taken'], name);
    assert.ok((answer.suggestions?.length ?? 0) > 0, name);
    await assertFree(answer.suggestions, name);
  }
});

test('a name at rest is taken, and nothing tells that it only rests', async () => {
  const { personId } = await room.person('bettina');
  const held = await check('bettina');
  await room.names.rename(personId, 'bettina-new');
  const resting = await check('bettina');
  assert.deepEqual({ ...resting, suggestions: [] }, { ...held, suggestions: [] });
  await room.names.release(personId);
  assert.equal((await check('bettina')).status, 'taken');
  assert.equal((await check('bettina-new')).status, 'taken');
});

test('whatever is typed gets an answer, and a name that is not free changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (text) => {
      const answer = await check(text);
      assert.ok(['free', 'taken', 'not_allowed'].includes(answer.status));
      await assertFree(answer.suggestions, text);
    }),
    { numRuns: 150 },
  );
  const { rows } = await db.pool.query('SELECT count(*) AS n FROM aura_id_registry');
  assert.equal(rows[0].n, 4);
});
