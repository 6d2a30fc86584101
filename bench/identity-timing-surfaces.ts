/**
 * The surfaces of the timing bench: what is asked about somebody, as whom, and with whom each class of people who hide is
 * compared there. Signed in, a private person and by itself a blocking one are like somebody with a claimed name who
 * shows nothing and is offline; signed out, a private person is like a name that nobody has claimed. Not here: federation's
 * profile, which Synapse refuses to whoever has no server's signature before it looks for anybody, and to those who have
 * one shows the profile that lies at Synapse, from which a private person's name and picture are taken away.
 */

/** Who hides, and in what way; each is a class of its own. */
export type HiddenClass = 'private' | 'blocking';
/** Bare: claimed, shows nothing, never online. */
export type Class = HiddenClass | 'bare' | 'unclaimed';

export interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
}

export interface Surface {
  readonly name: string;
  /** As who: one of the viewers, nobody, the one Matrix account, or accounts of strangers' homeservers by their tokens. */
  readonly as: 'viewer' | 'nobody' | 'matrix' | 'identity';
  /** Asked at the same time where answers are held back, beside others who look people up as fast as they can. */
  readonly underLoad?: true;
  /** `pepper`: of hashed look-ups. */
  ask(name: string, pepper: string): Asked;
}

/** Which classes are told apart from which counterpart at this surface. */
export function comparedAt({ as, name }: Surface): { hidden: readonly HiddenClass[]; absent: Class } {
  // Whoever is not to be found by her address, or blocks, and addresses that are nobody's.
  if (name === 'find') return { hidden: ['private', 'blocking'], absent: 'unclaimed' };
  // Blocking shows signed in only: signed out, a public person who blocks somebody is public.
  // Strangers' accounts are nobody whom she could have blocked.
  if (as === 'nobody' || as === 'identity') return { hidden: ['private'], absent: 'unclaimed' };
  return { hidden: ['private', 'blocking'], absent: 'bare' };
}

/** What everybody here says is her address. */
export const emailOf = (auraId: string): string => `${auraId.slice(1)}@mail.example`;

export const SURFACES: readonly Surface[] = [
  {
    name: 'resolve',
    as: 'viewer',
    ask: (auraId) => ({ method: 'GET', path: `/_auralink/v1/resolve/${auraId}` }),
  },
  {
    name: 'calls',
    as: 'viewer',
    ask: (to) => ({ method: 'POST', path: '/_auralink/v1/calls', body: { to } }),
  },
  {
    name: 'requests',
    as: 'viewer',
    ask: (to) => ({ method: 'POST', path: '/_auralink/v1/contacts/requests', body: { to } }),
  },
  {
    name: 'pictures',
    as: 'viewer',
    ask: (auraId) => ({ method: 'GET', path: `/_auralink/v1/pictures/${auraId}` }),
  },
  {
    name: 'find',
    as: 'viewer',
    underLoad: true,
    ask: (auraId) => ({ method: 'POST', path: '/_auralink/v1/find', body: { email: emailOf(auraId) } }),
  },
  {
    name: 'profiles',
    as: 'nobody',
    ask: (auraId) => ({ method: 'GET', path: `/_auralink/v1/profiles/${auraId}` }),
  },
  {
    name: 'webfinger',
    as: 'nobody',
    ask: (auraId) => ({
      method: 'GET',
      path: `/.well-known/webfinger?resource=${encodeURIComponent(`aura:${auraId}`)}`,
    }),
  },
  {
    name: 'profile_page',
    as: 'nobody',
    ask: (auraId) => ({ method: 'GET', path: `/${auraId.slice(0, -'.aura'.length)}` }),
  },
  {
    name: 'identity_lookup',
    as: 'identity',
    ask: (hash, pepper) => ({
      method: 'POST',
      path: '/_matrix/identity/v2/lookup',
      body: { algorithm: 'sha256', pepper, addresses: [hash] },
    }),
  },
  {
    name: 'matrix_profile',
    as: 'matrix',
    ask: (userId) => ({ method: 'GET', path: `/_matrix/client/v3/profile/${encodeURIComponent(userId)}` }),
  },
  {
    name: 'matrix_displayname',
    as: 'matrix',
    ask: (userId) => ({
      method: 'GET',
      path: `/_matrix/client/v3/profile/${encodeURIComponent(userId)}/displayname`,
    }),
  },
  {
    name: 'matrix_available',
    as: 'matrix',
    ask: (userId) => ({
      method: 'GET',
      path: `/_matrix/client/v3/register/available?username=${userId.slice(1, userId.indexOf(':'))}`,
    }),
  },
  {
    name: 'matrix_directory',
    as: 'matrix',
    ask: (userId) => ({
      method: 'POST',
      path: '/_matrix/client/v3/user_directory/search',
      body: { search_term: userId.slice(1, userId.indexOf(':')), limit: 10 },
    }),
  },
];
