/**
 * Registering names over a real PostgreSQL: one winner, no name lost or doubled, and a try that is killed anywhere is
 * completed by the next one.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import type { RegisterRequest } from '../../auralink-communication-service/auralink-modules/auraid/model.ts';
import {
  createRegistration,
  type RegistrationDeps,
} from '../../auralink-communication-service/auralink-modules/auraid/registration.ts';
import { reservedSkeletons } from '../../auralink-communication-service/auralink-modules/auraid/reserved-names.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import { newId, type UserId } from '../../auralink-communication-service/core/ids.ts';
import { auditStore } from '../../auralink-communication-service/store/audit.ts';
import { registryStore } from '../../auralink-communication-service/store/auraid.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { FakeMatrixAccounts } from '../fakes/matrix-accounts.ts';
import { testDatabase } from '../harness.ts';

const address = await testDatabase();
// Two pools, as two service processes have them.
const dbs = [openDatabase(address), openDatabase(address)] as const;
after(async () => {
  for (const db of dbs) await db.close();
});
const accounts = new FakeMatrixAccounts();

function depsOf(process: 0 | 1): RegistrationDeps {
  const db = dbs[process];
  return {
    unitOfWork: db.unitOfWork,
    registry: registryStore(db.pool),
    accounts,
    newId,
    newUserId: () => `@u${randomBytes(16).toString('hex')}:example.org` as UserId,
    reserved: reservedSkeletons([]),
    dashboard: { emit: async () => {} },
    audit: auditStore(),
    metrics: { registered: () => {} },
  };
}

const first = createRegistration(depsOf(0));
const second = createRegistration(depsOf(1));

function request(auraId: string, key: string, password: string | null = null): RegisterRequest {
  const dashboardUserId = key.startsWith('dashboard:') ? key.slice('dashboard:'.length) : null;
  return { registrationKey: key, auraId, displayName: 'Ann', dashboardUserId, password };
}

async function rowsOf(key: string) {
  const { rows } = await dbs[0].pool.query(
    `SELECT r.person_id, r.aura_id, r.state, r.password_set_at, m.matrix_user_id, m.state AS mapping, m.is_primary
     FROM aura_id_registry r LEFT JOIN matrix_user_mappings m USING (person_id) WHERE registration_key = $1`,
    [key],
  );
  return rows;
}

async function refusal(work: Promise<unknown>): Promise<AuraError> {
  const error = await work.then(
    () => assert.fail('it was not refused'),
    (e: unknown) => e,
  );
  assert.ok(error instanceof AuraError, String(error));
  return error;
}

test('a registration makes one active person with one opaque account', async () => {
  const made = await first.register(request('Anna', 'dashboard:anna'));
  assert.equal(made.auraId, '@anna.aura');
  assert.equal(made.created, true);
  assert.doesNotMatch(made.userId, /anna/);
  const rows = await rowsOf('dashboard:anna');
  assert.equal(rows.length, 1);
  assert.deepEqual(
    {
      state: rows[0].state,
      mapping: rows[0].mapping,
      primary: rows[0].is_primary,
      password: rows[0].password_set_at,
    },
    { state: 'active', mapping: 'active', primary: true, password: null },
  );
});

test('a retry finds what the first try made; another name for the same user is refused', async () => {
  const made = await first.register(request('berta', 'dashboard:berta'));
  const again = await second.register(request('@berta.aura', 'dashboard:berta'));
  assert.deepEqual(again, { ...made, created: false });
  const error = await refusal(second.register(request('brita', 'dashboard:berta')));
  assert.equal(error.code, 'conflict');
  assert.equal(error.details.auraId, '@berta.aura');
});

test('a held name and its look-alikes are taken, with suggestions that are free', async () => {
  await first.register(request('clara', 'dashboard:clara'));
  for (const name of ['clara', 'c1ara', 'c.lara', 'ciara']) {
    const error = await refusal(second.register(request(name, `dashboard:${name}-thief`)));
    assert.equal(error.code, 'taken', name);
    const suggestions = error.details.suggestions as string[];
    assert.ok(suggestions.length > 0);
    for (const auraId of suggestions) assert.equal((await first.checkAvailability(auraId)).status, 'free');
  }
  assert.equal((await first.checkAvailability('c1ara')).status, 'taken');
});

/** A port whose calls are counted, and the `n`-th of which fails before or after it did its work. */
function failing<T extends object>(
  port: T,
  state: { calls: number; failAt: number; when: 'before' | 'after' },
): T {
  return new Proxy(port, {
    get(target, name, receiver) {
      const member = Reflect.get(target, name, receiver) as unknown;
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        const mine = state.calls++;
        if (mine === state.failAt && state.when === 'before') throw new Error('killed');
        const result: unknown = await member.apply(target, args);
        if (mine === state.failAt && state.when === 'after') throw new Error('killed');
        return result;
      };
    },
  });
}

for (const password of [null, 'correct horse battery']) {
  test(`killed at any step, a retry completes it (${password === null ? 'Dashboard' : 'page'})`, async () => {
    let steps = 0;
    for (const when of ['before', 'after'] as const) {
      for (let failAt = 0; ; failAt++) {
        const state = { calls: 0, failAt, when };
        const key = `${password === null ? 'dashboard' : 'page'}:kill-${when}-${failAt}`;
        const name = `kill${when}${'abcdefghijkl'[failAt]}${password === null ? 'x' : 'y'}`;
        const deps = depsOf(0);
        const dying = createRegistration({
          ...deps,
          registry: failing(deps.registry, state),
          accounts: failing(deps.accounts, state),
          audit: failing(deps.audit, state),
          unitOfWork: failing(deps.unitOfWork, state),
        });
        const killed = await dying.register(request(name, key, password)).then(
          () => false,
          () => true,
        );
        const made = await second.register(request(name, key, password));
        assert.equal(made.auraId, `@${name}.aura`);
        const rows = await rowsOf(key);
        assert.equal(rows.length, 1, 'one person with one account');
        assert.equal(rows[0].state, 'active');
        assert.equal(rows[0].mapping, 'active');
        assert.equal(rows[0].matrix_user_id, made.userId);
        assert.equal(accounts.passwords.get(made.userId), password);
        assert.equal(rows[0].password_set_at !== null, password !== null);
        if (!killed) break;
        steps += 1;
      }
    }
    assert.ok(steps >= 12, `only ${steps} places to be killed at`);
  });
}

test('an unfinished reservation can take another name', async () => {
  const state = { calls: 0, failAt: 0, when: 'before' as const };
  const dying = createRegistration({
    ...depsOf(0),
    accounts: failing(accounts as FakeMatrixAccounts, state),
  });
  await assert.rejects(dying.register(request('dora', 'page:dora')), /killed/);
  const made = await first.register(request('theodora', 'page:dora', 'correct horse battery'));
  assert.equal(made.auraId, '@theodora.aura');
  assert.equal((await first.checkAvailability('dora')).status, 'free');
});

test('fifty who want one name or its look-alikes, over two processes: one winner', async () => {
  const names = ['emil', 'em1l', 'ernil', 'e.mil', 'emll'];
  const tries = Array.from({ length: 50 }, (_, i) =>
    (i % 2 === 0 ? first : second).register(request(names[i % names.length] ?? '', `dashboard:emil-${i}`)),
  );
  const outcomes = await Promise.allSettled(tries);
  const won = outcomes.filter((o) => o.status === 'fulfilled');
  assert.equal(won.length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.equal((outcome.reason as AuraError).code, 'taken');
  }
  const { rows } = await dbs[0].pool.query(
    "SELECT count(*)::int AS count FROM aura_id_registry WHERE registration_key LIKE 'dashboard:emil-%'",
  );
  assert.equal(rows[0].count, 1);
});

test('twenty tries with one key at once make one person, and all of them hear the same', async () => {
  for (let round = 0; round < 5; round++) {
    const tries = Array.from({ length: 20 }, (_, i) =>
      (i % 2 === 0 ? first : second).register(request(`frieda${round}`, `dashboard:frieda-${round}`)),
    );
    const made = await Promise.all(tries);
    assert.equal(new Set(made.map((m) => `${m.personId} ${m.userId} ${m.auraId}`)).size, 1);
    assert.equal(made.filter((m) => m.created).length, 1);
    assert.equal((await rowsOf(`dashboard:frieda-${round}`)).length, 1);
  }
});

test("a page's abandoned reservation is freed after its time, the Dashboard's is kept", async () => {
  for (const key of ['page:gone', 'page:recent', 'dashboard:slow']) {
    const state = { calls: 0, failAt: 0, when: 'after' as const };
    const dying = createRegistration({
      ...depsOf(0),
      accounts: failing(accounts as FakeMatrixAccounts, state),
    });
    await assert.rejects(dying.register(request(`left.${key.slice(-4)}`, key)), /killed/);
  }
  await dbs[0].pool.query(
    "UPDATE aura_id_registry SET reserved_at = now() - interval '16 minutes' WHERE registration_key <> 'page:recent'",
  );
  assert.equal(await registryStore(dbs[0].pool).freeAbandoned(900), 1);
  assert.equal((await first.checkAvailability('left.gone')).status, 'free');
  assert.equal((await first.checkAvailability('left.cent')).status, 'taken');
  assert.equal((await first.register(request('left.slow', 'dashboard:slow'))).created, true);
});

test('a reservation that lapsed while its account was made is refused, and a retry begins anew', async () => {
  const deps = depsOf(0);
  const slow: RegistrationDeps = {
    ...deps,
    accounts: {
      createAccount: async (userId) => {
        await accounts.createAccount(userId);
        await dbs[1].pool.query("DELETE FROM aura_id_registry WHERE registration_key = 'page:lapsed'");
      },
      setPassword: (userId, password) => accounts.setPassword(userId, password),
      checkPassword: (userId, password) => accounts.checkPassword(userId, password),
    },
  };
  const error = await refusal(createRegistration(slow).register(request('lapsed', 'page:lapsed')));
  assert.equal(error.code, 'conflict');
  assert.equal(error.details.reason, 'reservation_lapsed');
  assert.equal((await first.register(request('lapsed', 'page:lapsed'))).created, true);
});

test('a name that was claimed is in the audit log, once, whoever completes it', async () => {
  const keys = ['page:audited', 'dashboard:audited'];
  for (const [i, key] of keys.entries()) {
    const asked = request(`audited.${i}`, key);
    const { personId } = await first.register(asked);
    await second.register(asked);
    const { rows } = await dbs[0].pool.query('SELECT actor, act FROM audit_log WHERE subject_id = $1', [
      personId,
    ]);
    assert.deepEqual(rows, [
      { actor: i === 0 ? `person:${personId}` : 'service:dashboard', act: 'name.claimed' },
    ]);
  }
  await refusal(second.register(request('audited.0', 'page:too-late')));
  const sql =
    "SELECT count(*)::int AS n FROM audit_log WHERE subject_id NOT IN (SELECT person_id FROM aura_id_registry WHERE state = 'active')";
  assert.deepEqual((await dbs[0].pool.query(sql)).rows, [{ n: 0 }]);
});
