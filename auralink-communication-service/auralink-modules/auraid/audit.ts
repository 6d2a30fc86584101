/**
 * What people and operators did to identities. An entry is written in the transaction of the act itself, and last in
 * it, because it locks the end of one of the chains. Entries name people by id and never hold a text of theirs.
 */
import type { PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';

export type Actor = `person:${string}` | `service:${string}` | 'operator:cli' | 'system';

export const ACTS = [
  'name.claimed',
  'name.renamed',
  'name.released',
  'name.taken_back',
  'account.attached',
  'account.detached',
  'account.primary',
  'address.bound',
  'address.unbound',
  'password.changed',
  'session.started',
  'session.widened',
  'session.revoked',
  'sessions.revoked_all',
  'privacy.changed',
  'profile.changed',
  'field.written',
  'field.removed',
  'contact.asked',
  'contact.befriended',
  'contact.declined',
  'contact.withdrawn',
  'contact.unfriended',
  'contact.blocked',
  'contact.unblocked',
  'invite.made',
  'invite.revoked',
  'invite.used',
  'export.made',
  'erasure.confirmed',
  'erasure.done',
  'keys.rotated',
  'verification.proved',
  'verification.withdrawn',
  'verification.superseded',
  'verification.expired',
  'password.reset',
  'webhooks.replayed',
  'webhooks.secret_rotated',
  'webhooks.enabled',
  'webhooks.disabled',
  'reviewer.granted',
  'reviewer.revoked',
  'person.suspended',
  'person.resumed',
  'app.made',
  'app.changed',
  'app.switched',
  'app.deleted',
  'app.key_issued',
  'app.key_rotated',
  'app.key_revoked',
  'document.begun',
  'document.sent',
  'document.withdrawn',
  'document.claimed',
  'document.viewed',
  'document.judged',
  'document.approved',
  'document.rejected',
  'document.asked',
  'document.deleted',
  'review.refused',
] as const;
export type Act = (typeof ACTS)[number];

export interface AuditEntry {
  readonly actor: Actor;
  readonly act: Act;
  /** The person concerned; NOBODY for what concerns no one person. */
  readonly subject: PersonId;
  /** Circumstances; never a name, an address or a text of hers. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

export interface Audit {
  record(tx: Tx, entry: AuditEntry): Promise<void>;
}
