/** A person's list of what she proves: how each was proved, what is always on its first page, and the pages of what ended. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  ENDED_PAGE_MAX,
  LIVE_PROOFS_MAX,
} from '../../auralink-communication-service/auralink-modules/verification/model.ts';
import { createVerifications } from '../../auralink-communication-service/auralink-modules/verification/service.ts';
import type { PersonId, VerificationId } from '../../auralink-communication-service/core/ids.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { testDatabase } from '../harness.ts';
import { codesRoom, provingPerson } from '../support/verification-room.ts';

const db = openDatabase(await testDatabase());
after(() => db.close());
const room = codesRoom(db);
const { codes, courier, proofs, store, sealed: vault } = room;
const verifications = createVerifications({ unitOfWork: db.unitOfWork, store, vault, proofs, courier });
const IP = '192.0.2.1';

const begin = async (personId: PersonId, to: string): Promise<VerificationId> =>
  (await codes.start(personId, 'email', to, IP)).verificationId as VerificationId;
const giveUp = (personId: PersonId, verificationId: VerificationId) =>
  verifications.withdraw(personId, verificationId);

test('of each proof it is said how it was made', async () => {
  const personId = await provingPerson(db);
  const typed = await begin(personId, 'typed@example.org');
  await codes.submit(personId, typed, courier.last('typed@example.org').code);
  await begin(personId, 'pressed@example.org');
  await codes.confirmLink(courier.last('pressed@example.org').token, IP);
  await begin(personId, 'waits@example.org');
  for (const level of ['document_seen', 'document_proven'] as const) {
    await db.unitOfWork.run((tx) =>
      proofs.prove(tx, {
        ...{ personId, level, method: 'document', subject: `UTO ${level}` },
        ...{ evidence: {}, expiresAt: new Date(Date.now() + 86_400_000) },
      }),
    );
  }
  const { verifications: all } = await verifications.list(personId);
  assert.deepEqual(
    all.map(({ subject, by }) => [subject, by]),
    [
      ['UTO document_proven', 'chip'],
      ['UTO document_seen', 'reviewer'],
      ['waits@example.org', null],
      ['pressed@example.org', 'link'],
      ['typed@example.org', 'code'],
    ],
  );
});

test('what holds is on the first page, however much ended since; what ended comes in pages, each once', async () => {
  const personId = await provingPerson(db);
  const holds = await begin(personId, 'first@example.org');
  await codes.submit(personId, holds, courier.last('first@example.org').code);
  const ended: string[] = [];
  for (let n = 0; n < ENDED_PAGE_MAX * 2 + 5; n++) {
    const one = await begin(personId, `gone${n}@example.org`);
    await giveUp(personId, one);
    ended.unshift(one);
  }
  const first = await verifications.list(personId);
  assert.equal(first.verifications.at(-1)?.verificationId, holds);
  const seen = first.verifications.slice(0, -1).map(({ verificationId }) => verificationId);
  for (let next = first.next; next !== null; ) {
    const page = await verifications.list(personId, next as VerificationId);
    seen.push(...page.verifications.map(({ verificationId }) => verificationId));
    next = page.next;
  }
  assert.deepEqual(seen, ended);
});

test('who has as many as she may have can still prove each of them again, and nothing else', async () => {
  const personId = await provingPerson(db);
  const addresses = Array.from({ length: LIVE_PROOFS_MAX }, (_, n) => `full${n}@example.org`);
  for (const to of addresses) {
    const id = await begin(personId, to);
    await codes.submit(personId, id, courier.last(to).code);
  }
  const tooMany = { details: { reason: 'too_many_verifications' } };
  await assert.rejects(begin(personId, 'one-more@example.org'), tooMany);
  const [to = ''] = addresses;
  const again = await begin(personId, to);
  await assert.rejects(begin(personId, 'one-more@example.org'), tooMany);
  await codes.submit(personId, again, courier.last(to).code);
  const { verifications: all } = await verifications.list(personId);
  const holding = all.filter(({ state }) => state === 'verified');
  assert.equal(holding.length, LIVE_PROOFS_MAX);
  assert.equal(holding.find(({ subject }) => subject === to)?.verificationId, again);
});
