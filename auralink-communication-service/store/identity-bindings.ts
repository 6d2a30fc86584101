/** Associations of addresses with Matrix accounts, and invitations that wait for an address. */
import type pg from 'pg';
import { INVITES_TAKEN_MAX, type Medium } from '../auralink-modules/identity-service/model.ts';
import type { BindingStore, Invite } from '../auralink-modules/identity-service/ports.ts';
import type { PersonId, UserId } from '../core/ids.ts';
import { query } from './db.ts';

/** Whether a key was made for an invitation that is still there. */
export function isEphemeralKey(pool: pg.Pool): (publicKey: string) => Promise<boolean> {
  return async (publicKey) => {
    const sql = 'SELECT FROM identity_ephemeral_keys WHERE public_key = $1';
    return (await query(pool, 'identity-ephemeral-key', sql, [publicKey])).length > 0;
  };
}

interface InviteRow extends pg.QueryResultRow {
  invite_id: string;
  token: string;
  medium: Medium;
  address_envelope: Buffer;
  room_id: string;
  sender: UserId;
}

const INVITE_COLUMNS = 'invite_id, token, medium, address_envelope, room_id, sender';

const toInvite = (row: InviteRow): Invite => ({
  inviteId: row.invite_id,
  token: row.token,
  medium: row.medium,
  envelope: row.address_envelope,
  roomId: row.room_id,
  sender: row.sender,
});

export function bindingStore(pool: pg.Pool): BindingStore {
  return { ...associations, ...invites(pool) };
}

type Associations = 'lockAddress' | 'findByDigests' | 'insert' | 'remove' | 'findPerson';

const associations: Pick<BindingStore, Associations> = {
  async lockAddress(tx, digest) {
    const sql = "SELECT pg_advisory_xact_lock(('x' || left($1, 16))::bit(64)::bigint)";
    await query(tx, 'identity-address-lock', sql, [digest.padEnd(16, '0')]);
  },
  async findByDigests(tx, medium, digests) {
    type Row = { association_id: string; matrix_user_id: UserId; medium: Medium; validated_at: Date };
    const rows = await query<Row>(
      tx,
      'identity-associations-find',
      `SELECT DISTINCT a.association_id, a.matrix_user_id, a.medium, a.validated_at
       FROM identity_digests d JOIN identity_associations a USING (association_id)
       WHERE d.digest = ANY ($1::uuid[]) AND a.medium = $2`,
      [digests, medium],
    );
    return rows.map((row) => ({
      associationId: row.association_id,
      userId: row.matrix_user_id,
      medium: row.medium,
      validatedAt: row.validated_at,
    }));
  },
  async insert(tx, { associationId, userId, medium, envelope, validatedAt }) {
    const sql = `INSERT INTO identity_associations (association_id, matrix_user_id, medium, address_envelope, validated_at)
      VALUES ($1, $2, $3, $4, $5)`;
    const values = [associationId, userId, medium, envelope, validatedAt];
    await query(tx, 'identity-association-insert', sql, values);
  },
  async findPerson(tx, userId) {
    const sql = "SELECT person_id FROM matrix_user_mappings WHERE matrix_user_id = $1 AND state = 'active'";
    const [row] = await query<{ person_id: PersonId }>(tx, 'identity-account-owner', sql, [userId]);
    return row?.person_id ?? null;
  },
  async remove(tx, associationIds) {
    const sql = 'DELETE FROM identity_associations WHERE association_id = ANY ($1::uuid[])';
    await query(tx, 'identity-associations-remove', sql, [associationIds]);
  },
};

function invites(pool: pg.Pool): Omit<BindingStore, Associations> {
  return {
    async insertInvite(tx, { inviteId, token, medium, envelope, roomId, sender }, ephemeralKey) {
      const sql = `INSERT INTO identity_invites (invite_id, token, medium, address_envelope, room_id, sender)
        VALUES ($1, $2, $3, $4, $5, $6)`;
      const values = [inviteId, token, medium, envelope, roomId, sender];
      await query(tx, 'identity-invite-insert', sql, values);
      const key = 'INSERT INTO identity_ephemeral_keys (public_key, invite_id) VALUES ($1, $2)';
      await query(tx, 'identity-ephemeral-insert', key, [ephemeralKey, inviteId]);
    },
    async takeInvites(tx, medium, digests, userId) {
      const rows = await query<{ invite_id: string }>(
        tx,
        'identity-invites-take',
        `UPDATE identity_invites SET taken_by = $3 WHERE invite_id IN (
           SELECT DISTINCT i.invite_id FROM identity_digests d JOIN identity_invites i USING (invite_id)
           WHERE d.digest = ANY ($1::uuid[]) AND i.medium = $2 AND i.taken_by IS NULL LIMIT $4)
         AND taken_by IS NULL RETURNING invite_id`,
        [digests, medium, userId, INVITES_TAKEN_MAX],
      );
      return rows.map((row) => row.invite_id);
    },
    async findInvite(token) {
      const sql = `SELECT ${INVITE_COLUMNS} FROM identity_invites WHERE token = $1`;
      const [row] = await query<InviteRow>(pool, 'identity-invite', sql, [token]);
      return row === undefined ? null : toInvite(row);
    },
    async findTaken(inviteIds, userId) {
      const sql = `SELECT ${INVITE_COLUMNS} FROM identity_invites
        WHERE invite_id = ANY ($1::uuid[]) AND taken_by = $2`;
      return (await query<InviteRow>(pool, 'identity-invites-taken', sql, [inviteIds, userId])).map(toInvite);
    },
    async removeInvites(inviteIds) {
      const sql = 'DELETE FROM identity_invites WHERE invite_id = ANY ($1::uuid[])';
      await query(pool, 'identity-invites-remove', sql, [inviteIds]);
    },
    async pruneInvites(olderThanDays) {
      const sql = `DELETE FROM identity_invites WHERE created_at < now() - make_interval(days => $1) RETURNING invite_id`;
      return (await query(pool, 'identity-invites-prune', sql, [olderThanDays])).length;
    },
  };
}
