/**
 * The hashed look-up of the timing bench: whether a private person's proved address can be told from one that nobody has,
 * by accounts of strangers' homeservers who ask by hashes. Half of what is looked up has its row among the digests.
 */
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import type { World } from '../tests/support/world.ts';
import { lookupHashes, makeAskers } from './identity-askers.ts';
import { type Class, emailOf } from './identity-timing-surfaces.ts';

/** So many that none asks as often as a limit allows. */
const ACCOUNTS = 200;
const SERVERS = 100;

export interface LookupSubjects {
  readonly tokens: readonly string[];
  readonly pepper: string;
  /** Hashes of their addresses. */
  readonly names: Readonly<Record<'private' | 'unclaimed', readonly string[]>>;
}

/** `names`: whose addresses are proved by emailOf. */
export async function makeLookupSubjects(
  constellation: Pick<Constellation, 'settings' | 'urls'>,
  world: World,
  names: Readonly<Record<Class, readonly string[]>>,
): Promise<LookupSubjects> {
  const tokens = await makeAskers(world.db, ACCOUNTS, SERVERS);
  const hashes = await lookupHashes(constellation, tokens[0] ?? '');
  const there = [...names.private, ...names.blocking, ...names.bare];
  const { rowCount } = await world.db.query(
    `INSERT INTO identity_digests (digest, pepper_id, field_id, person_id, medium, matrix_user_id, proved_at, needed)
     SELECT d.digest, p.pepper_id, f.field_id, r.person_id, 'email', '@' || r.person_id || ':example.org', now(),
       identity_needed(r.state, r.visibility, rules.find_by_email)
     FROM unnest($1::text[], $2::uuid[]) AS d (aura_id, digest) JOIN aura_id_registry r USING (aura_id)
       JOIN person_privacy rules USING (person_id) JOIN personal_fields f USING (person_id)
       CROSS JOIN identity_peppers p
     WHERE f.kind = 'email' AND p.pepper = $3 ON CONFLICT DO NOTHING`,
    [there, there.map((auraId) => hashes.digest(emailOf(auraId))), hashes.pepper],
  );
  if (rowCount !== there.length) throw new Error(`${rowCount} of ${there.length} addresses have digests`);
  await world.db.query('ANALYZE identity_digests');
  const hashed = (of: readonly string[]) => of.map((auraId) => hashes.hash(emailOf(auraId)));
  return {
    tokens,
    pepper: hashes.pepper,
    names: { private: hashed(names.private), unclaimed: hashed(names.unclaimed) },
  };
}
