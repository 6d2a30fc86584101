/** People as one viewer may see them, texts of theirs opened only where they are shown. */
import type { PersonId } from '../../core/ids.ts';
import { findOpened, type Vault } from './data-keys.ts';
import { fieldPlace } from './envelope.ts';
import type { PrivacyStore } from './ports-privacy.ts';
import { isThere, shows, type Viewer } from './privacy.ts';
import { type Opened, type ProfileView, type TargetFacts, viewOf } from './profile-view.ts';

export interface PeopleViews {
  /** Those who are active, under their present addresses. */
  of(viewer: PersonId, people: readonly PersonId[]): Promise<Map<PersonId, ProfileView>>;
  /** How she would stand before somebody of this class; null where she would not be there at all. */
  asSeenBy(personId: PersonId, viewer: Viewer): Promise<ProfileView | null>;
}

export function createPeopleViews(deps: {
  readonly store: Pick<PrivacyStore, 'behold'>;
  readonly vault: Pick<Vault, 'open'>;
}): PeopleViews {
  const view = async (facts: TargetFacts, viewer: Viewer): Promise<ProfileView> =>
    viewOf(facts, facts.auraId, viewer, await openShown(deps.vault, facts, viewer));
  return {
    async of(viewer, people) {
      const beheld = await deps.store.behold(viewer, people);
      const views = [...beheld].map(
        async ([personId, one]) => [personId, await view(one.facts, one.viewer)] as const,
      );
      return new Map(await Promise.all(views));
    },
    async asSeenBy(personId, viewer) {
      const beheld = (await deps.store.behold(personId, [personId])).get(personId);
      if (beheld === undefined || !isThere(beheld.facts.rules, viewer)) return null;
      return await view(beheld.facts, viewer);
    },
  };
}

/**
 * What is not shown stays closed: it costs the same time as what was never there. What cannot be opened any more looks
 * like what was never there.
 */
export async function openShown(
  vault: Pick<Vault, 'open'>,
  facts: TargetFacts,
  viewer: Viewer,
): Promise<Opened> {
  const open = async (
    shown: boolean,
    envelope: Buffer | null,
    row: string | null,
  ): Promise<string | null> => {
    if (!shown || envelope === null || row === null) return null;
    const text = await findOpened(vault, facts.personId, fieldPlace(row), envelope);
    return text?.toString('utf8') ?? null;
  };
  const { rules } = facts;
  const [about, number] = await Promise.all([
    open(shows(rules, viewer, 'about'), facts.aboutEnvelope, facts.aboutFieldId),
    open(shows(rules, viewer, 'number'), facts.numberEnvelope, facts.numberFieldId),
  ]);
  return { about, number };
}
