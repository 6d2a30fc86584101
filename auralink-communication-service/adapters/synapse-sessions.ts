/**
 * Devices of Matrix accounts: listed as the application service on behalf of the account, ended as an administrator,
 * who signs in for the purpose and out again.
 */
import { Pool } from 'undici';
import type { MatrixDevices } from '../auralink-modules/auraid/ports-sessions.ts';
import { AuraError } from '../core/errors.ts';
import { SYNAPSE_TIMEOUT_MS, SynapseError } from './synapse.ts';

/** Connections of one process for these questions. */
export const SYNAPSE_SESSION_CONNECTIONS_MAX = 8;
const RETRY_AFTER_SECONDS = 2;
type Json = Readonly<Record<string, unknown>>;

export interface SynapseSessions extends MatrixDevices {
  close(): Promise<void>;
}

export function createSynapseSessions(options: {
  readonly url: string;
  readonly asToken: string;
  readonly serverName: string;
  readonly adminLocalpart: string;
  readonly adminPassword: string;
}): SynapseSessions {
  const pool = new Pool(new URL(options.url).origin, { connections: SYNAPSE_SESSION_CONNECTIONS_MAX });
  const asAdmin = async (work: (token: string) => Promise<unknown>): Promise<void> => {
    const user = `@${options.adminLocalpart}:${options.serverName}`;
    const login = await send(pool, 'POST', '/_matrix/client/v3/login', null, {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user },
      password: options.adminPassword,
      initial_device_display_name: 'AuraLink service',
    });
    const token = String(login.access_token);
    try {
      await work(token);
    } finally {
      // Should it stay, it is ended as an idle one.
      await send(pool, 'POST', '/_matrix/client/v3/logout', token, {}).catch(() => {});
    }
  };
  return {
    async list(userId) {
      const path = `/_matrix/client/v3/devices?user_id=${encodeURIComponent(userId)}`;
      const { devices } = await send(pool, 'GET', path, options.asToken);
      return (Array.isArray(devices) ? (devices as Json[]) : []).map((device) => ({
        deviceId: String(device.device_id),
        label: typeof device.display_name === 'string' ? device.display_name : null,
        lastSeenAt: typeof device.last_seen_ts === 'number' ? new Date(device.last_seen_ts) : null,
      }));
    },
    end: (userId, deviceIds) =>
      asAdmin((token) => {
        const path = `/_synapse/admin/v2/users/${encodeURIComponent(userId)}/delete_devices`;
        return send(pool, 'POST', path, token, { devices: deviceIds });
      }),
    close: () => pool.close(),
  };
}

async function send(
  pool: Pool,
  method: 'GET' | 'POST',
  path: string,
  token: string | null,
  body?: object,
): Promise<Json> {
  let status: number;
  let answer: Json;
  try {
    const response = await pool.request({
      method,
      path,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
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
  throw new SynapseError(status, String(answer.errcode ?? 'M_UNKNOWN'), String(answer.error), null);
}
