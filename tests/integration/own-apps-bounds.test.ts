/** What bounds apps and their keys, though many ask at once: keys of an app, and apps of a person. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../harness.ts';
import { api, openIdentityDoor, registerPerson } from '../support/identity-door.ts';

const door = await openIdentityDoor(await testDatabase());
const { pool } = door.db;
const SCOPE = { scope: 'openid offline_access call.place account.manage' };
const APP = { name: 'Hers', icon: '🛒', origins: ['https://hers.example'] };

const own = async (token: string, method: string, path: string, body?: object) => {
  const answer = await api(door, `/_auralink/v1/me/own-apps${path}`, token, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
};

test('however often a key is rotated with a grace, an app has ten good keys at most', async () => {
  const { tokens } = await registerPerson(door, 'anna', SCOPE);
  const token = tokens.accessToken;
  assert.equal((await own(token, 'PUT', '/annas', APP)).status, 201);
  let { body: key } = await own(token, 'POST', '/annas/keys', { name: 'server' });
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) {
    const rotated = await own(token, 'POST', `/annas/keys/${key.keyId}/rotate`, { graceSeconds: 3_600 });
    statuses.push(rotated.status);
    if (rotated.status === 201) key = rotated.body;
    else assert.equal(rotated.body.reason, 'too_many_keys');
  }
  assert.deepEqual(statuses, [...Array(9).fill(201), 409, 409, 409]);
  const { body } = await own(token, 'GET', '/annas/keys');
  assert.equal(body.keys.length, 10);
  assert.equal(body.keys.find((one: { keyId: string }) => one.keyId === key.keyId).endsAt, null, 'as it was');
  const atOnce = await own(token, 'POST', `/annas/keys/${key.keyId}/rotate`, { graceSeconds: 0 });
  assert.equal(atOnce.status, 201, 'without a grace it makes room for its successor');
});

test('of twenty apps that a person makes at once ten are made', async () => {
  const { tokens } = await registerPerson(door, 'berta', SCOPE);
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, i) => own(tokens.accessToken, 'PUT', `/bertas-${i}`, APP)),
  );
  assert.equal(made.filter(({ status }) => status === 201).length, 10);
  assert.equal(made.filter(({ body }) => body.reason === 'too_many_apps').length, 10);
  const { rows } = await pool.query("SELECT count(*)::int AS n FROM apps WHERE app_id LIKE 'bertas-%'");
  assert.equal(rows[0].n, 10);
});
