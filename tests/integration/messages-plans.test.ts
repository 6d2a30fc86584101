/** What the messages room asks of the database goes by an index, also when weeks of messages lie there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { messagesRoom } from '../support/messages-room.ts';
import { planOf, statementsOf } from '../support/plans.ts';
import { openPostbox } from '../support/postbox.ts';

test('no statement of a message scans its table', async () => {
  const postbox = await openPostbox();
  const room = messagesRoom(await testDatabase(), postbox.env);
  const { pool } = room.db;
  await pool.query(
    `INSERT INTO outgoing_messages (message_id, channel, purpose, state, prefix_digest, expires_at, settled_at, provider_id)
     SELECT gen_random_uuid(), 'sms', 'verification', 'sent', sha256(int4send(n % 300)), now() - interval '1 h', now(), n::text
     FROM generate_series(1, 20000) AS n`,
  );
  await pool.query('ANALYZE outgoing_messages');
  const texts = await statementsOf(async () => {
    room.start();
    const messageId = await room.send({ channel: 'sms' });
    await room.send();
    postbox.behaviour.recipient = (to) => (to.startsWith('grey') ? { code: 451, words: 'later' } : null);
    await room.send({ to: 'grey@mail.example' });
    // Before that it would not be sent at all.
    await eventually(() => assert.equal(room.settled.length, 2));
    await room.db.unitOfWork.run((tx) => room.part.messages.codeUsed(tx, messageId));
    const voided = await room.send({ to: 'void@mail.example', expiresAt: new Date(Date.now() + 60_000) });
    await room.db.unitOfWork.run((tx) => room.part.messages.cancel(tx, [voided]));
    for (const chore of room.part.chores) await chore.run();
    await room.part.probe('email');
    await eventually(async () => {
      const { rows } = await pool.query(
        "SELECT 1 FROM outgoing_messages WHERE state = 'delivered' OR reason IS NOT NULL",
      );
      assert.equal(rows.length, 2);
    });
    await eventually(() => assert.equal(room.settled.length, 3));
  });
  const ours = [...texts].filter((text) => /outgoing_messages|message_spend/.test(text));
  assert.ok(ours.length >= 8, `${ours.length} statements`);
  for (const text of ours) {
    const plan = await planOf(pool, text);
    assert.ok(
      !plan.some((line) => /Seq Scan on (?:outgoing_messages|message_spend)/.test(line)),
      `${text}\n${plan.join('\n')}`,
    );
  }
});
