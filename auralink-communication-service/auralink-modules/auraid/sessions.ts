/**
 * Where a person is signed in (apps on devices, browsers at the sign-in page, Matrix clients), and ending any or all of
 * it.
 */
import { AuraError } from '../../core/errors.ts';
import type { AppId, PersonId, UserId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { Act } from './audit.ts';
import { type DeviceOrder, order, tryNow } from './device-orders.ts';
import { changePassword, type PasswordChange } from './password-change.ts';
import { type Asking, afterwards, type SessionDeps, signOut } from './sign-out.ts';

export interface SessionView {
  readonly sessionId: string;
  readonly kind: 'app' | 'browser' | 'matrix';
  readonly current: boolean;
  readonly app: { appId: string; name: string; icon: string } | null;
  readonly label: string | null;
  readonly device: number | null;
  /** Null where nobody knows: Matrix does not tell when a device signed in. */
  readonly createdAt: string | null;
  readonly lastSeenAt: string | null;
}

export interface SessionList {
  readonly sessions: SessionView[];
  /** False while the homeserver is away: there may be Matrix devices that are not in the list. */
  readonly matrixKnown: boolean;
}

export interface ConnectedApp {
  readonly appId: string;
  readonly name: string;
  readonly icon: string;
  readonly scopes: string[];
  readonly since: string;
  readonly sessions: number;
}

export interface SessionService {
  list(asking: Asking): Promise<SessionList>;
  /** Throws not_found for other people's too. */
  revoke(asking: Asking, sessionId: string): Promise<void>;
  /** All but the endpoint that asks; Matrix devices end once the homeserver is there. */
  revokeOthers(asking: Asking): Promise<void>;
  apps(personId: PersonId): Promise<ConnectedApp[]>;
  /** Signs her out of this app on every device. */
  revokeApp(personId: PersonId, appId: AppId): Promise<void>;
  changePassword(asking: Asking, change: PasswordChange, clientAddress: string): Promise<void>;
}

export function createSessions(deps: SessionDeps): SessionService {
  return {
    list: (asking) => list(deps, asking),
    revoke: (asking, sessionId) => revoke(deps, asking, sessionId),
    revokeOthers: (asking) => endOthers(deps, asking),
    apps: (personId) => apps(deps, personId),
    revokeApp: (personId, appId) => revokeApp(deps, personId, appId),
    changePassword: (asking, change, clientAddress) => changePassword(deps, asking, change, clientAddress),
  };
}

async function list(deps: SessionDeps, { personId, endpointId }: Asking): Promise<SessionList> {
  const [endpoints, browsers, matrix] = await Promise.all([
    deps.store.listEndpoints(personId),
    deps.store.listBrowserSessions(personId),
    listMatrix(deps, personId).catch(nullIfAway),
  ]);
  const none = { current: false, app: null, label: null, device: null, createdAt: null, lastSeenAt: null };
  const sessions = [
    ...endpoints.map(
      (one): SessionView => ({
        ...none,
        sessionId: `app:${one.endpointId}`,
        kind: 'app',
        current: one.endpointId === endpointId,
        app: one.app,
        device: one.device,
        createdAt: one.createdAt.toISOString(),
        lastSeenAt: one.lastUsedAt.toISOString(),
      }),
    ),
    ...browsers.map(
      (one): SessionView => ({
        ...none,
        sessionId: `browser:${one.id}`,
        kind: 'browser',
        createdAt: one.since.toISOString(),
      }),
    ),
    ...(matrix ?? []).map(
      ({ userId, deviceId, label, lastSeenAt }): SessionView => ({
        ...none,
        sessionId: matrixIdOf(userId, deviceId),
        kind: 'matrix',
        label: label ?? deviceId,
        lastSeenAt: lastSeenAt?.toISOString() ?? null,
      }),
    ),
  ];
  return { sessions, matrixKnown: matrix !== null };
}

function nullIfAway(error: unknown): null {
  if (error instanceof AuraError && error.code === 'unavailable') return null;
  throw error;
}

async function listMatrix(deps: SessionDeps, personId: PersonId) {
  const accounts = await deps.store.listAccounts(personId);
  const all = accounts.map(async (userId) =>
    (await deps.devices.list(userId)).map((device) => ({ userId, ...device })),
  );
  return (await Promise.all(all)).flat();
}

const matrixIdOf = (userId: UserId, deviceId: string): string =>
  `matrix:${Buffer.from(`${userId} ${deviceId}`).toString('base64url')}`;

/** Only what is in her own list can be ended, whatever the id says. */
async function revoke(deps: SessionDeps, { personId }: Asking, sessionId: string): Promise<void> {
  const [kind, id = ''] = sessionId.split(/:(.*)/s);
  const device = kind === 'matrix' ? await findDevice(deps, personId, sessionId) : null;
  const { ended, order: given } = await deps.unitOfWork.run(async (tx) => {
    const all = await deps.store.nameSessions(tx, personId, null);
    const endpoints = all.endpoints.filter((one) => kind === 'app' && one.endpointId === id);
    const browsers = all.browsers.filter((one) => kind === 'browser' && one.id === id);
    if (endpoints.length + browsers.length === 0 && device === null) {
      throw new AuraError('not_found', 'There is no such session here.', { reason: 'unknown_session' });
    }
    const out = await deps.store.endSessions(tx, personId, { at: all.at, endpoints, browsers });
    await record(deps, tx, personId, 'session.revoked');
    return { ended: out, order: device === null ? null : await orderFor(deps, tx, device, all.at) };
  });
  for (const endpointId of ended) deps.endpointRevoked(endpointId);
  // Whether the homeserver answers or not: this one ends.
  if (given !== null) await tryNow(deps, given.what, given.orderId);
}

interface FoundDevice {
  readonly userId: UserId;
  readonly deviceId: string;
}

async function findDevice(
  deps: SessionDeps,
  personId: PersonId,
  sessionId: string,
): Promise<FoundDevice | null> {
  const all = await listMatrix(deps, personId);
  return all.find(({ userId, deviceId }) => matrixIdOf(userId, deviceId) === sessionId) ?? null;
}

async function orderFor(deps: SessionDeps, tx: Tx, { userId, deviceId }: FoundDevice, at: string) {
  const what: DeviceOrder = { at, accounts: [{ userId, deviceIds: [deviceId] }] };
  return { what, orderId: await order(deps, tx, what) };
}

/** Ours first: they end even while the homeserver is away, whose devices then end when it is back. */
async function endOthers(deps: SessionDeps, { personId, endpointId }: Asking): Promise<void> {
  const out = await deps.unitOfWork.run(async (tx) => {
    const others = await deps.store.nameSessions(tx, personId, endpointId);
    const signedOut = await signOut(deps, tx, personId, others);
    await record(deps, tx, personId, 'sessions.revoked_all');
    return signedOut;
  });
  await afterwards(deps, out);
}

async function apps(deps: SessionDeps, personId: PersonId): Promise<ConnectedApp[]> {
  const byApp = new Map<string, ConnectedApp>();
  for (const { app, scopes, createdAt } of await deps.store.listEndpoints(personId)) {
    const known = byApp.get(app.appId);
    const since = createdAt.toISOString();
    byApp.set(app.appId, {
      ...app,
      scopes: [...new Set([...(known?.scopes ?? []), ...scopes])].sort(),
      since: known !== undefined && known.since < since ? known.since : since,
      sessions: (known?.sessions ?? 0) + 1,
    });
  }
  return [...byApp.values()].sort((a, b) => (a.appId < b.appId ? -1 : 1));
}

async function revokeApp(deps: SessionDeps, personId: PersonId, appId: AppId): Promise<void> {
  const listed = await deps.store.listEndpoints(personId);
  const ids = new Set(listed.filter((one) => one.app.appId === appId).map((one) => one.endpointId));
  const ended = await deps.unitOfWork.run(async (tx) => {
    const all = await deps.store.nameSessions(tx, personId, null);
    const endpoints = all.endpoints.filter((one) => ids.has(one.endpointId));
    if (endpoints.length === 0) {
      throw new AuraError('not_found', 'You are not signed in to such an app.', { reason: 'unknown_app' });
    }
    const out = await deps.store.endSessions(tx, personId, { at: all.at, endpoints, browsers: [] });
    await record(deps, tx, personId, 'session.revoked');
    return out;
  });
  for (const endpointId of ended) deps.endpointRevoked(endpointId);
}

function record(deps: SessionDeps, tx: Tx, personId: PersonId, act: Act): Promise<void> {
  return deps.audit.record(tx, { actor: `person:${personId}`, act, subject: personId });
}
