/**
 * The socket: nothing is missed and nothing doubled over a reconnect, to either process; what is not a frame of the
 * protocol ends it; tabs beyond the limit, slow readers and signed-out endpoints are closed.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import {
  CLOSE,
  SOCKETS_PER_ENDPOINT_MAX,
} from '../../../auralink-communication-service/auralink-modules/endpoints/model.ts';
import type { Phone } from '../../support/phone.ts';
import { openRawDoor } from '../../support/raw-door.ts';
import { eventually, openStage, type Stage } from '../../support/stage.ts';

const stage: Stage = await openStage('resumption');
const { config } = stage.constellation.settings;
const { socketCode } = openRawDoor(config.PUBLIC_PORT);

/** So many calls to bob, each given up at once: two events each. */
async function calls(alice: Phone, to: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { status, body } = await alice.place(to);
    assert.equal(status, 201, JSON.stringify(body));
    await alice.cancel(body.callId);
  }
}

async function processOf(phone: Phone): Promise<string | undefined> {
  const row = await stage.one<{ process_id: string } | undefined>(
    'SELECT process_id FROM endpoint_sockets WHERE endpoint_id = $1 ORDER BY connected_at DESC LIMIT 1',
    [phone.endpoint.endpointId],
  );
  return row?.process_id;
}

async function gone(phone: Phone): Promise<void> {
  await phone.until(() => phone.closeCode !== null, 'the end of its socket');
  await eventually(
    async () => ((await processOf(phone)) === undefined ? [] : ['the socket is still noted']),
    5_000,
  );
}

/** Writes so many events of 16 KB into the log, past the service; its poll finds them. */
async function fill(phone: Phone, count: number): Promise<void> {
  await stage.world.db.query(
    `WITH bumped AS (UPDATE endpoint_streams SET last_seq = last_seq + $2 WHERE endpoint_id = $1)
     INSERT INTO endpoint_events (endpoint_id, seq, type, data)
     SELECT $1, n, 'test.filler', jsonb_build_object('text', repeat(md5(n::text), 512))
     FROM generate_series(1, $2) n`,
    [phone.endpoint.endpointId, count],
  );
}

const seqs = (phone: Phone): number[] => phone.frames.map((frame) => frame.seq);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

describe('resumption', () => {
  it('misses nothing and doubles nothing, on the same process and on the other', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const phone = bobs[0] as Phone;
    const processes = new Set<string | undefined>();
    for (let round = 0; round < 8; round++) {
      processes.add(await processOf(phone));
      await calls(alice, bob.auraId, 1);
      phone.drop();
      await gone(phone);
      await calls(alice, bob.auraId, 1);
      await phone.connect({ lastSeq: phone.lastSeq });
      assert.equal(phone.welcome?.resumed, true);
      await phone.until(() => phone.lastSeq === 4 * (round + 1), 'all events');
    }
    assert.deepEqual(seqs(phone), upTo(32));
    assert.equal(processes.size, 2, 'by chance (1 in 128) all rounds met one process');
    await stage.settle();
    await stage.clear();
  });

  it('misses nothing while events pour in', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const phone = bobs[0] as Phone;
    let pouring = true;
    const pour = calls(alice, bob.auraId, 20).finally(() => {
      pouring = false;
    });
    while (pouring) {
      phone.drop();
      await phone.until(() => phone.closeCode !== null, 'its end');
      await phone.connect({ lastSeq: phone.lastSeq });
      const before = phone.frames.length;
      await Promise.race([pour, phone.until(() => phone.frames.length > before, 'an event')]);
    }
    await pour;
    await phone.until(() => phone.lastSeq === 40, 'all events');
    assert.deepEqual(seqs(phone), upTo(40));
    await stage.settle();
    await stage.clear();
  });

  it('takes lastSeq as word that everything up to it was handled', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const phone = bobs[0] as Phone;
    phone.acknowledge = false;
    await calls(alice, bob.auraId, 2);
    await phone.until(() => phone.lastSeq === 4, 'all events');
    phone.drop();
    await gone(phone);
    await phone.connect({ lastSeq: 4 });
    phone.acknowledge = true;
    await stage.settle();
    assert.deepEqual(seqs(phone), upTo(4));
    await stage.clear();
  });

  it('begins at what is unacknowledged without lastSeq, or with one from the future', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const phone = bobs[0] as Phone;
    await calls(alice, bob.auraId, 1);
    await stage.settle();
    phone.drop();
    await gone(phone);
    await calls(alice, bob.auraId, 1);
    for (const options of [{ acknowledge: false }, { acknowledge: false, lastSeq: 4_000 }]) {
      const page = await stage.tab(phone, options);
      assert.deepEqual(page.welcome, { seq: 2, resumed: false });
      await page.until(() => page.lastSeq === 4, 'the unacknowledged');
      assert.deepEqual(seqs(page), [3, 4]);
      await page.close();
    }
    await stage.clear();
  });

  it('says so when lastSeq is older than what is kept', async () => {
    const phone = await stage.phone(await stage.person());
    await fill(phone, 4);
    await phone.until(() => phone.lastSeq === 4, 'all events');
    await stage.settle();
    await stage.world.db.query('DELETE FROM endpoint_events WHERE endpoint_id = $1 AND seq <= 2', [
      phone.endpoint.endpointId,
    ]);
    const page = await stage.tab(phone, { lastSeq: 1 });
    assert.deepEqual(page.welcome, { seq: 4, resumed: false });
    const near = await stage.tab(phone, { lastSeq: 2 });
    assert.equal(near.welcome?.resumed, true);
    await near.until(() => near.lastSeq === 4, 'the rest');
    await stage.clear();
  });

  it('shows a fresh page what still rings, under the same ring', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const phone = bobs[0] as Phone;
    const { callId } = (await alice.place(bob.auraId)).body;
    const ring = await phone.frame('ring');
    await alice.frame('call.updated');
    phone.drop();
    await gone(phone);
    const page = await stage.tab(phone);
    const again = await page.frame('ring');
    assert.equal(again.data.ringId, ring.data.ringId);
    assert.equal((await page.answer(String(again.data.ringId))).status, 200);
    await alice.hangUp(callId);
    await stage.settle();
    await stage.clear();
  });
});

describe('the socket', () => {
  it('ends at what is not its language', async () => {
    const { alice } = await stage.pair(0);
    const hello = JSON.stringify({ type: 'hello', token: alice.endpoint.token });
    const ack = JSON.stringify({ type: 'ack', seq: 1 });
    const cases: [what: string, send: (string | Buffer)[], code: number][] = [
      ['text', ['hello'], CLOSE.badFrame],
      ['an empty frame', [''], CLOSE.badFrame],
      ['binary', [Buffer.from(hello)], CLOSE.badFrame],
      ['an unknown type', ['{"type":"bye"}'], CLOSE.badFrame],
      ['an unknown field', [hello.replace('}', ',"admin":true}')], CLOSE.badFrame],
      ['an ack first', [ack], CLOSE.badFrame],
      ['a negative lastSeq', [hello.replace('}', ',"lastSeq":-1}')], CLOSE.badFrame],
      ['a huge lastSeq', [hello.replace('}', ',"lastSeq":1e300}')], CLOSE.badFrame],
      ['a bad token', ['{"type":"hello","token":"x"}'], CLOSE.unauthenticated],
      ['an oversize frame', [`{"type":"hello","token":"${'x'.repeat(9_000)}"}`], 1009],
    ];
    for (const [what, send, code] of cases) assert.equal(await socketCode({ send }), code, what);
    await stage.clear();
  });

  it('ends at a second hello, and at an ack of nonsense later on', async () => {
    for (const frame of [{ type: 'hello', token: 'x' }, { type: 'ack', seq: 'many' }, { type: 'ack' }]) {
      const phone = await stage.phone(await stage.person());
      phone.send(frame);
      await phone.until(() => phone.closeCode !== null, 'its end');
      assert.equal(phone.closeCode, CLOSE.badFrame);
    }
    await stage.clear();
  });

  it('ends when nobody says hello', async () => {
    const begin = performance.now();
    assert.equal(await socketCode({}), CLOSE.helloTimeout);
    const tookMs = performance.now() - begin;
    assert.ok(tookMs > 4_500 && tookMs < 9_000, `after ${tookMs} ms`);
  });

  it('believes no acknowledgement of what was never sent', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const phone = bobs[0] as Phone;
    phone.acknowledge = false;
    phone.ack(1_000_000);
    const { callId } = (await alice.place(bob.auraId)).body;
    await phone.frame('ring');
    const view = await alice.call(callId);
    assert.equal(view.body.invitation.alerting, false);
    phone.ack(1);
    await alice.frame('call.updated');
    phone.acknowledge = true;
    await alice.cancel(callId);
    await phone.frame('ring.stopped');
    await stage.settle();
    await stage.clear();
  });

  it('answers pings', async () => {
    const { alice } = await stage.pair(0);
    assert.equal(await alice.ping(), true);
    await stage.clear();
  });

  it('closes the oldest of too many pages, however fast they come', async () => {
    const phone = await stage.phone(await stage.person());
    const opened = 3 * SOCKETS_PER_ENDPOINT_MAX;
    const pages = await Promise.all(Array.from({ length: opened }, () => stage.tab(phone)));
    // The limit holds in each of the two processes.
    const allowed = 2 * SOCKETS_PER_ENDPOINT_MAX;
    await eventually(async () => {
      const open = [phone, ...pages].filter((page) => page.isOpen).length;
      return open <= allowed ? [] : [`${open} pages are open`];
    }, 5_000);
    const closed = [phone, ...pages].filter((page) => !page.isOpen);
    assert.deepEqual([...new Set(closed.map((page) => page.closeCode))], [CLOSE.tooManySockets]);
    await stage.clear();
  });

  it('closes a page that does not read; it resumes with everything', async () => {
    const phone = await stage.phone(await stage.person());
    phone.pause();
    const count = 600;
    // 600 events of 16 KB: more than socket buffers and our own limit hold.
    await fill(phone, count);
    await eventually(async () => ((await processOf(phone)) === undefined ? [] : ['still open']), 20_000);
    phone.resume();
    await phone.until(() => phone.closeCode !== null, 'its end');
    assert.ok(phone.lastSeq < count);
    await phone.connect({ lastSeq: phone.lastSeq });
    await phone.until(() => phone.lastSeq === count, 'everything');
    assert.deepEqual(seqs(phone), upTo(count));
    await stage.settle();
    await stage.clear();
  });

  it('survives what is no WebSocket at all', async () => {
    for (const text of [
      'GET /_auralink/v1/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      'GET /_auralink/v1/socket HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
      '\u0000\u0001\u0002\r\n\r\n',
    ]) {
      const answer = await new Promise<string>((resolve, reject) => {
        let received = '';
        const socket = connect(config.PUBLIC_PORT, '127.0.0.1', () => socket.write(text));
        socket.setEncoding('latin1').on('data', (chunk) => {
          received += chunk;
        });
        socket.on('close', () => resolve(received)).on('error', reject);
      });
      assert.match(answer, /^HTTP\/1\.1 4\d\d/);
    }
    const phone = await stage.phone(await stage.person());
    assert.equal(phone.isOpen, true);
    await stage.clear();
  });
});
