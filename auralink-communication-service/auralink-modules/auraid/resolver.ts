/**
 * Who is behind an address, as this viewer may see her. Answers are remembered ready to be sent, for a moment; whoever
 * changes what others see says so, and every process forgets. All answers are filled up to a multiple of one size, so
 * that their length tells little; people who show nothing are remembered just as those who show everything.
 */
import type { AuraId, PersonId } from '../../core/ids.ts';
import { createMemory } from '../../core/memory.ts';
import type { Vault } from './data-keys.ts';
import { openShown } from './people-views.ts';
import type { IdentityMetrics } from './ports.ts';
import type { Beheld } from './ports-privacy.ts';
import { type ProfileView, viewOf } from './profile-view.ts';

/** Answers that a process remembers; about a kilobyte each. */
export const RESOLVE_CACHE_MAX = 50_000;
/** How long an answer is remembered, should the news of a change be lost. */
export const RESOLVE_CACHE_MS = 1_000;
/** Answers have a multiple of so many bytes. */
export const RESOLVE_PADDED_TO_BYTES = 1_024;

export type FindBeheld = (viewer: PersonId, auraId: AuraId) => Promise<Beheld | null>;

export interface IdentityCache {
  /** After commit: what is remembered about these people, or for them, is forgotten here and in every process. */
  changed(personIds: readonly PersonId[]): void;
}

export interface Resolver extends IdentityCache {
  /** JSON of her ProfileView, filled up; null when nobody holds the address. */
  resolve(viewer: PersonId, asked: AuraId): Promise<string | null>;
  /** Another process said `changed`. */
  forget(personIds: readonly PersonId[]): void;
}

export interface ResolverDeps {
  readonly find: FindBeheld;
  readonly vault: Pick<Vault, 'open'>;
  /** Tells the other processes. */
  readonly announce: (personIds: readonly PersonId[]) => void;
  readonly nowMs: () => number;
  readonly metrics: Pick<IdentityMetrics, 'resolved'>;
}

export function createResolver(deps: ResolverDeps): Resolver {
  const answers = createMemory<string>({
    max: RESOLVE_CACHE_MAX,
    lifeMs: RESOLVE_CACHE_MS,
    nowMs: deps.nowMs,
  });
  return {
    forget: answers.forget,
    changed(personIds) {
      answers.forget(personIds);
      deps.announce(personIds);
    },
    async resolve(viewer, asked) {
      const key = `${viewer}${asked}`;
      const known = answers.find(key);
      deps.metrics.resolved(known !== undefined);
      if (known !== undefined) return known;
      return await answers.ask(key, async () => {
        const beheld = await deps.find(viewer, asked);
        if (beheld === null) return null;
        const opened = await openShown(deps.vault, beheld.facts, beheld.viewer);
        const value = padded(viewOf(beheld.facts, asked, beheld.viewer, opened));
        return { value, about: [viewer, beheld.facts.personId] };
      });
    },
  };
}

function padded(view: ProfileView): string {
  const bare = JSON.stringify({ ...view, pad: '' });
  const bytes = Buffer.byteLength(bare);
  const missing = Math.ceil(bytes / RESOLVE_PADDED_TO_BYTES) * RESOLVE_PADDED_TO_BYTES - bytes;
  // `bare` ends with `"pad":""}`.
  return `${bare.slice(0, -2)}${' '.repeat(missing)}"}`;
}
