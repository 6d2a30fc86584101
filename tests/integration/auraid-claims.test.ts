/**
 * A hundred claims of one name at once, half of them of its look-alikes, over two processes' pools: one winner, also
 * while the name's bearer renames herself away, and also over two processes' HTTP doors.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import { type AuraId, newId } from '../../auralink-communication-service/core/ids.ts';
import { openDatabase, query } from '../../auralink-communication-service/store/db.ts';
import { nameStore } from '../../auralink-communication-service/store/names.ts';
import { Browser } from '../fakes/browser.ts';
import { FakeMatrixAccounts } from '../fakes/matrix-accounts.ts';
import { testDatabase } from '../harness.ts';
import { openIdentityDoor, PASSWORD } from '../support/identity-door.ts';
import { namesRoom } from '../support/names-room.ts';

const CLAIMS = 100;
const WAIT_MS = 3_000;
const address = await testDatabase();
const dbs = [openDatabase(address), openDatabase(address)] as const;
after(async () => {
  for (const db of dbs) await db.close();
});
const matrix = new FakeMatrixAccounts();
const rooms = [namesRoom(dbs[0], matrix), namesRoom(dbs[1], matrix)] as const;
type Room = (typeof rooms)[number];

/** What each of the claims came to; anything but the name or a refusal because it is taken fails the test. */
async function outcomes(claims: readonly Promise<unknown>[]): Promise<{ won: number; taken: number }> {
  const settled = await Promise.allSettled(claims);
  const lost = settled.filter((claim) => claim.status === 'rejected');
  for (const { reason } of lost) {
    assert.ok(reason instanceof AuraError && reason.code === 'taken', String(reason));
    assert.ok((reason.details.suggestions as string[]).length > 0);
  }
  return { won: settled.length - lost.length, taken: lost.length };
}

function claim(room: Room, name: string, key: string): Promise<unknown> {
  return room.registration.register({
    registrationKey: `dashboard:${key}`,
    ...{ auraId: name, displayName: null, dashboardUserId: key, password: null },
  });
}

const spellings = ['millie', 'mi11ie', 'rnillie', 'm.illie', 'mil-lie', 'mlllle', 'MILLIE', 'rni1lle'];

async function bearersOf(skeleton: string): Promise<number> {
  const { rows } = await dbs[0].pool.query('SELECT count(*) AS n FROM aura_id_registry WHERE skeleton = $1', [
    skeleton,
  ]);
  return rows[0].n;
}

test('of a hundred claims of a name and its look-alikes over two processes, one wins', async () => {
  const claims = Array.from({ length: CLAIMS }, (_, i) => {
    const name = i % 2 === 0 ? 'millie' : (spellings[i % spellings.length] ?? 'millie');
    return claim(rooms[i % 4 < 2 ? 0 : 1], name, `claimer-${i}`);
  });
  assert.deepEqual(await outcomes(claims), { won: 1, taken: CLAIMS - 1 });
  assert.equal(await bearersOf('rnlllle'), 1);
});

test('of a hundred people who rename themselves to one name, one gets it, and the others keep theirs', async () => {
  const people = await Promise.all(
    Array.from({ length: CLAIMS / 2 }, (_, i) =>
      rooms[0].person(`walker-${'abcdefghij'[i % 10]}${'xyzuv'[Math.floor(i / 10)]}`),
    ),
  );
  const claims = people.flatMap(({ personId }, i) => [
    rooms[i % 2 === 0 ? 0 : 1].names.rename(personId, i % 3 === 0 ? 'n0rma' : 'norma'),
    claim(rooms[i % 2 === 0 ? 1 : 0], 'n.orma', `norma-${i}`),
  ]);
  assert.deepEqual(await outcomes(claims), { won: 1, taken: claims.length - 1 });
  assert.equal(await bearersOf('norrna'), 1);
  const { rows } = await dbs[0].pool.query('SELECT count(*) AS n FROM aura_id_holds');
  assert.ok(rows[0].n <= 1);
});

test('nobody gets a name in the moment that its bearer renames herself away', async () => {
  for (let round = 0; round < 5; round++) {
    const name = `vera-${'abcde'[round]}`;
    const { personId } = await rooms[0].person(name);
    const claims = Array.from({ length: 20 }, (_, i) =>
      claim(rooms[i % 2 === 0 ? 0 : 1], i % 3 === 0 ? name.replace('-', '.') : name, `${name}-thief-${i}`),
    );
    const [moved, lost] = await Promise.all([
      rooms[1].names.rename(personId, `went-${name}`),
      outcomes(claims),
    ]);
    assert.equal(moved.auraId, `@went-${name}.aura`);
    assert.deepEqual(lost, { won: 0, taken: 20 });
  }
});

test('nobody gets a name in the moment that its bearer gives it back', async () => {
  for (let round = 0; round < 5; round++) {
    const name = `zara-${'abcde'[round]}`;
    const { personId } = await rooms[0].person(name);
    const claims = Array.from({ length: 20 }, (_, i) =>
      claim(rooms[i % 2 === 0 ? 0 : 1], name, `${name}-thief-${i}`),
    );
    const [, lost] = await Promise.all([rooms[1].names.release(personId), outcomes(claims)]);
    assert.deepEqual(lost, { won: 0, taken: 20 });
  }
});

test('two people who swap names at once do not get each other’s', async () => {
  const [a, b] = [await rooms[0].person('xenia'), await rooms[1].person('yvonne')];
  const swaps = await Promise.allSettled([
    rooms[0].names.rename(a.personId, 'yvonne'),
    rooms[1].names.rename(b.personId, 'xenia'),
  ]);
  for (const swap of swaps) assert.equal(swap.status, 'rejected');
  assert.equal((await rooms[0].names.getNames(a.personId)).current, '@xenia.aura');
  assert.equal((await rooms[0].names.getNames(b.personId)).current, '@yvonne.aura');
});

/** Waits until somebody waits for a lock, and tells. */
async function somebodyWaits(): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (performance.now() < deadline) {
    const { rows } = await dbs[0].pool.query(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows[0].n > 0) return;
  }
  assert.fail('nobody waits for a lock');
}

test('a claim that waits for a rename’s commit is refused by the hold that it could not see before', async () => {
  const { personId } = await rooms[0].person('wilhelma');
  const names = nameStore(dbs[0].pool);
  let waiting: Promise<unknown> = Promise.resolve();
  await dbs[0].unitOfWork.run(async (tx) => {
    await names.lockPerson(tx, personId);
    // As when the hold came after the moment in which the claim looked for one.
    await names.setName(tx, personId, '@wilhelma-new.aura' as AuraId, 'vvllhelrnanevv');
    waiting = outcomes([claim(rooms[1], 'wilhelma', 'thief-of-wilhelma')]);
    await somebodyWaits();
    await insertHold(tx, personId);
  });
  assert.deepEqual(await waiting, { won: 0, taken: 1 });
});

async function insertHold(tx: Parameters<typeof query>[0], personId: string): Promise<void> {
  await query(
    tx,
    'test-hold',
    `INSERT INTO aura_id_holds (hold_id, skeleton, aura_id, person_id, cause, resolves_until, held_until)
     VALUES ($1, 'vvllhelrna', '@wilhelma.aura', $2, 'renamed', now() + interval '90 days', now() + interval '180 days')`,
    [newId(), personId],
  );
}

test('a hundred sign-in pages at two doors claim one name: one person gets it', async () => {
  const door = await openIdentityDoor(address);
  const other = await openIdentityDoor(address, {}, door);
  const tries = Array.from({ length: CLAIMS }, async (_, i) => {
    const browser = new Browser(door.baseUrl);
    // A household each, so that no limit of addresses decides.
    const headers = { 'x-forwarded-for': `192.0.2.${i + 1}` };
    const authorization = await browser.authorize(door.phone);
    const register = {
      auraId: i % 2 === 0 ? 'konrad' : 'k0nrad',
      ...{ password: PASSWORD, invitationCode: door.config.REGISTRATION_TOKEN },
    };
    if (i % 4 < 2) return (await browser.act(authorization, { register }, headers)).status;
    const cookie = browser.cookies.map((c) => `${c.name}=${c.value}`).join('; ');
    const answer = await fetch(
      `http://127.0.0.1:${portOf(other.app)}/oidc/interaction/${authorization.uid}/register`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: door.baseUrl, cookie, ...headers },
        body: JSON.stringify(register),
      },
    );
    return answer.status;
  });
  const statuses = await Promise.all(tries);
  assert.deepEqual(
    [statuses.filter((s) => s === 200).length, statuses.filter((s) => s === 409).length],
    [1, CLAIMS - 1],
    statuses.join(),
  );
  assert.equal(await bearersOf('konrad'), 1);
});

function portOf({ server }: { readonly server: { address(): unknown } }): number {
  return (server.address() as { port: number }).port;
}
