/**
 * Finding people by an e-mail address or number that they proved, if their rules let this viewer find them so. Who is not
 * found looks like nobody; what is shown of the found is what this viewer sees of them everywhere.
 */
import type { PersonId } from '../../core/ids.ts';
import type { BlindIndexer, FoundBy } from './blind-index.ts';
import type { Vault } from './data-keys.ts';
import { openShown } from './people-views.ts';
import type { Beheld } from './ports-privacy.ts';
import { allows, type Right } from './privacy.ts';
import { type ProfileView, viewOf } from './profile-view.ts';

/** People found by one address: a family's number is proved by several. */
export const FOUND_MAX = 20;

const RIGHTS: Readonly<Record<FoundBy, Right>> = { email: 'find_by_email', phone: 'find_by_phone' };

/** Whoever proved a value with one of these digests, as `viewer` meets them; the rules are not asked yet. */
export type FindByDigest = (
  viewer: PersonId,
  kind: FoundBy,
  digests: readonly Buffer[],
  limit: number,
) => Promise<readonly Beheld[]>;

export type FindPeople = (viewer: PersonId, kind: FoundBy, value: string) => Promise<ProfileView[]>;

export function createFindPeople(deps: {
  readonly find: FindByDigest;
  readonly indexer: Pick<BlindIndexer, 'all'>;
  readonly vault: Pick<Vault, 'open'>;
}): FindPeople {
  return async (viewer, kind, value) => {
    const beheld = await deps.find(viewer, kind, deps.indexer.all(kind, value), FOUND_MAX);
    const found = beheld.filter((one) => allows(one.facts.rules, one.viewer, RIGHTS[kind]));
    return await Promise.all(
      found.map(async (one) =>
        viewOf(one.facts, one.facts.auraId, one.viewer, await openShown(deps.vault, one.facts, one.viewer)),
      ),
    );
  };
}
