/** Whoever is suspended asks nothing of the Identity Service, with whatever token she has; let in again, she goes on. */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { testDatabase } from '../harness.ts';
import { openIdentityDoor, registerPerson } from '../support/identity-door.ts';
import { planOf, statementsOf } from '../support/plans.ts';

const door = await openIdentityDoor(await testDatabase(), { IDENTITY_TERMS_URL: '' });
const { pool } = door.db;

/** What a token answers that no process has seen before. */
async function status(userId: string): Promise<number> {
  const token = randomUUID();
  await pool.query('INSERT INTO identity_tokens (token_hash, matrix_user_id) VALUES ($1, $2)', [
    createHash('sha256').update(token).digest(),
    userId,
  ]);
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${door.baseUrl}/_matrix/identity/v2/hash_details`, { headers })).status;
}

test('a suspended person’s tokens are good for nothing until she is let in again', async () => {
  await registerPerson(door, 'anna');
  const { rows } = await pool.query(
    "SELECT matrix_user_id FROM matrix_user_mappings JOIN aura_id_registry USING (person_id) WHERE aura_id = '@anna.aura'",
  );
  const hers = rows[0].matrix_user_id;
  const become = (state: string) =>
    pool.query("UPDATE aura_id_registry SET state = $1 WHERE aura_id = '@anna.aura'", [state]);
  assert.equal(await status(hers), 200);
  await become('suspended');
  assert.equal(await status(hers), 401);
  assert.equal(await status('@somebody:elsewhere.example'), 200, 'others are not concerned');
  await become('active');
  const texts = await statementsOf(async () => assert.equal(await status(hers), 200));
  const found = [...texts].filter((one) => one.includes('identity_tokens t'));
  assert.equal(found.length, 1);
  for (const text of found) {
    const plan = await planOf(pool, text);
    assert.ok(!plan.some((line) => line.includes('Seq Scan')), plan.join('\n'));
  }
});
