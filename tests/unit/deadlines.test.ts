import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DeadlineDeps,
  runDeadlines,
} from '../../auralink-communication-service/auralink-modules/calls/deadlines.ts';
import type { InvitationId } from '../../auralink-communication-service/core/ids.ts';

test('a deadline that cannot be carried out does not hold up the others, and is told', async () => {
  const warnings: unknown[] = [];
  const looked: string[] = [];
  const ringing = ['stuck', 'one', 'two', 'three', 'four', 'five', 'six'] as InvitationId[];
  const deps = {
    unitOfWork: { run: (work: (tx: object) => Promise<unknown>) => work({}) },
    logger: { warn: (fields: { err: Error }) => warnings.push(fields.err.message) },
    store: {
      findOverdueRings: async () => [],
      findOverdueInvitations: async () => ({ ringing, media: [] }),
      findRecordByInvitation: async (_tx: object, invitationId: string) => {
        looked.push(invitationId);
        if (invitationId === 'stuck') throw new Error('lock time-out');
        return null;
      },
    },
  } as unknown as DeadlineDeps;
  assert.equal(await runDeadlines(deps), ringing.length - 1);
  assert.deepEqual(looked.toSorted(), ringing.toSorted());
  assert.deepEqual(warnings, ['lock time-out']);
});
