/** Identity documents that people sent in, and their pictures: one row a document, one a side. */
import type pg from 'pg';
import type { DocumentState, Missing, Side } from '../auralink-modules/documents/model.ts';
import type { DocumentStore, StoredDocument } from '../auralink-modules/documents/ports.ts';
import type { EndpointId, PersonId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

interface ImageJson {
  readonly imageId: string;
  readonly side: Side;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly uploadedAt: string;
}

interface DocumentRow extends pg.QueryResultRow {
  document_id: string;
  person_id: PersonId;
  state: DocumentState;
  decided_by: 'reviewers' | 'chip' | null;
  lines_envelope: Buffer | null;
  reason: string | null;
  missing: Missing[];
  note_envelope: Buffer | null;
  round: number;
  seen_sides: Side[];
  created_at: Date;
  sent_at: Date | null;
  decided_at: Date | null;
  delete_at: Date | null;
  images: ImageJson[] | null;
}

const COLUMNS = `d.document_id, d.person_id, d.state, d.decided_by, d.lines_envelope, d.reason, d.missing, d.note_envelope,
  d.round, d.seen_sides, d.created_at, d.sent_at, d.decided_at, d.delete_at,
  (SELECT json_agg(json_build_object('imageId', i.image_id, 'side', i.side, 'width', i.width, 'height', i.height,
      'bytes', i.bytes, 'uploadedAt', i.created_at) ORDER BY i.side DESC)
    FROM document_images i WHERE i.document_id = d.document_id) AS images`;

const toDocument = (row: DocumentRow): StoredDocument => ({
  documentId: row.document_id,
  personId: row.person_id,
  state: row.state,
  by: row.decided_by,
  linesEnvelope: row.lines_envelope,
  reason: row.reason,
  missing: row.missing,
  noteEnvelope: row.note_envelope,
  round: row.round,
  seenSides: row.seen_sides,
  createdAt: row.created_at,
  sentAt: row.sent_at,
  decidedAt: row.decided_at,
  deletedOn: row.delete_at,
  images: (row.images ?? []).map((image) => ({ ...image, uploadedAt: new Date(image.uploadedAt) })),
});

export function documentStore(pool: pg.Pool): DocumentStore {
  return { ...own(pool), ...changes, ...reviewing(pool), ...tidying };
}

type Own = 'lockPerson' | 'findShownName' | 'list' | 'findOwn' | 'findLive' | 'findImage';

function own(pool: pg.Pool): Pick<DocumentStore, Own> {
  return {
    async lockPerson(tx, personId) {
      const [row] = await query<{ display_name: string | null }>(
        tx,
        'documents-lock-person',
        "SELECT display_name FROM aura_id_registry WHERE person_id = $1 AND state = 'active' FOR NO KEY UPDATE",
        [personId],
      );
      return row === undefined ? null : { displayName: row.display_name };
    },
    async findShownName(personId) {
      const [row] = await query<{ display_name: string | null }>(
        pool,
        'documents-shown-name',
        'SELECT display_name FROM aura_id_registry WHERE person_id = $1',
        [personId],
      );
      return row?.display_name ?? null;
    },
    async list(personId, limit) {
      const sql = `SELECT ${COLUMNS} FROM identity_documents d WHERE d.person_id = $1 ORDER BY d.created_at DESC LIMIT $2`;
      return (await query<DocumentRow>(pool, 'documents-list', sql, [personId, limit])).map(toDocument);
    },
    async findOwn(tx, personId, documentId) {
      const sql = `SELECT ${COLUMNS} FROM identity_documents d WHERE d.document_id = $2 AND d.person_id = $1 FOR UPDATE OF d`;
      const [row] = await query<DocumentRow>(tx, 'documents-own', sql, [personId, documentId]);
      return row === undefined ? null : toDocument(row);
    },
    async findLive(tx, personId) {
      const sql = `SELECT document_id FROM identity_documents
        WHERE person_id = $1 AND state IN ('open', 'pending', 'asked')`;
      const [row] = await query<{ document_id: string }>(tx, 'documents-live', sql, [personId]);
      return row?.document_id ?? null;
    },
    async findImage(tx, documentId, side) {
      const sql = 'SELECT image_id, envelope FROM document_images WHERE document_id = $1 AND side = $2';
      const [row] = await query<{ image_id: string; envelope: Buffer }>(tx, 'documents-image', sql, [
        documentId,
        side,
      ]);
      return row === undefined ? null : { imageId: row.image_id, envelope: row.envelope };
    },
  };
}

type Changes = 'insert' | 'setLines' | 'setImage' | 'removeImage' | 'send' | 'decide' | 'withdraw';

const changes: Pick<DocumentStore, Changes> = {
  async insert(tx, personId, documentId, linesEnvelope) {
    const sql = 'INSERT INTO identity_documents (document_id, person_id, lines_envelope) VALUES ($1, $2, $3)';
    await query(tx, 'documents-insert', sql, [documentId, personId, linesEnvelope]);
  },
  async setLines(tx, documentId, linesEnvelope) {
    const sql =
      'UPDATE identity_documents SET lines_envelope = $2, updated_at = now() WHERE document_id = $1';
    await query(tx, 'documents-lines', sql, [documentId, linesEnvelope]);
  },
  async setImage(tx, documentId, personId, { imageId, side, width, height, bytes, envelope }) {
    // The row's id is bound into the envelope: another picture is another row.
    const remove = 'DELETE FROM document_images WHERE document_id = $1 AND side = $2';
    await query(tx, 'documents-image-replaced', remove, [documentId, side]);
    const sql = `INSERT INTO document_images (image_id, document_id, person_id, side, width, height, bytes, envelope)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;
    const values = [imageId, documentId, personId, side, width, height, bytes, envelope];
    await query(tx, 'documents-image-insert', sql, values);
    await touch(tx, documentId);
  },
  async removeImage(tx, documentId, side) {
    const sql = 'DELETE FROM document_images WHERE document_id = $1 AND side = $2 RETURNING image_id';
    const removed = (await query(tx, 'documents-image-removed', sql, [documentId, side])).length > 0;
    if (removed) await touch(tx, documentId);
    return removed;
  },
  async send(tx, documentId) {
    const sql = `UPDATE identity_documents SET state = 'pending', round = round + 1, sent_at = now(), updated_at = now(),
        missing = '{}', note_envelope = NULL
      WHERE document_id = $1`;
    await query(tx, 'documents-send', sql, [documentId]);
  },
  async decide(tx, documentId, { state, by, reason, missing, noteEnvelope, keptDays }) {
    const sql = `UPDATE identity_documents SET state = $2, decided_by = CASE WHEN $2 = 'asked' THEN NULL ELSE $3 END,
        reason = $4, missing = $5, note_envelope = $6, claimed_by = NULL, claimed_until = NULL, updated_at = now(),
        decided_at = CASE WHEN $2 = 'asked' THEN NULL ELSE now() END,
        delete_at = now() + make_interval(days => $7::int)
      WHERE document_id = $1`;
    await query(tx, 'documents-decide', sql, [
      documentId,
      state,
      by,
      reason,
      missing,
      noteEnvelope,
      keptDays,
    ]);
  },
  async withdraw(tx, documentId) {
    await query(tx, 'documents-withdraw', EMPTIED, [documentId]);
    await query(tx, 'documents-withdraw-images', 'DELETE FROM document_images WHERE document_id = $1', [
      documentId,
    ]);
  },
};

const EMPTIED = `UPDATE identity_documents SET state = CASE WHEN state IN ('approved', 'rejected') THEN state ELSE 'withdrawn' END,
    lines_envelope = NULL, note_envelope = NULL, delete_at = NULL, claimed_by = NULL, claimed_until = NULL, updated_at = now()
  WHERE document_id = $1`;

async function touch(tx: Tx, documentId: string): Promise<void> {
  const sql = 'UPDATE identity_documents SET updated_at = now() WHERE document_id = $1';
  await query(tx, 'documents-touch', sql, [documentId]);
}

type ByReviewers =
  | 'listWaiting'
  | 'claim'
  | 'findClaimed'
  | 'setSeen'
  | 'find'
  | 'release'
  | 'judge'
  | 'countVerdicts';

const NOT_JUDGED_BY = (reviewer: string): string => `NOT EXISTS (SELECT FROM document_reviews r
  WHERE r.document_id = d.document_id AND r.round = d.round AND r.reviewer_person_id = ${reviewer})`;

function reviewing(pool: pg.Pool): Pick<DocumentStore, ByReviewers> {
  return {
    async listWaiting(reviewer, limit) {
      const sql = `SELECT d.document_id, d.sent_at, d.round,
          CASE WHEN d.claimed_by = $1 AND d.claimed_until > now() THEN 'mine'
            WHEN d.claimed_until > now() THEN 'other' ELSE 'free' END AS claim,
          (SELECT count(*)::int FROM document_reviews r WHERE r.document_id = d.document_id AND r.round = d.round) AS verdicts
        FROM identity_documents d
        WHERE d.state = 'pending' AND d.person_id <> $1 AND ${NOT_JUDGED_BY('$1')}
        ORDER BY d.sent_at LIMIT $2`;
      const rows = await query<{
        document_id: string;
        sent_at: Date;
        round: number;
        claim: 'free' | 'mine' | 'other';
        verdicts: number;
      }>(pool, 'documents-waiting', sql, [reviewer, limit]);
      return rows.map((row) => ({
        ...{ documentId: row.document_id, sentAt: row.sent_at, round: row.round },
        ...{ claim: row.claim, verdicts: row.verdicts },
      }));
    },
    async claim(tx, documentId, reviewer, seconds) {
      const sql = `UPDATE identity_documents d SET claimed_by = $2, claimed_until = now() + make_interval(secs => $3),
          seen_sides = CASE WHEN before.renewed THEN d.seen_sides ELSE '{}' END
        FROM (SELECT document_id, claimed_by = $2 AND claimed_until > now() AS renewed FROM identity_documents
          WHERE document_id = $1 FOR UPDATE) before
        WHERE d.document_id = before.document_id AND d.state = 'pending' AND d.person_id <> $2
          AND (d.claimed_by IS NULL OR d.claimed_by = $2 OR d.claimed_until <= now()) AND ${NOT_JUDGED_BY('$2')}
        RETURNING d.claimed_until, before.renewed, ${COLUMNS}`;
      const values = [documentId, reviewer, seconds];
      type Row = DocumentRow & { claimed_until: Date; renewed: boolean | null };
      const [row] = await query<Row>(tx, 'documents-claim', sql, values);
      if (row === undefined) return null;
      return { document: toDocument(row), until: row.claimed_until, renewed: row.renewed === true };
    },
    async findClaimed(tx, documentId, reviewer) {
      const sql = `SELECT ${COLUMNS} FROM identity_documents d
        WHERE d.document_id = $1 AND d.claimed_by = $2 AND d.claimed_until > now() AND d.state = 'pending'
        FOR UPDATE OF d`;
      const [row] = await query<DocumentRow>(tx, 'documents-claimed', sql, [documentId, reviewer]);
      return row === undefined ? null : toDocument(row);
    },
    async setSeen(tx, documentId, side) {
      const sql = `UPDATE identity_documents SET seen_sides = array_append(seen_sides, $2)
        WHERE document_id = $1 AND NOT $2 = ANY (seen_sides)`;
      await query(tx, 'documents-seen', sql, [documentId, side]);
    },
    async find(documentId) {
      const sql = `SELECT ${COLUMNS} FROM identity_documents d WHERE d.document_id = $1`;
      const [row] = await query<DocumentRow>(pool, 'documents-find', sql, [documentId]);
      return row === undefined ? null : toDocument(row);
    },
    async release(tx, documentId, reviewer) {
      const sql = `UPDATE identity_documents SET claimed_by = NULL, claimed_until = NULL
        WHERE document_id = $1 AND claimed_by = $2 RETURNING document_id`;
      return (await query(tx, 'documents-release', sql, [documentId, reviewer])).length > 0;
    },
    async judge(tx, { reviewId, documentId, reviewer, round, verdict, reason }) {
      const sql = `INSERT INTO document_reviews (review_id, document_id, reviewer_person_id, round, verdict, reason)
        VALUES ($1, $2, $3, $4, $5, $6)`;
      await query(tx, 'documents-judge', sql, [reviewId, documentId, reviewer, round, verdict, reason]);
      const free =
        'UPDATE identity_documents SET claimed_by = NULL, claimed_until = NULL WHERE document_id = $1';
      await query(tx, 'documents-judged', free, [documentId]);
      const count = `SELECT count(*)::int AS n FROM document_reviews
        WHERE document_id = $1 AND round = $2 AND verdict = $3`;
      const [row] = await query<{ n: number }>(tx, 'documents-agreed', count, [documentId, round, verdict]);
      return row?.n ?? 0;
    },
    async countVerdicts(documentId, round) {
      const sql = 'SELECT count(*)::int AS n FROM document_reviews WHERE document_id = $1 AND round = $2';
      return (await query<{ n: number }>(pool, 'documents-verdicts', sql, [documentId, round]))[0]?.n ?? 0;
    },
  };
}

const tidying: Pick<DocumentStore, 'tidy'> = {
  async tidy(tx, draftDays, limit) {
    const due = `SELECT document_id, person_id FROM identity_documents WHERE delete_at <= now()
      ORDER BY delete_at LIMIT $1 FOR UPDATE SKIP LOCKED`;
    const forgotten = `SELECT document_id, person_id FROM identity_documents
      WHERE state IN ('open', 'asked') AND updated_at < now() - make_interval(days => $2::int)
      ORDER BY updated_at LIMIT $1 FOR UPDATE SKIP LOCKED`;
    type Row = { document_id: string; person_id: PersonId };
    const rows = [
      ...(await query<Row>(tx, 'documents-due', due, [limit])),
      ...(await query<Row>(tx, 'documents-forgotten', forgotten, [limit, draftDays])),
    ];
    for (const row of rows) await changes.withdraw(tx, row.document_id);
    return rows.map((row) => ({ documentId: row.document_id, personId: row.person_id }));
  },
};

/** Signed-in endpoints of reviewers from which they can review. */
export async function listReviewerEndpoints(tx: Tx, limit: number): Promise<EndpointId[]> {
  const sql = `SELECT e.endpoint_id FROM reviewer_roles r JOIN endpoints e USING (person_id)
    WHERE r.revoked_at IS NULL AND e.revoked_at IS NULL AND 'account.manage' = ANY (e.scopes) ORDER BY e.endpoint_id LIMIT $1`;
  const rows = await query<{ endpoint_id: EndpointId }>(tx, 'documents-reviewers', sql, [limit]);
  return rows.map((row) => row.endpoint_id);
}
