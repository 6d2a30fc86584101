/** Whom we believe about where a request comes from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createNetworks,
  forwardedFor,
  plainAddress,
} from '../../auralink-communication-service/http/networks.ts';

test('networks know their addresses, in every spelling', () => {
  const isOurs = createNetworks(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);
  for (const yes of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', 'fd12::1'])
    assert.equal(isOurs(yes), true, yes);
  for (const no of ['11.1.2.3', '192.0.2.8', 'fe80::1', '', 'localhost', '10.0.0.0/8']) {
    assert.equal(isOurs(no), false, no);
  }
  assert.equal(createNetworks([])('127.0.0.1'), false);
  assert.throws(() => createNetworks(['nonsense']));
});

test('without a trusted peer, X-Forwarded-For is the peer, whatever the client claims', () => {
  const nobody = createNetworks([]);
  assert.deepEqual(forwardedFor('::ffff:198.51.100.9', '1.1.1.1, 2.2.2.2', nobody), ['198.51.100.9']);
});

test('a trusted peer is believed about its own peer, and no further', () => {
  const isTrusted = createNetworks(['10.0.0.0/8']);
  const chain = (header: string | undefined) => forwardedFor('10.0.0.1', header, isTrusted);
  assert.deepEqual(chain(undefined), ['10.0.0.1']);
  assert.deepEqual(chain('198.51.100.9'), ['198.51.100.9', '10.0.0.1']);
  assert.deepEqual(chain('6.6.6.6, 198.51.100.9'), ['198.51.100.9', '10.0.0.1']);
  assert.deepEqual(chain('6.6.6.6, 198.51.100.9, 10.0.0.2'), ['198.51.100.9', '10.0.0.2', '10.0.0.1']);
  assert.deepEqual(chain('198.51.100.9, rubbish'), ['10.0.0.1']);
  assert.deepEqual(chain(''), ['10.0.0.1']);
});

test('plain addresses', () => {
  assert.equal(plainAddress('::ffff:127.0.0.1'), '127.0.0.1');
  assert.equal(plainAddress('2001:db8:0:0::1'), '2001:db8::1');
});
