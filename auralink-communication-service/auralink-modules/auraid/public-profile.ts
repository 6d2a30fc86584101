/**
 * What anybody may learn of a person without signing in: nothing at all, unless her profile is public. A private person,
 * an unclaimed name and a text that is no address get the same answer by the same steps.
 */
import { findAuraId, handleOf } from '../../core/aura-id.ts';
import { type AuraId, NOBODY } from '../../core/ids.ts';
import type { PeopleViews } from './people-views.ts';
import type { NameStore } from './ports-names.ts';
import type { ProfileView } from './profile-view.ts';

/** RFC 7033. */
export interface WebFinger {
  readonly subject: string;
  readonly aliases: string[];
  readonly links: { readonly rel: string; readonly type: string; readonly href: string }[];
}

export interface PublicProfiles {
  /** `text` as somebody typed it. */
  find(text: string): Promise<ProfileView | null>;
  /** Null also for a resource that is not of this server. */
  findResource(resource: string): Promise<WebFinger | null>;
}

export interface PublicProfilesDeps {
  readonly names: Pick<NameStore, 'findPublic'>;
  readonly views: Pick<PeopleViews, 'asSeenBy'>;
  readonly publicBaseUrl: string;
  readonly serverName: string;
}

/** A name that cannot be claimed, for texts that are no address. */
const NO_NAME = '@-.aura' as AuraId;

export function createPublicProfiles(deps: PublicProfilesDeps): PublicProfiles {
  const find = async (text: string): Promise<ProfileView | null> => {
    const named = await deps.names.findPublic(findAuraId(text) ?? NO_NAME);
    // Whoever is not there is looked up like somebody who is.
    return deps.views.asSeenBy(named?.personId ?? NOBODY, 'signed_out');
  };
  return {
    find,
    async findResource(resource) {
      const view = await find(handleIn(resource, deps) ?? '');
      return view === null ? null : webFingerOf(view.auraId as AuraId, deps);
    },
  };
}

/** `acct:alice@here`, `aura:@alice.aura`, or the address of her page; null for what is not of this server. */
function handleIn(resource: string, deps: PublicProfilesDeps): string | null {
  if (/^aura:/i.test(resource)) return resource.slice('aura:'.length);
  const account = /^acct:([^@]+)@(.+)$/i.exec(resource);
  if (account !== null) {
    const [, name = '', host = ''] = account;
    const ours = [deps.serverName, new URL(deps.publicBaseUrl).host, new URL(deps.publicBaseUrl).hostname];
    return ours.includes(host.toLowerCase()) ? decoded(name) : null;
  }
  const page = `${deps.publicBaseUrl}/@`;
  return resource.startsWith(page) ? decoded(resource.slice(page.length)) : null;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function webFingerOf(auraId: AuraId, { publicBaseUrl, serverName }: PublicProfilesDeps): WebFinger {
  const page = `${publicBaseUrl}/@${handleOf(auraId)}`;
  return {
    subject: `acct:${handleOf(auraId)}@${serverName}`,
    aliases: [`aura:${auraId}`, page],
    links: [
      { rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: page },
      {
        rel: 'self',
        type: 'application/json',
        href: `${publicBaseUrl}/_auralink/v1/profiles/${encodeURIComponent(auraId)}`,
      },
    ],
  };
}
