/** Invitations on their way to strangers' homeservers: who hangs rests, nobody else waits, and one day it is over. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  createHandover,
  toHandOver,
} from '../../auralink-communication-service/auralink-modules/identity-service/handover.ts';
import {
  HANDOVER_DAYS,
  HANDOVER_REST_FIRST_MS,
  HANDOVER_REST_MAX_MS,
} from '../../auralink-communication-service/auralink-modules/identity-service/model.ts';
import { publicKeyOf } from '../../auralink-communication-service/auralink-modules/identity-service/signed-json.ts';
import type { UserId } from '../../auralink-communication-service/core/ids.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

function stage() {
  const pair = generateKeyPairSync('ed25519');
  const asked: string[] = [];
  const removed: string[] = [];
  const down = new Set<string>();
  const at = { nowMs: 0, now: NOW };
  const handOver = createHandover({
    bindings: {
      findTaken: async (inviteIds) =>
        inviteIds.map((inviteId) => ({
          ...{ inviteId, token: 't', medium: 'email' as const, envelope: Buffer.from('x'), roomId: '!r:x' },
          sender: '@s:x' as UserId,
        })),
      removeInvites: async (ids) => void removed.push(...ids),
    },
    vault: { find: async () => Buffer.from('a@example.org') },
    tellHomeserver: async (server) => {
      asked.push(server);
      if (down.has(server)) throw new Error('no answer');
    },
    now: () => at.now,
    nowMs: () => at.nowMs,
    serverName: 'ours',
    key: { keyId: 'ed25519:1', privateKey: pair.privateKey, publicKey: publicKeyOf(pair.publicKey) },
  });
  const tell = (server: string, inviteId: string) =>
    handOver(toHandOver(`@x:${server}` as UserId, [inviteId], NOW), inviteId);
  return { asked, removed, down, at, tell };
}

test('a homeserver that cannot be told rests, ever longer, for all that is still to be told; no other does', async () => {
  const { asked, removed, down, at, tell } = stage();
  down.add('slow');
  let waitMs = HANDOVER_REST_FIRST_MS;
  for (let round = 1; round <= 15; round++) {
    await assert.rejects(tell('slow', 'i1'), /no answer/);
    await assert.rejects(tell('slow', 'i2'), /a moment ago/);
    at.nowMs += waitMs - 1;
    await assert.rejects(tell('slow', 'i3'), /a moment ago/);
    await tell(`fine${round}`, `f${round}`);
    assert.equal(asked.filter((server) => server === 'slow').length, round);
    at.nowMs += 1;
    waitMs = Math.min(2 * waitMs, HANDOVER_REST_MAX_MS);
  }
  down.clear();
  await tell('slow', 'i1');
  await tell('slow', 'i2');
  assert.deepEqual(removed.slice(-2), ['i1', 'i2'], 'as soon as it answers, all is told');
  down.add('slow');
  await assert.rejects(tell('slow', 'i3'), /no answer/);
  at.nowMs += HANDOVER_REST_FIRST_MS;
  await assert.rejects(tell('slow', 'i3'), /no answer/);
});

test('what could not be told for days is given up, unasked', async () => {
  const { asked, removed, down, at, tell } = stage();
  down.add('slow');
  at.now = new Date(NOW.getTime() + HANDOVER_DAYS * 86_400_000 - 1);
  await assert.rejects(tell('slow', 'i1'), /no answer/);
  at.now = new Date(at.now.getTime() + 1);
  await tell('slow', 'i1');
  assert.deepEqual([asked, removed], [['slow'], ['i1']]);
});
