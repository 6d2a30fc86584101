/**
 * Profiles and their pictures at the homeserver, read and written as our application service on behalf of the account (`user_id`, Matrix
 * spec, application-service API, "Identity assertion"), and whose an access token is.
 */
import type { MatrixMedia } from '../auralink-modules/auraid/matrix-media.ts';
import { ProfileRefused } from '../auralink-modules/auraid/matrix-profile.ts';
import type { MatrixProfiles } from '../auralink-modules/auraid/ports-privacy.ts';
import type { UserId } from '../core/ids.ts';
import { type AskSynapse, type Json, SynapseError, synapseClient } from './synapse-request.ts';

/** Connections of one process for profiles. */
export const SYNAPSE_PROFILE_CONNECTIONS_MAX = 16;

export interface SynapseProfiles extends MatrixProfiles, Omit<MatrixMedia, 'delete'> {
  close(): Promise<void>;
}

export function createSynapseProfiles(options: {
  readonly url: string;
  readonly asToken: string;
}): SynapseProfiles {
  const { ask, close } = synapseClient(options.url, SYNAPSE_PROFILE_CONNECTIONS_MAX);
  const token = options.asToken;
  const profileOf = (userId: UserId, field = '') =>
    `/_matrix/client/v3/profile/${encodeURIComponent(userId)}${field}?user_id=${encodeURIComponent(userId)}`;
  const put = async (userId: UserId, field: string, value: string | null): Promise<void> => {
    await ask({
      method: 'PUT',
      path: profileOf(userId, `/${field}`),
      ...{ token, body: { [field]: value ?? '' } },
    }).catch(refused);
  };
  return {
    whoami: (userToken) => whoami(ask, userToken),
    async getProfile(userId) {
      const profile = await ask({ method: 'GET', path: profileOf(userId), token }).catch(absent);
      return { displayName: textOf(profile.displayname), avatarUrl: textOf(profile.avatar_url) };
    },
    setDisplayName: (userId, displayName) => put(userId, 'displayname', displayName),
    setAvatar: (userId, mxcUrl) => put(userId, 'avatar_url', mxcUrl),
    async reserve(userId) {
      const path = `/_matrix/media/v1/create?user_id=${encodeURIComponent(userId)}`;
      const { content_uri: uri } = await ask({ method: 'POST', path, token, body: {} }).catch(refused);
      if (typeof uri !== 'string') throw new Error('Synapse named no place for a picture');
      return uri;
    },
    async fill(userId, mxcUrl, image, contentType) {
      const place = mxcUrl.slice('mxc://'.length);
      const path = `/_matrix/media/v3/upload/${place}?user_id=${encodeURIComponent(userId)}`;
      const headers = { 'content-type': contentType };
      await ask({ method: 'PUT', path, token, body: image, headers });
    },
    close,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** An account that never had a profile. */
function absent(error: unknown): Json {
  if (error instanceof SynapseError && error.status === 404) return {};
  return refused(error);
}

/** What asking again would not change: the account is gone, or not one that we may speak for. */
function refused(error: unknown): never {
  if (error instanceof SynapseError && [400, 403, 404].includes(error.status))
    throw new ProfileRefused(error);
  throw error;
}

async function whoami(ask: AskSynapse, token: string): Promise<UserId | null> {
  try {
    const answer = await ask({ method: 'GET', path: '/_matrix/client/v3/account/whoami', token });
    return typeof answer.user_id === 'string' ? (answer.user_id as UserId) : null;
  } catch (error) {
    if (error instanceof SynapseError && (error.status === 401 || error.status === 403)) return null;
    throw error;
  }
}
