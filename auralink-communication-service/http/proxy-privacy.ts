/**
 * What our rules add to Matrix profiles on the public door: who was blocked sees an empty profile, as of somebody who
 * shows nothing; the directory has no entry of either, under whatever name they are looked for; and a profile that
 * follows an AuraID is changed there and nowhere else.
 * Asked for every request for a profile or a search, whoever asks, so that time tells nothing.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { IdentityMetrics } from '../auralink-modules/auraid/ports.ts';
import type { MatrixProfiles, PrivacyStore } from '../auralink-modules/auraid/ports-privacy.ts';
import type { Clock } from '../core/clock.ts';
import { AuraError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { findProfileUsers, isDirectorySearch } from './proxy-paths.ts';

/** For so long a Matrix token is believed to be whose it was. */
export const MATRIX_TOKEN_CACHE_MS = 30_000;
/** Matrix tokens whose owner is remembered. */
export const MATRIX_TOKENS_CACHED_MAX = 10_000;
/**
 * Profiles and searches are answered no sooner than so long after they came: Synapse takes another time for a profile
 * than for an empty one, and we replace the one by the other.
 */
export const KEPT_ANSWER_MS = 25;
/** A longer answer of Synapse's directory is not one. */
export const DIRECTORY_ANSWER_MAX_BYTES = 1_048_576;

/** Of Synapse's directory. */
interface Entry {
  readonly userId: UserId;
  /** Without a name and a picture. */
  readonly bare: boolean;
}

export type Kept =
  | { readonly kind: 'profile'; readonly hidden: boolean; readonly field: boolean }
  | { readonly kind: 'directory'; hide(found: readonly Entry[]): Promise<ReadonlySet<UserId>> }
  | { readonly kind: 'refuse' };

export interface ProxyPrivacy {
  /** Whether it asks for what might be kept. */
  concerns(request: IncomingMessage): boolean;
  /** Null: nothing is to be kept. Throws `unavailable` when it cannot be told. */
  guard(request: IncomingMessage): Promise<Kept | null>;
}

/** A path that asks for one field; one that is not set is no error. */
const ONE_FIELD = /\/(?:displayname|avatar_url)$/i;

export interface ProxyPrivacyDeps {
  readonly profiles: Pick<MatrixProfiles, 'whoami'>;
  readonly store: Pick<PrivacyStore, 'findBlockers' | 'findMapped'>;
  readonly clock: Clock;
  readonly metrics?: Pick<IdentityMetrics, 'refused'>;
}

export function createProxyPrivacy(deps: ProxyPrivacyDeps): ProxyPrivacy {
  const whose = rememberingWhoami(deps);
  return {
    concerns: ({ url = '/' }) => findProfileUsers(url) !== null || isDirectorySearch(url),
    async guard(request) {
      const { method = 'GET', url = '/' } = request;
      const users = findProfileUsers(url) as UserId[] | null;
      if (users === null && !isDirectorySearch(url)) return null;
      if (users !== null && (method === 'PUT' || method === 'DELETE')) {
        return (await deps.store.findMapped(users)).size > 0 ? { kind: 'refuse' } : null;
      }
      const token = tokenOf(request);
      const viewer = token === null ? null : await whose(token);
      // Synapse refuses who is not signed in.
      if (viewer === null) return null;
      if (users === null) {
        return { kind: 'directory', hide: (found) => findHidden(deps, viewer, found) };
      }
      const blockers = await deps.store.findBlockers(viewer, users);
      if (blockers.size > 0) deps.metrics?.refused('matrix_profile');
      return { kind: 'profile', hidden: blockers.size > 0, field: ONE_FIELD.test(users.at(-1) ?? '') };
    },
  };
}

/** Who shows nothing is in Synapse's directory by her Matrix id, where she shares a room with who asks. */
async function findHidden(
  { store }: ProxyPrivacyDeps,
  viewer: UserId,
  found: readonly Entry[],
): Promise<ReadonlySet<UserId>> {
  const [blockers, showNothing] = await Promise.all([
    store.findBlockers(
      viewer,
      found.map(({ userId }) => userId),
    ),
    store.findMapped(found.flatMap(({ userId, bare }) => (bare ? [userId] : []))),
  ]);
  return new Set([...blockers, ...showNothing]);
}

function rememberingWhoami({ profiles, clock }: ProxyPrivacyDeps): (token: string) => Promise<UserId | null> {
  const known = new Map<string, { readonly userId: UserId; readonly untilMs: number }>();
  return async (token) => {
    const key = createHash('sha256').update(token).digest('base64url');
    const found = known.get(key);
    if (found !== undefined && found.untilMs > clock.monotonicMs()) return found.userId;
    known.delete(key);
    const userId = await profiles.whoami(token);
    if (userId === null) return null;
    if (known.size >= MATRIX_TOKENS_CACHED_MAX) known.delete(known.keys().next().value ?? '');
    known.set(key, { userId, untilMs: clock.monotonicMs() + MATRIX_TOKEN_CACHE_MS });
    return userId;
  };
}

/** In the header, or in the query as old clients send it. */
function tokenOf(request: IncomingMessage): string | null {
  const header = /^Bearer +([^\s]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (header !== undefined) return header;
  return new URL(request.url ?? '/', 'http://localhost').searchParams.get('access_token');
}

interface DirectoryEntry {
  readonly user_id?: UserId;
  readonly display_name?: string | null;
  readonly avatar_url?: string | null;
}

/** Synapse's answer without what is kept; null: the whole profile is. */
export async function withheld(
  kept: Exclude<Kept, { kind: 'refuse' }>,
  body: AsyncIterable<Buffer>,
): Promise<Buffer | null> {
  const original = await readAll(body);
  if (kept.kind === 'profile') {
    if (!kept.hidden) return original;
    return kept.field ? Buffer.from('{}') : null;
  }
  const answer = JSON.parse(original.toString('utf8')) as { results?: DirectoryEntry[] };
  if (!Array.isArray(answer.results)) return original;
  const found = answer.results.flatMap(({ user_id: userId, display_name: name, avatar_url: picture }) =>
    typeof userId === 'string' ? [{ userId, bare: !name && !picture }] : [],
  );
  const hidden = await kept.hide(found);
  if (hidden.size === 0) return original;
  const results = answer.results.filter(({ user_id: userId }) => userId === undefined || !hidden.has(userId));
  return Buffer.from(JSON.stringify({ ...answer, results }));
}

async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > DIRECTORY_ANSWER_MAX_BYTES) {
      throw new AuraError('unavailable', 'The Matrix server answered with too much.');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function profileIsOurs(): AuraError {
  return new AuraError('forbidden', 'Change your profile in AuraLink; the one here follows it.', {
    reason: 'profile_in_auralink',
  });
}
