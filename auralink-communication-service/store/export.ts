/**
 * Everything about one person, table by table. A test compares the list with the schema: a new table with a column for a
 * person fails it until it stands here or is said to hold nothing of hers.
 */
import type pg from 'pg';
import type {
  ExportRow,
  ExportSection,
  ExportStore,
  Sealed,
} from '../auralink-modules/auraid/ports-leaving.ts';
import type { PersonId } from '../core/ids.ts';
import { query } from './db.ts';

interface Section {
  readonly name: string;
  /** Tables that it tells of. */
  readonly tables: readonly string[];
  readonly sql: string;
  /** Column with an envelope → where it is; `row` is the column that names the row, and is not shown. */
  readonly sealed?: {
    readonly as: string;
    readonly table: string;
    readonly column: string;
    readonly row: string;
  };
}

/** Of a friend of `whose` her address now; who is none any more is not named. Of others, what they were called then. */
const FRIEND = (id: string, whose: string): string => `(SELECT o.aura_id FROM friendships fs
  JOIN aura_id_registry o ON o.person_id = fs.friend_person_id
  WHERE fs.person_id = ${whose} AND fs.friend_person_id = ${id})`;

const SECTIONS: readonly Section[] = [
  {
    name: 'profile',
    tables: ['aura_id_registry', 'trust_scores'],
    sql: `SELECT r.person_id AS "personId", r.aura_id AS "auraId", r.display_name AS "displayName", r.state,
        r.visibility, r.dashboard_user_id AS "dashboardUserId", r.registration_key AS "registrationKey",
        r.reserved_at AS "reservedAt", r.activated_at AS "activatedAt", r.renamed_at AS "renamedAt",
        r.password_set_at AS "passwordSetAt", t.score AS "trustScore", t.reasons AS "trustReasons"
      FROM aura_id_registry r LEFT JOIN trust_scores t USING (person_id) WHERE r.person_id = $1 LIMIT $2`,
  },
  {
    name: 'names',
    tables: ['aura_id_holds'],
    sql: `SELECT aura_id AS "auraId", cause, resolves_until AS "resolvesUntil", held_until AS "heldUntil"
      FROM aura_id_holds WHERE person_id = $1 LIMIT $2`,
  },
  {
    name: 'verifications',
    tables: ['aura_id_verifications', 'verification_challenges'],
    sql: `SELECT verification_id, method AS "kind", level, state, reason, subject_envelope, evidence,
        created_at AS "createdAt", verified_at AS "verifiedAt", expires_at AS "expiresAt", ended_at AS "endedAt",
        ARRAY (SELECT jsonb_build_object('purpose', c.purpose, 'createdAt', c.created_at, 'sentAt', c.sent_at, 'sends', c.sends,
          'tries', c.tries, 'delivery', c.delivery, 'expiresAt', c.expires_at, 'end', c.end_reason)
          FROM verification_challenges c WHERE c.verification_id = v.verification_id ORDER BY c.created_at) AS codes
      FROM aura_id_verifications v WHERE person_id = $1 LIMIT $2`,
    sealed: {
      ...{
        as: 'subject',
        table: 'aura_id_verifications',
        column: 'subject_envelope',
        row: 'verification_id',
      },
    },
  },
  {
    name: 'documents',
    tables: ['identity_documents'],
    sql: `SELECT document_id, lines_envelope, state, decided_by AS "by", reason, missing, created_at AS "createdAt",
        sent_at AS "sentAt", decided_at AS "decidedAt", delete_at AS "deletedOn"
      FROM identity_documents WHERE person_id = $1 LIMIT $2`,
    sealed: { as: 'lines', table: 'identity_documents', column: 'lines_envelope', row: 'document_id' },
  },
  {
    name: 'documentNotes',
    tables: ['identity_documents'],
    sql: `SELECT document_id, note_envelope, updated_at AS "writtenAt" FROM identity_documents
      WHERE person_id = $1 AND note_envelope IS NOT NULL LIMIT $2`,
    sealed: { as: 'note', table: 'identity_documents', column: 'note_envelope', row: 'document_id' },
  },
  {
    name: 'documentImages',
    tables: ['document_images'],
    sql: `SELECT image_id, envelope, 'picture' AS kind, side, width, height, created_at AS "uploadedAt"
      FROM document_images WHERE person_id = $1 LIMIT $2`,
    sealed: { as: 'image', table: 'document_images', column: 'envelope', row: 'image_id' },
  },
  {
    name: 'reviewsDone',
    tables: ['document_reviews'],
    sql: `SELECT verdict, reason, created_at AS "at" FROM document_reviews WHERE reviewer_person_id = $1 LIMIT $2`,
  },
  {
    name: 'accounts',
    tables: ['matrix_user_mappings'],
    sql: `SELECT matrix_user_id AS "userId", is_primary AS "primary", attached_by AS "attachedBy", created_at AS "since",
        shown_name AS "matrixName", shown_picture_url AS "matrixPicture"
      FROM matrix_user_mappings WHERE person_id = $1 LIMIT $2`,
  },
  {
    name: 'matrixSignIns',
    tables: ['matrix_sign_ins'],
    sql: `SELECT matrix_user_id AS "userId", s.device_id AS "device", s.signed_in_at AS "at"
      FROM matrix_user_mappings m JOIN matrix_sign_ins s USING (matrix_user_id) WHERE m.person_id = $1 LIMIT $2`,
  },
  {
    name: 'ownApps',
    tables: ['apps'],
    sql: `SELECT app_id AS "appId", name, icon, origins, redirect_uris AS "redirectUris", created_at AS "createdAt",
        ARRAY (SELECT k.name FROM app_keys k WHERE k.app_id = a.app_id) AS keys
      FROM apps a WHERE owner_person_id = $1 LIMIT $2`,
  },
  {
    name: 'reviewer',
    tables: ['reviewer_roles'],
    sql: `SELECT granted_by AS "grantedBy", since, revoked_at AS "until" FROM reviewer_roles
      WHERE person_id = $1 LIMIT $2`,
  },
  {
    name: 'privacy',
    tables: ['person_privacy'],
    sql: 'SELECT p.* FROM person_privacy p WHERE person_id = $1 LIMIT $2',
  },
  {
    name: 'fields',
    tables: ['personal_fields', 'person_keys'],
    sql: `SELECT field_id, kind, envelope, created_at AS "createdAt", updated_at AS "updatedAt"
      FROM personal_fields WHERE person_id = $1 LIMIT $2`,
    sealed: { as: 'value', table: 'personal_fields', column: 'envelope', row: 'field_id' },
  },
  {
    name: 'friends',
    tables: ['friendships'],
    sql: `SELECT ${FRIEND('f.friend_person_id', 'f.person_id')} AS "auraId", created_at AS "since" FROM friendships f
      WHERE person_id = $1 LIMIT $2`,
  },
  {
    name: 'notes',
    tables: ['contact_notes'],
    sql: `SELECT note_id, ${FRIEND('n.contact_person_id', 'n.person_id')} AS "about", note_envelope, updated_at AS "updatedAt"
      FROM contact_notes n WHERE person_id = $1 LIMIT $2`,
    sealed: { as: 'note', table: 'contact_notes', column: 'note_envelope', row: 'note_id' },
  },
  {
    name: 'lists',
    tables: ['contact_lists', 'contact_list_members'],
    sql: `SELECT list_id, name_envelope, created_at AS "createdAt",
        ARRAY (SELECT ${FRIEND('m.contact_person_id', 'l.person_id')} FROM contact_list_members m WHERE m.list_id = l.list_id) AS members
      FROM contact_lists l WHERE person_id = $1 LIMIT $2`,
    sealed: { as: 'name', table: 'contact_lists', column: 'name_envelope', row: 'list_id' },
  },
  {
    name: 'blocks',
    tables: ['person_blocks'],
    sql: `SELECT b.blocked_as AS "auraId", created_at AS "since" FROM person_blocks b
      WHERE person_id = $1 LIMIT $2`,
  },
  {
    name: 'requestsSent',
    tables: ['friend_requests'],
    // Declined and screened ones look like those that wait: what the other one did with them is hers.
    sql: `SELECT q.asked_as AS "to",
        CASE WHEN state IN ('accepted', 'withdrawn') THEN state ELSE 'pending' END AS state, created_at AS "createdAt"
      FROM friend_requests q WHERE from_person_id = $1 LIMIT $2`,
  },
  {
    name: 'requestsReceived',
    tables: ['friend_requests'],
    sql: `SELECT q.asked_by AS "from", state, created_at AS "createdAt", decided_at AS "decidedAt"
      FROM friend_requests q WHERE to_person_id = $1 AND NOT screened LIMIT $2`,
  },
  {
    name: 'invites',
    tables: ['invite_codes'],
    sql: `SELECT invite_id, label_envelope, uses_max AS "usesMax", uses, created_at AS "createdAt",
        expires_at AS "expiresAt", revoked_at AS "revokedAt"
      FROM invite_codes WHERE person_id = $1 LIMIT $2`,
    sealed: { as: 'label', table: 'invite_codes', column: 'label_envelope', row: 'invite_id' },
  },
  {
    name: 'invitesUsed',
    tables: ['invite_uses'],
    sql: `SELECT ${FRIEND('c.person_id', 'u.person_id')} AS "from", u.used_at AS "usedAt" FROM invite_uses u
      JOIN invite_codes c USING (invite_id) WHERE u.person_id = $1 LIMIT $2`,
  },
  {
    name: 'sessions',
    tables: ['endpoints', 'sign_in_codes'],
    sql: `SELECT app_id AS "app", scopes, user_agent AS "userAgent", created_at AS "createdAt",
        last_used_at AS "lastUsedAt", revoked_at AS "endedAt"
      FROM endpoints WHERE person_id = $1 LIMIT $2`,
  },
  {
    name: 'deviceChoices',
    tables: ['device_choices'],
    sql: 'SELECT app_id AS "app", chosen_at AS "chosenAt" FROM device_choices WHERE person_id = $1 LIMIT $2',
  },
  {
    name: 'callsPlaced',
    tables: ['cross_app_calls'],
    sql: `SELECT c.caller_aura_id AS "as", i.callee_aura_id AS "to", c.media, c.state, c.end_reason AS "endReason",
        c.caller_app_id AS "app", c.created_at AS "createdAt", c.answered_at AS "answeredAt", c.ended_at AS "endedAt"
      FROM cross_app_calls c JOIN call_invitations i USING (call_id)
      WHERE c.caller_person_id = $1 ORDER BY c.created_at DESC LIMIT $2`,
  },
  {
    name: 'callsReceived',
    tables: ['call_invitations'],
    sql: `SELECT c.caller_aura_id AS "from", i.callee_aura_id AS "as", c.media, i.state, c.end_reason AS "endReason",
        i.created_at AS "createdAt", i.answered_at AS "answeredAt", i.ended_at AS "endedAt"
      FROM call_invitations i JOIN cross_app_calls c USING (call_id)
      WHERE i.callee_person_id = $1 AND NOT i.screened ORDER BY i.created_at DESC LIMIT $2`,
  },
  {
    name: 'notifications',
    tables: ['notification_queue'],
    sql: `SELECT app_id AS "app", channel, payload, state, created_at AS "createdAt" FROM notification_queue
      WHERE person_id = $1 LIMIT $2`,
  },
  {
    name: 'boundAddresses',
    tables: ['identity_associations'],
    sql: `SELECT a.association_id, a.medium AS "kind", a.matrix_user_id AS "account", a.validated_at AS "validatedAt", a.address_envelope
      FROM matrix_user_mappings m JOIN identity_associations a USING (matrix_user_id) WHERE m.person_id = $1 LIMIT $2`,
    sealed: {
      ...{ as: 'address', table: 'identity_associations', column: 'address_envelope', row: 'association_id' },
    },
  },
  {
    name: 'addressesInvited',
    tables: ['identity_invites'],
    sql: `SELECT i.invite_id, i.medium AS "kind", i.sender AS "account", i.room_id AS "room", i.created_at AS "createdAt", i.address_envelope
      FROM matrix_user_mappings m JOIN identity_invites i ON i.sender = m.matrix_user_id WHERE m.person_id = $1 LIMIT $2`,
    sealed: { as: 'address', table: 'identity_invites', column: 'address_envelope', row: 'invite_id' },
  },
  {
    name: 'messages',
    tables: ['outgoing_messages'],
    sql: `SELECT channel, purpose, state, created_at AS "createdAt", sent_at AS "sentAt" FROM outgoing_messages
      WHERE person_id = $1 LIMIT $2`,
  },
  {
    name: 'erasure',
    tables: ['person_erasures'],
    sql: `SELECT requested_at AS "requestedAt", done_at AS "doneAt" FROM person_erasures WHERE person_id = $1 LIMIT $2`,
  },
];

/** Tables whose rows of hers the export tells of; the acts of the audit log come beside them. */
export const EXPORTED_TABLES: ReadonlySet<string> = new Set(SECTIONS.flatMap((section) => section.tables));

export function exportStore(pool: pg.Pool): ExportStore {
  return {
    async read(personId, limit) {
      const sections: ExportSection[] = [];
      let left = limit;
      for (const section of SECTIONS) {
        const rows = await query<Record<string, unknown>>(pool, `export-${section.name}`, section.sql, [
          personId,
          left + 1,
        ]);
        const whole = rows.length <= left;
        const taken = whole ? rows : rows.slice(0, left);
        left -= taken.length;
        sections.push({ name: section.name, rows: taken.map((row) => shown(section, row)), whole });
      }
      return sections;
    },

    async listActs(personId: PersonId, limit) {
      return query<{ at: Date; act: string; actor: string }>(
        pool,
        'export-acts',
        // Who of the reviewers it was is not hers to know.
        `SELECT at, act, CASE WHEN actor LIKE 'person:%' AND actor <> 'person:' || $1::uuid THEN 'reviewer' ELSE actor END AS actor
         FROM audit_log WHERE subject_id = $1 ORDER BY at DESC LIMIT $2`,
        [personId, limit],
      );
    },
  };
}

function shown({ sealed }: Section, row: Record<string, unknown>): ExportRow {
  if (sealed === undefined) return row;
  const { [sealed.column]: envelope, [sealed.row]: id, ...rest } = row;
  if (!(envelope instanceof Buffer)) return { ...rest, [sealed.as]: null };
  const { table, column } = sealed;
  const value: Sealed = { sealed: envelope, table, column, row: String(id) };
  return { ...rest, [sealed.as]: value };
}
