/**
 * Who is behind an address, as this viewer may see her. Answers are remembered ready to be sent, for a moment; whoever
 * changes what others see says so, and every process forgets. An answer that was asked for before such a change and
 * comes after it is not remembered. All answers are filled up to a multiple of one size, so that their length tells
 * little; people who show nothing are remembered just as those who show everything.
 */
import type { AuraId, PersonId } from '../../core/ids.ts';
import type { Vault } from './data-keys.ts';
import { openShown } from './people-views.ts';
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
}

interface Remembered {
  readonly body: string;
  readonly untilMs: number;
  readonly about: readonly PersonId[];
}

export function createResolver(deps: ResolverDeps): Resolver {
  const answers = new Map<string, Remembered>();
  const keysOf = new Map<PersonId, Set<string>>();
  /** Grows with every change, so that an answer on its way knows that it may be old. */
  let changes = 0;

  const drop = (key: string): void => {
    const answer = answers.get(key);
    answers.delete(key);
    for (const personId of answer?.about ?? []) {
      const keys = keysOf.get(personId);
      keys?.delete(key);
      if (keys?.size === 0) keysOf.delete(personId);
    }
  };
  const remember = (key: string, body: string, about: readonly PersonId[]): void => {
    drop(key);
    // Oldest first: all live equally long.
    if (answers.size >= RESOLVE_CACHE_MAX) drop(answers.keys().next().value ?? '');
    answers.set(key, { body, untilMs: deps.nowMs() + RESOLVE_CACHE_MS, about });
    for (const personId of about) {
      const keys = keysOf.get(personId) ?? new Set();
      keysOf.set(personId, keys.add(key));
    }
  };
  const forget = (personIds: readonly PersonId[]): void => {
    changes += 1;
    for (const personId of personIds) for (const key of [...(keysOf.get(personId) ?? [])]) drop(key);
  };
  return {
    forget,
    changed(personIds) {
      forget(personIds);
      deps.announce(personIds);
    },
    async resolve(viewer, asked) {
      const key = `${viewer}${asked}`;
      const known = answers.get(key);
      if (known !== undefined && known.untilMs > deps.nowMs()) return known.body;
      const before = changes;
      const beheld = await deps.find(viewer, asked);
      if (beheld === null) return null;
      const opened = await openShown(deps.vault, beheld.facts, beheld.viewer);
      const body = padded(viewOf(beheld.facts, asked, beheld.viewer, opened));
      if (changes === before) remember(key, body, [viewer, beheld.facts.personId]);
      return body;
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
