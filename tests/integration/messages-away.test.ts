/** A server is away for an hour, or cannot be trusted: nothing is lost that has not expired, and nothing goes out plain. */
import assert from 'node:assert/strict';
import { createServer, type Server as Gateway } from 'node:http';
import { after, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { messagesRoom } from '../support/messages-room.ts';
import { openPostbox } from '../support/postbox.ts';
import { makePrivateCa } from '../support/private-ca.ts';
import { freePort } from '../support/identity-door.ts';

/** Not "this machine" to the adapter, so it demands TLS. */
const ELSEWHERE = '127.0.0.2';

/** What goes down for an hour: `addressed` makes different addresses, `taken` tells to whom something came. */
interface Server {
  readonly channel: 'email' | 'sms';
  readonly env: Readonly<Record<string, string>>;
  readonly addressed: (n: number) => string;
  readonly taken: () => string[];
  readonly down: () => Promise<void>;
  readonly up: () => Promise<void>;
}

async function postboxServer(channel: 'email' | 'sms'): Promise<Server> {
  const postbox = await openPostbox();
  const { down, up } = postbox;
  return {
    ...{ channel, down, up, env: postbox.env },
    addressed: (n) => (channel === 'email' ? `anna${n}@mail.example` : `+4915100000${100 + n}`),
    taken: () => postbox.received.map(({ to }) => to),
  };
}

async function gatewayServer(): Promise<Server> {
  const taken: string[] = [];
  const port = await freePort();
  const open = async (): Promise<Gateway> => {
    const server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      taken.push(JSON.parse(text).to);
      response.writeHead(200, { connection: 'close' }).end();
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return server;
  };
  let server = await open();
  const down = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  after(down);
  return {
    channel: 'sms',
    env: { SMS_GATEWAY_URL: `http://127.0.0.1:${port}/send`, SMS_GATEWAY_TOKEN: 'a-token-of-the-gateway' },
    addressed: (n) => `+4915100000${100 + n}`,
    taken: () => taken,
    down,
    up: async () => {
      server = await open();
    },
  };
}

const SERVERS: readonly (readonly [string, () => Promise<Server>])[] = [
  ['the mail server', () => postboxServer('email')],
  ['the SMPP server', () => postboxServer('sms')],
  ['the SMS gateway', gatewayServer],
];

for (const [name, open] of SERVERS) {
  test(`${name} is down for an hour and back: what has not expired arrives once, what has is never sent`, async () => {
    const server = await open();
    let skewMs = 0;
    const clock = { now: systemClock.now, monotonicMs: () => systemClock.monotonicMs() + skewMs };
    const room = messagesRoom(await testDatabase(), server.env, { clock });
    const { pool } = room.db;
    await server.down();
    room.start();
    const send = (from: number, minutes: number) =>
      Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          room.send({
            ...{ channel: server.channel, to: server.addressed(from + n) },
            expiresAt: new Date(Date.now() + minutes * 60_000),
          }),
        ),
      );
    await send(0, 30);
    await send(20, 120);
    await eventually(async () => {
      const { rows } = await pool.query(
        'SELECT count(*)::int AS n FROM outgoing_messages WHERE reason IS NOT NULL',
      );
      assert.ok(rows[0].n > 0, 'somebody tried');
    });
    const tries = await pool.query('SELECT sum(attempts)::int AS n FROM outgoing_messages');
    assert.ok(tries.rows[0].n < 20, `a server that is away is not run down: ${tries.rows[0].n} tries`);
    assert.deepEqual(await room.part.probe(server.channel), { version: null });
    // An hour passes.
    await pool.query(
      `UPDATE outgoing_messages SET created_at = created_at - interval '1 h', expires_at = expires_at - interval '1 h',
         run_at = run_at - interval '1 h'`,
    );
    const probed = await room.part.probe(server.channel);
    assert.match(probed?.trouble ?? '', /has waited 3\d\d\d s$/);
    await server.up();
    skewMs += 3_600_000;
    const settledAs = (state: string) => room.settled.filter((one) => one.state === state).length;
    await eventually(() => assert.deepEqual([settledAs('expired'), settledAs('sent')], [20, 20]), 60_000);
    const wanted = Array.from({ length: 20 }, (_, n) => server.addressed(20 + n)).toSorted();
    assert.deepEqual(server.taken().toSorted(), wanted);
    await eventually(async () => assert.deepEqual(await room.part.probe(server.channel), { version: null }));
    await room.stop();
  });
}

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
