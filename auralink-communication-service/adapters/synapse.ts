/**
 * The homeserver, as an application service and as its administrator.
 */
import type { MatrixAccounts } from '../auralink-modules/auraid/ports.ts';
import type { AccountProofs } from '../auralink-modules/auraid/ports-names.ts';
import { AuraError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { type AskSynapse, type Json, SynapseError, synapseAway, synapseClient } from './synapse-request.ts';

/** Connections of one process for requests of our own; proxied ones have theirs. */
export const SYNAPSE_CONNECTIONS_MAX = 64;
/** A session of our administrator that was not used for so long is taken for that of a process that was killed. */
export const SYNAPSE_ADMIN_SESSION_IDLE_HOURS = 24;
const ADMIN_DEVICE_NAME = 'AuraLink service';

export interface SynapseOptions {
  readonly url: string;
  readonly serverName: string;
  readonly asToken: string;
  /** `id` of our application-service registration. */
  readonly appserviceId: string;
  readonly adminLocalpart: string;
  readonly adminPassword: string;
}

export interface Synapse extends MatrixAccounts {
  /** How somebody proves that an account here is hers. */
  readonly proofs: AccountProofs;
  /** Its federation API, whose listener is the same. */
  readonly ask: AskSynapse;
  /** Versions of the client API that it speaks: the cheapest sign of life. */
  versions(): Promise<readonly string[]>;
  /** Makes it deliver our waiting transactions at once (Matrix spec, application-service API, "Pinging"). */
  ping(transactionId: string): Promise<{ readonly durationMs: number }>;
  /** Deactivates the account for good and asks that its messages be hidden; one that is gone is gone. */
  eraseAccount(userId: UserId): Promise<void>;
  /** Deletes a picture with its thumbnails from its media store; one that is gone is gone. */
  deleteMedia(mxcUrl: string): Promise<void>;
  /** Ends our administrator's session and closes connections. */
  close(): Promise<void>;
}

export function createSynapse(options: SynapseOptions): Synapse {
  const { ask: call, close } = synapseClient(options.url, SYNAPSE_CONNECTIONS_MAX);
  const admin = adminSession(call, options);
  return {
    ask: call,
    createAccount: (userId) => createAccount(call, options, userId),
    setPassword: (userId, password) =>
      admin.run(async (token) => {
        const path = `/_synapse/admin/v1/reset_password/${encodeURIComponent(userId)}`;
        await call({ method: 'POST', path, token, body: { new_password: password, logout_devices: false } });
      }),
    checkPassword: async (userId, password, address) =>
      (await byPassword(call, userId, password, address)) !== null,
    proofs: {
      byPassword: (userId, password, address) => byPassword(call, userId, password, address),
      byOpenIdToken: (token) => byOpenIdToken(call, options.serverName, token),
    },
    eraseAccount: (userId) =>
      admin.run(async (token) => {
        const path = `/_synapse/admin/v1/deactivate/${encodeURIComponent(userId)}`;
        await call({ method: 'POST', path, token, body: { erase: true } }).catch(orGone);
      }),
    deleteMedia: (mxcUrl) =>
      admin.run(async (token) => {
        const path = `/_synapse/admin/v1/media/${mxcUrl.slice('mxc://'.length)}`;
        await call({ method: 'DELETE', path, token }).catch(orGone);
      }),
    async versions() {
      const answer = await call({ method: 'GET', path: '/_matrix/client/versions' });
      return Array.isArray(answer.versions) ? answer.versions.map(String) : [];
    },
    async ping(transactionId) {
      const path = `/_matrix/client/v1/appservice/${encodeURIComponent(options.appserviceId)}/ping`;
      const answer = await call({
        method: 'POST',
        path,
        token: options.asToken,
        body: { transaction_id: transactionId },
      });
      return { durationMs: Number(answer.duration_ms ?? 0) };
    },
    async close() {
      await admin.end();
      await close();
    },
  };
}

function orGone(error: unknown): void {
  if (!(error instanceof SynapseError) || error.status !== 404) throw error;
}

async function createAccount(call: AskSynapse, options: SynapseOptions, userId: UserId): Promise<void> {
  try {
    await call({
      method: 'POST',
      path: '/_matrix/client/v3/register',
      token: options.asToken,
      body: {
        type: 'm.login.application_service',
        username: userId.slice(1, userId.indexOf(':')),
        inhibit_login: true,
      },
    });
  } catch (error) {
    if (error instanceof SynapseError && error.errcode === 'M_USER_IN_USE') return;
    throw unexpected(error);
  }
}

/** Synapse takes an id in any letter case when only one account fits: its own spelling counts. */
async function byPassword(
  call: AskSynapse,
  userId: UserId,
  password: string,
  address: string,
): Promise<UserId | null> {
  // The protocol only spares a warning in Synapse's log: its listener expects both.
  const headers = { 'x-forwarded-for': address, 'x-forwarded-proto': 'https' };
  let answer: Json;
  try {
    answer = await call({
      method: 'POST',
      path: '/_matrix/client/v3/login',
      headers,
      body: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: userId },
        password,
        initial_device_display_name: 'Sign in with AuraLink',
      },
    });
  } catch (error) {
    if (error instanceof SynapseError && error.status === 403) return null;
    throw unexpected(error);
  }
  const token = String(answer.access_token);
  // The session was only a question; if it cannot be ended now, it stays as a device without anybody holding its token.
  await call({ method: 'POST', path: '/_matrix/client/v3/logout', token, body: {} }).catch(() => {});
  return String(answer.user_id) as UserId;
}

/** Matrix spec, server-server API, "OpenID". A token of another homeserver is unknown to ours. */
async function byOpenIdToken(call: AskSynapse, serverName: string, token: string): Promise<UserId | null> {
  const path = `/_matrix/federation/v1/openid/userinfo?access_token=${encodeURIComponent(token)}`;
  try {
    const { sub } = await call({ method: 'GET', path });
    return typeof sub === 'string' && sub.endsWith(`:${serverName}`) ? (sub as UserId) : null;
  } catch (error) {
    if (error instanceof SynapseError && error.status === 401) return null;
    throw unexpected(error);
  }
}

/** What the callers of this adapter know how to handle: limits and absence. The rest is a fault, logged as such. */
function unexpected(error: unknown): unknown {
  if (!(error instanceof SynapseError)) return error;
  if (error.errcode === 'M_LIMIT_EXCEEDED') {
    return new AuraError(
      'rate_limited',
      'Too many tries; please wait a little.',
      { retryAfterSeconds: Math.ceil((error.retryAfterMs ?? 1_000) / 1_000) },
      error,
    );
  }
  return error.status >= 500 ? synapseAway(error) : error;
}

/**
 * A process that was killed leaves its session as a device. One whose process lives after all loses nothing: it logs in
 * again when it is next refused.
 */
async function endIdleSessions(call: AskSynapse, token: string, userId: string): Promise<void> {
  const { devices } = await call({ method: 'GET', path: '/_matrix/client/v3/devices', token });
  if (!Array.isArray(devices)) return;
  const before = Date.now() - SYNAPSE_ADMIN_SESSION_IDLE_HOURS * 3_600_000;
  const idle = (devices as Json[]).filter(
    (device) => device.display_name === ADMIN_DEVICE_NAME && Number(device.last_seen_ts ?? Infinity) < before,
  );
  if (idle.length === 0) return;
  const path = `/_synapse/admin/v2/users/${encodeURIComponent(userId)}/delete_devices`;
  await call({ method: 'POST', path, token, body: { devices: idle.map((device) => device.device_id) } });
}

/** The administrator's token: made when first needed, shared, renewed once when Synapse no longer knows it. */
function adminSession(call: AskSynapse, options: SynapseOptions) {
  let token: Promise<string> | null = null;

  const login = async (): Promise<string> => {
    const answer = await call({
      method: 'POST',
      path: '/_matrix/client/v3/login',
      body: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: `@${options.adminLocalpart}:${options.serverName}` },
        password: options.adminPassword,
        initial_device_display_name: ADMIN_DEVICE_NAME,
      },
    });
    const fresh = String(answer.access_token);
    // The next log-in tries again.
    await endIdleSessions(call, fresh, String(answer.user_id)).catch(() => {});
    return fresh;
  };
  const current = (): Promise<string> => {
    token ??= login().catch((error) => {
      token = null;
      throw error;
    });
    return token;
  };

  return {
    async run(work: (token: string) => Promise<void>): Promise<void> {
      const held = current();
      try {
        await work(await held);
      } catch (error) {
        if (!(error instanceof SynapseError) || error.status !== 401) throw unexpected(error);
        if (token === held) token = null;
        await current()
          .then(work)
          .catch((again) => {
            throw unexpected(again);
          });
      }
    },
    async end(): Promise<void> {
      const held = token;
      token = null;
      if (held === null) return;
      await held
        .then((t) => call({ method: 'POST', path: '/_matrix/client/v3/logout', token: t, body: {} }))
        .catch(() => {});
    },
  };
}
