/**
 * Profiles at the homeserver, read and written as our application service on behalf of the account (`user_id`, Matrix
 * spec, application-service API, "Identity assertion"), and whose an access token is.
 */
import { Pool } from 'undici';
import type { MatrixProfiles } from '../auralink-modules/auraid/ports-privacy.ts';
import { AuraError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { SYNAPSE_TIMEOUT_MS, SynapseError } from './synapse.ts';

/** Connections of one process for profiles. */
export const SYNAPSE_PROFILE_CONNECTIONS_MAX = 16;
const RETRY_AFTER_SECONDS = 2;

export interface SynapseProfiles extends MatrixProfiles {
  close(): Promise<void>;
}

interface Asked {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly token: string;
  readonly body?: Buffer;
  readonly contentType?: string;
}

type Json = Readonly<Record<string, unknown>>;

export function createSynapseProfiles(options: {
  readonly url: string;
  readonly asToken: string;
}): SynapseProfiles {
  const pool = new Pool(new URL(options.url).origin, { connections: SYNAPSE_PROFILE_CONNECTIONS_MAX });
  const token = options.asToken;
  const profileOf = (userId: UserId, field = '') =>
    `/_matrix/client/v3/profile/${encodeURIComponent(userId)}${field}?user_id=${encodeURIComponent(userId)}`;
  const put = async (userId: UserId, field: string, value: string | null): Promise<void> => {
    const body = Buffer.from(JSON.stringify({ [field]: value ?? '' }));
    await send(pool, { method: 'PUT', path: profileOf(userId, `/${field}`), token, body });
  };
  return {
    whoami: (userToken) => whoami(pool, userToken),
    async getProfile(userId) {
      const profile = await send(pool, { method: 'GET', path: profileOf(userId), token }).catch(absent);
      return { displayName: textOf(profile.displayname), avatarUrl: textOf(profile.avatar_url) };
    },
    setDisplayName: (userId, displayName) => put(userId, 'displayname', displayName),
    setAvatar: (userId, mxcUrl) => put(userId, 'avatar_url', mxcUrl),
    async upload(userId, image, contentType) {
      const path = `/_matrix/media/v3/upload?user_id=${encodeURIComponent(userId)}`;
      const answer = await send(pool, { method: 'POST', path, token, body: image, contentType });
      return String(answer.content_uri);
    },
    close: () => pool.close(),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** An account that never had a profile. */
function absent(error: unknown): Json {
  if (error instanceof SynapseError && (error.status === 404 || error.status === 403)) return {};
  throw error;
}

async function whoami(pool: Pool, token: string): Promise<UserId | null> {
  try {
    const answer = await send(pool, { method: 'GET', path: '/_matrix/client/v3/account/whoami', token });
    return typeof answer.user_id === 'string' ? (answer.user_id as UserId) : null;
  } catch (error) {
    if (error instanceof SynapseError && (error.status === 401 || error.status === 403)) return null;
    throw error;
  }
}

async function send(pool: Pool, asked: Asked): Promise<Json> {
  const headers: Record<string, string> = { authorization: `Bearer ${asked.token}` };
  if (asked.body !== undefined) headers['content-type'] = asked.contentType ?? 'application/json';
  let status: number;
  let answer: Json;
  try {
    const response = await pool.request({
      method: asked.method,
      path: asked.path,
      headers,
      body: asked.body ?? null,
      signal: AbortSignal.timeout(SYNAPSE_TIMEOUT_MS),
    });
    status = response.statusCode;
    answer = (await response.body.json()) as Json;
  } catch (error) {
    throw new AuraError(
      'unavailable',
      'The Matrix server is not reachable at the moment; try again shortly.',
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
      error,
    );
  }
  if (status >= 200 && status < 300) return answer;
  throw new SynapseError(
    status,
    String(answer.errcode ?? 'M_UNKNOWN'),
    String(answer.error ?? `status ${status}`),
    null,
  );
}
