/**
 * Devices of Matrix accounts: listed as the application service on behalf of the account, ended as an administrator,
 * who signs in for the purpose and out again.
 */
import type { MatrixDevices } from '../auralink-modules/auraid/ports-sessions.ts';
import { type Json, synapseClient } from './synapse-request.ts';

/** Connections of one process for these questions. */
export const SYNAPSE_SESSION_CONNECTIONS_MAX = 8;

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
  const { ask, close } = synapseClient(options.url, SYNAPSE_SESSION_CONNECTIONS_MAX);
  const asAdmin = async (work: (token: string) => Promise<unknown>): Promise<void> => {
    const user = `@${options.adminLocalpart}:${options.serverName}`;
    const login = await ask({
      method: 'POST',
      path: '/_matrix/client/v3/login',
      body: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user },
        password: options.adminPassword,
        initial_device_display_name: 'AuraLink service',
      },
    });
    const token = String(login.access_token);
    try {
      await work(token);
    } finally {
      // Should it stay, it is ended as an idle one.
      await ask({ method: 'POST', path: '/_matrix/client/v3/logout', token, body: {} }).catch(() => {});
    }
  };
  return {
    async list(userId) {
      const path = `/_matrix/client/v3/devices?user_id=${encodeURIComponent(userId)}`;
      const { devices } = await ask({ method: 'GET', path, token: options.asToken });
      return (Array.isArray(devices) ? (devices as Json[]) : []).map((device) => ({
        deviceId: String(device.device_id),
        label: typeof device.display_name === 'string' ? device.display_name : null,
        lastSeenAt: typeof device.last_seen_ts === 'number' ? new Date(device.last_seen_ts) : null,
      }));
    },
    end: (userId, deviceIds) =>
      asAdmin((token) => {
        const path = `/_synapse/admin/v2/users/${encodeURIComponent(userId)}/delete_devices`;
        return ask({ method: 'POST', path, token, body: { devices: deviceIds } });
      }),
    close,
  };
}
