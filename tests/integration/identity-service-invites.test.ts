/**
 * Invitations by e-mail address through a real door: they wait, are handed to the homeserver of whoever binds the address,
 * and tell nothing of who hides; and nothing of all this can be read where it is stored.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  findPublicKey,
  isSignedBy,
} from '../../auralink-communication-service/auralink-modules/identity-service/signed-json.ts';
import {
  V2,
  NAME,
  otherName,
  otherServer,
  told,
  sent,
  door,
  db,
  world,
  account,
  alice,
  eve,
  post,
  freshAddress,
  validate,
  bind,
  found,
  openBeside,
  settle,
  ourKey,
  ourKeyId,
} from '../support/identity-binding.ts';
import { api, PASSWORD, registerPerson } from '../support/identity-door.ts';
import { askIdentity, tokenFor } from '../support/identity-lookup.ts';

test('an invitation waits for its address; whoever binds it is told of by a signed proof, however often that fails', async () => {
  const email = freshAddress();
  const body = {
    ...{
      medium: 'email',
      address: email,
      room_id: '!room:x',
      sender: alice.userId,
      room_name: 'A <b>room</b>',
    },
    sender_display_name: 'Alice https://evil.example',
  };
  const stored = await post('/store-invite', body, alice.token);
  assert.equal(stored.status, 200, JSON.stringify(stored.body));
  const { token, public_keys, display_name } = stored.body as {
    token: string;
    display_name: string;
    public_keys: { public_key: string; key_validity_url: string }[];
  };
  assert.ok(
    !JSON.stringify(stored.body).includes('example.org'.slice(1)) || !display_name.includes('example.org'),
  );
  const message = sent.at(-1)!;
  assert.equal(message.to, email);
  assert.ok(!message.content.text.includes('https://evil'));
  const link = new URL(/https:\S+sign-ed25519\S+/.exec(message.content.text)![0]);
  const private_key = link.searchParams.get('private_key') ?? '';
  const bob = await account();
  const signed = await post('/sign-ed25519', { mxid: bob.userId, private_key, token }, bob.token);
  assert.ok(isSignedBy(signed.body, NAME, 'ed25519:0', findPublicKey(public_keys[1]!.public_key)!));
  assert.equal(
    (await post('/sign-ed25519', { mxid: bob.userId, private_key, token: 'x' }, bob.token)).status,
    404,
  );
  const valid = async (key: string, kind: string) => {
    const path = `${V2}/pubkey/${kind}isvalid?public_key=${encodeURIComponent(key)}`;
    return (await askIdentity(door.baseUrl, 'GET', path)).body.valid;
  };
  assert.equal(await valid(public_keys[0]!.public_key, ''), true);
  assert.equal(await valid(public_keys[1]!.public_key, 'ephemeral/'), true);
  await bind(bob, await validate(bob, email));
  otherServer.answers = 500;
  await assert.rejects(settle());
  otherServer.answers = 200;
  await assert.rejects(settle(), /a moment ago/);
  await settle((await openBeside()).identity);
  const last = told.at(-1) as { mxid: string; address: string; invites: Record<string, unknown>[] };
  assert.deepEqual([last.mxid, last.address, last.invites.length], [bob.userId, email, 1]);
  const invite = last.invites[0]!;
  assert.deepEqual([invite.room_id, invite.sender, invite.mxid], ['!room:x', alice.userId, bob.userId]);
  assert.ok(isSignedBy(invite.signed as object, NAME, ourKeyId, ourKey));
  assert.equal((invite.signed as { token: string }).token, token);
  assert.equal(await valid(public_keys[1]!.public_key, 'ephemeral/'), false, 'its key ends with it');
  const again = await post('/store-invite', body, alice.token);
  assert.deepEqual(
    [again.status, again.body.errcode, again.body.mxid],
    [400, 'M_THREEPID_IN_USE', bob.userId],
  );
  const forged = await post('/store-invite', { ...body, sender: eve.userId }, alice.token);
  assert.deepEqual([forged.status, forged.body.errcode], [403, 'M_FORBIDDEN']);
  assert.equal(
    (await post('/store-invite', { ...body, medium: 'msisdn' }, alice.token)).body.errcode,
    'M_UNRECOGNIZED',
  );
});

test('who hides from look-ups is not told of to who invites her; what she bound follows her rules', async () => {
  const hidden = await world.person();
  const token = await tokenFor(db, hidden.userId);
  const email = freshAddress();
  await bind({ userId: hidden.userId, token }, await validate({ userId: hidden.userId, token }, email));
  await world.rules(hidden, 'private');
  assert.equal(await found(email), null);
  const body = { medium: 'email', address: email, room_id: '!room:x', sender: alice.userId };
  assert.equal((await post('/store-invite', body, alice.token)).status, 200);
  await world.rules(hidden, 'public');
  assert.equal(await found(email), hidden.userId);
});

test('nothing that is stored can be read: no address, no secret, no token', async () => {
  const email = `canary.${freshAddress()}`;
  const asked = await validate(alice, email);
  await bind(alice, asked);
  const { rows: tables } = await db.pool.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
  );
  for (const { name } of tables) {
    const { rows } = await db.pool.query(`SELECT t::text AS row FROM ${name} t`);
    const text = rows.map(({ row }) => row).join('\n');
    const hex = (plain: string) => Buffer.from(plain).toString('hex');
    for (const plain of [email, asked.client_secret, asked.token]) {
      assert.ok(!text.includes(plain) && !text.includes(hex(plain)), `${name} holds ${plain}`);
    }
  }
});

test('what a person bound and whom she invited is in her export, and goes with her', async () => {
  const { tokens } = await registerPerson(door, 'binding-beata', {
    scope: 'openid offline_access call.place profile.read account.manage',
  });
  const { rows: mine } = await db.pool.query<{ matrix_user_id: string }>(
    "SELECT matrix_user_id FROM matrix_user_mappings JOIN aura_id_registry USING (person_id) WHERE aura_id = '@binding-beata.aura'",
  );
  const userId = mine[0]?.matrix_user_id ?? '';
  const beata = { userId, token: await tokenFor(db, userId) };
  const [bound, invited] = [freshAddress(), freshAddress()];
  assert.equal((await bind(beata, await validate(beata, bound))).status, 200);
  const lost = freshAddress();
  await bind(beata, await validate(beata, lost));
  await bind(eve, await validate(eve, lost));
  const { rows: acts } = await db.pool.query(
    `SELECT act, actor = 'system' AS by_others FROM audit_log JOIN aura_id_registry ON person_id = subject_id
     WHERE act LIKE 'address.%' AND aura_id = '@binding-beata.aura' ORDER BY at`,
  );
  assert.deepEqual(
    acts.map(({ act, by_others }) => [act, by_others]),
    [
      ['address.bound', false],
      ['address.bound', false],
      ['address.unbound', true],
    ],
  );
  const invitation = { medium: 'email', address: invited, room_id: '!room:x', sender: userId };
  assert.equal((await post('/store-invite', invitation, beata.token)).status, 200);
  const exported = (await (
    await api(door, '/_auralink/v1/account/export', tokens.accessToken)
  ).json()) as Record<string, { address: string }[]>;
  assert.deepEqual(
    [exported.boundAddresses, exported.addressesInvited].map((rows) => rows?.map((row) => row.address)),
    [[bound], [invited]],
  );
  const left = await api(door, '/_auralink/v1/account/erasure', tokens.accessToken, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ confirmation: '@binding-beata.aura', currentPassword: PASSWORD }),
  });
  assert.equal(left.status, 204, await left.text());
  assert.equal(await found(bound), null);
  const kept = await db.pool.query(
    'SELECT FROM identity_invites WHERE sender = $1 UNION ALL SELECT FROM identity_associations WHERE matrix_user_id = $1',
    [userId],
  );
  assert.equal(kept.rows.length, 0);
});

test('what another homeserver made up brings no lines, no paths and no links into the message', async () => {
  const userId = `@x\n\nPay at https://evil.example/pay:${otherName}`;
  const body = { medium: 'email', address: freshAddress(), room_id: '!https://evil.example/r' };
  const refused = await post('/store-invite', { ...body, sender: userId }, await tokenFor(db, userId));
  assert.deepEqual([refused.status, refused.body.errcode], [400, 'M_BAD_JSON']);
  const names = { room_name: 'www.evil.example', sender_display_name: 'J. R. at pay.evil.example' };
  const stored = await post('/store-invite', { ...body, ...names, sender: alice.userId }, alice.token);
  assert.equal(stored.status, 200, JSON.stringify(stored.body));
  const { text } = sent.at(-1)!.content;
  assert.ok(!/evil\.example(\/|\W*$)|www\.|pay\.evil/m.test(text.replace(/^Room:.*$/m, '')), text);
  assert.ok(!text.includes('evil.example/'), text);
  assert.ok(text.includes('J. R. at pay·evil·example'), text);
});

test('all who invited one address are told of when it is bound, under whatever pepper they did', async () => {
  const email = freshAddress();
  const senders = 45;
  for (let i = 0; i < senders; i++) {
    const who = await account();
    const body = { medium: 'email', address: email, room_id: `!r${i}:x`, sender: who.userId };
    assert.equal((await post('/store-invite', body, who.token)).status, 200);
  }
  const { rows } = await db.pool.query<{ pepper_id: number }>('SELECT pepper_id FROM identity_peppers');
  await db.pool.query(`INSERT INTO identity_peppers (pepper_id, pepper, index_key_id, state, previous_at)
    SELECT pepper_id + n, pepper || n, index_key_id, 'previous', now() FROM identity_peppers, generate_series(1, 2) n`);
  await db.pool.query(
    `INSERT INTO identity_digests (digest, pepper_id, invite_id)
     SELECT digest, pepper_id + n, invite_id FROM identity_digests, generate_series(1, 2) n
     WHERE invite_id IS NOT NULL AND pepper_id = $1`,
    [rows[0]?.pepper_id],
  );
  const bob = await account();
  await bind(bob, await validate(bob, email));
  await settle((await openBeside()).identity);
  const last = told.at(-1) as { mxid: string; invites: { room_id: string }[] };
  assert.equal(last.mxid, bob.userId);
  assert.equal(new Set(last.invites.map(({ room_id }) => room_id)).size, senders);
});
