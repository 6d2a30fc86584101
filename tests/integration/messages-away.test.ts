/** The mail server is away for an hour, or cannot be trusted: nothing is lost that has not expired, and nothing goes out plain. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { messagesRoom } from '../support/messages-room.ts';
import { openPostbox } from '../support/postbox.ts';
import { makePrivateCa } from '../support/private-ca.ts';

/** Not "this machine" to the adapter, so it demands TLS. */
const ELSEWHERE = '127.0.0.2';

test('down for an hour and back: what has not expired arrives once, what has is never sent', async () => {
  const postbox = await openPostbox();
  let skewMs = 0;
  const clock = { now: systemClock.now, monotonicMs: () => systemClock.monotonicMs() + skewMs };
  const room = messagesRoom(await testDatabase(), postbox.env, { clock });
  const { pool } = room.db;
  await postbox.down();
  room.start();
  const send = (name: string, minutes: number) =>
    Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        room.send({ to: `${name}${n}@mail.example`, expiresAt: new Date(Date.now() + minutes * 60_000) }),
      ),
    );
  await send('short', 30);
  await send('long', 120);
  await eventually(async () => {
    const { rows } = await pool.query(
      'SELECT count(*)::int AS n FROM outgoing_messages WHERE reason IS NOT NULL',
    );
    assert.ok(rows[0].n > 0, 'somebody tried');
  });
  const tries = await pool.query('SELECT sum(attempts)::int AS n FROM outgoing_messages');
  assert.ok(tries.rows[0].n < 20, `a server that is away is not run down: ${tries.rows[0].n} tries`);
  const trouble = await room.part.probe('email');
  assert.deepEqual(trouble, { version: null });
  // An hour passes.
  await pool.query(
    `UPDATE outgoing_messages SET created_at = created_at - interval '1 h', expires_at = expires_at - interval '1 h',
       run_at = run_at - interval '1 h'`,
  );
  assert.match((await room.part.probe('email'))?.trouble ?? '', /has waited 3\d\d\d s$/);
  await postbox.up();
  skewMs += 3_600_000;
  await eventually(() => assert.equal(room.settled.length, 40), 60_000);
  const names = postbox.received.map(({ to }) => to).toSorted();
  const wanted = Array.from({ length: 20 }, (_, n) => `long${n}@mail.example`).toSorted();
  assert.deepEqual(names, wanted);
  assert.equal(room.settled.filter(({ state }) => state === 'expired').length, 20);
  await eventually(async () => assert.deepEqual(await room.part.probe('email'), { version: null }));
  await room.stop();
});

test('what has expired is settled and wiped though its server never comes back, or is configured no more', async () => {
  const database = await testDatabase();
  const postbox = await openPostbox();
  const room = messagesRoom(database, postbox.env);
  const sent = await room.send();
  const code = await room.send({ channel: 'sms' });
  const living = await room.send({ to: 'bob@mail.example' });
  await room.stop();
  const without = messagesRoom(database, {});
  const { pool } = without.db;
  await pool.query(
    "UPDATE outgoing_messages SET expires_at = now() - interval '1 s' WHERE message_id = ANY ($1)",
    [[sent, code]],
  );
  // A process died with it in hand: nobody knows what became of it, but not before its claim has lapsed.
  const inHand =
    "UPDATE outgoing_messages SET state = 'sending', run_at = now() + $2::interval WHERE message_id = $1";
  await pool.query(inHand, [code, '1 h']);
  const expire = without.part.chores.find(({ job }) => job === 'messages.expire')!;
  await expire.run();
  assert.deepEqual(
    without.settled.map(({ messageId, state }) => [messageId, state]),
    [[sent, 'expired']],
  );
  await pool.query(inHand, [code, '-1 s']);
  await expire.run();
  const { rows } = await pool.query(
    'SELECT message_id, state, reason, content IS NULL AS wiped, key_id IS NULL AS free FROM outgoing_messages ORDER BY message_id',
  );
  assert.deepEqual(
    rows.map(Object.values),
    [
      [sent, 'expired', null, true, true],
      [code, 'failed', 'outcome_unknown', true, true],
      [living, 'queued', null, false, false],
    ].toSorted(),
  );
});

test('a server elsewhere is spoken to by TLS only, and its certificate must be good', async () => {
  const ca = makePrivateCa();
  const own = ca.issue([ELSEWHERE]);
  const before = getCACertificates('default');
  after(() => setDefaultCACertificates(before));
  const plain = await openPostbox({ host: ELSEWHERE });
  const starttls = await openPostbox({ host: ELSEWHERE, tls: own });
  const tls = await openPostbox({ host: ELSEWHERE, tls: { ...own, secure: true } });
  const stays = async (env: Record<string, string>): Promise<void> => {
    const room = messagesRoom(await testDatabase(), env);
    room.start();
    const messageId = await room.send();
    await eventually(async () => {
      const sql = 'SELECT state, reason FROM outgoing_messages WHERE message_id = $1';
      const { rows } = await room.db.pool.query(sql, [messageId]);
      assert.equal(rows[0].state, 'queued');
      assert.ok(rows[0].reason !== null, 'it was tried');
    });
    await room.stop();
  };
  await stays({ ...plain.env });
  await stays({ ...starttls.env });
  await stays({ ...tls.env });
  assert.deepEqual(
    [plain, starttls, tls].map(({ received }) => received.length),
    [0, 0, 0],
  );
  setDefaultCACertificates([...before, ca.certificate]);
  for (const good of [starttls, tls]) {
    const url = new URL(good.env.SMTP_URL);
    url.username = 'aura';
    url.password = 'p@ss:word';
    const room = messagesRoom(await testDatabase(), { ...good.env, SMTP_URL: url.href });
    room.start();
    await room.send();
    await eventually(() =>
      assert.deepEqual(
        room.settled.map(({ state }) => state),
        ['sent'],
      ),
    );
    assert.equal(good.received.length, 1);
    await room.stop();
  }
});
