/**
 * Apps: made, changed, switched off, deleted, and given keys by the operator's Dashboard, or by the person who owns them.
 * A key is shown when it is issued and never again; its digest is all that is kept. Whoever is signed in to an app that is
 * switched off is signed out.
 */
import { createHash } from 'node:crypto';
import { AuraError } from '../../core/errors.ts';
import { type AppId, type EndpointId, NOBODY, type PersonId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { Scope } from '../endpoints/model.ts';
import {
  APPS_MADE_PER_DAY_MAX,
  APPS_PER_PERSON_MAX,
  type AppData,
  type AppTerms,
  type AppView,
  DEFAULT_CALLS_PER_DAY,
  KEY_PREFIX,
  KEY_RANDOM_BYTES,
  KEYS_PER_APP_MAX,
  type KeyView,
  type NewKey,
  type OwnedApp,
} from './apps-model.ts';
import type { AppAdminStore, QuotaUse, Use } from './ports-apps.ts';

/** Endpoints of apps that are off are ended in steps of so many. */
export const APP_ENDPOINTS_ENDED_AT_ONCE = 500;

export type AppAct =
  | 'app.made'
  | 'app.changed'
  | 'app.switched'
  | 'app.deleted'
  | 'app.key_issued'
  | 'app.key_rotated'
  | 'app.key_revoked';

/** Who acts: her own apps, or with `owner` null any. */
export interface AppActor<A> {
  readonly actor: A;
  readonly owner: PersonId | null;
}

export interface AppsDeps<A> {
  readonly unitOfWork: UnitOfWork;
  readonly store: AppAdminStore;
  readonly audit: {
    record(
      tx: Tx,
      entry: {
        readonly actor: A;
        readonly act: AppAct;
        readonly subject: PersonId;
        readonly detail: Readonly<Record<string, string | boolean>>;
      },
    ): Promise<void>;
  };
  readonly endpointRevoked: (endpointId: EndpointId) => void;
  readonly newId: () => string;
  readonly randomBytes: (size: number) => Buffer;
  /** Ids and names (in small letters) of apps that come with the service. */
  readonly reserved: ReadonlySet<string>;
  /** What an app may ask for. */
  readonly scopes: readonly Scope[];
}

/** All throw `not_found` for an app that is not there, or not hers. */
export interface Apps<A> {
  /** A page by id; `next` is the `after` of the next one, null after the last. */
  list(
    owner: PersonId | null,
    after: AppId | null,
    limit: number,
  ): Promise<{ apps: AppView[]; next: AppId | null }>;
  get(by: AppActor<A>, appId: AppId): Promise<AppView>;
  /** Makes the app or brings it up to date. Throws `taken`, `forbidden` (it comes with the service), `conflict` (too many). */
  put(by: AppActor<A>, appId: AppId, data: AppData, terms: AppTerms): Promise<{ created: boolean }>;
  /** By its owner. A repetition changes nothing. Throws `forbidden` (reason switched_off_by_operator). */
  setOn(by: AppActor<A>, appId: AppId, isOn: boolean): Promise<AppView>;
  /** For good: its id is never given again. Throws `forbidden` (it comes with the service). */
  delete(by: AppActor<A>, appId: AppId): Promise<void>;
  /** Signs out who is signed in to apps that are off, until nobody is. */
  endSessions(): Promise<void>;
  listKeys(by: AppActor<A>, appId: AppId): Promise<KeyView[]>;
  /** Throws `conflict` (reason too_many_keys). */
  issueKey(by: AppActor<A>, appId: AppId, name: string): Promise<NewKey>;
  /** A successor of the same name; the old one is good for so long yet. Throws `conflict` (reason too_many_keys). */
  rotateKey(by: AppActor<A>, appId: AppId, keyId: string, graceSeconds: number): Promise<NewKey>;
  revokeKey(by: AppActor<A>, appId: AppId, keyId: string): Promise<void>;
}

export const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest();

export function createApps<A>(deps: AppsDeps<A>): Apps<A> {
  const { unitOfWork, store } = deps;
  const viewsOf = async (apps: readonly OwnedApp[]): Promise<AppView[]> => {
    const use = await store.findUse(apps.map(({ appId }) => appId));
    return apps.map((app) => view(app, use.get(app.appId)));
  };
  const viewOf = async (app: OwnedApp): Promise<AppView> =>
    view(app, (await store.findUse([app.appId])).get(app.appId));
  /** Those of one step; who is left is ended within seconds by `endSessions`. */
  const endSome = async (): Promise<number> => {
    const ended = await store.endEndpoints(APP_ENDPOINTS_ENDED_AT_ONCE);
    for (const endpointId of ended) deps.endpointRevoked(endpointId);
    return ended.length;
  };
  const within = <T>(by: AppActor<A>, appId: AppId, work: (tx: Tx, app: OwnedApp) => Promise<T>) =>
    unitOfWork.run(async (tx) => work(tx, await getApp(store, tx, by, appId)));
  return {
    async list(owner, after, limit) {
      const apps = await store.list(owner, after, limit);
      return {
        apps: await viewsOf(apps),
        next: apps.length === limit ? (apps.at(-1)?.appId ?? null) : null,
      };
    },
    get: async (by, appId) => viewOf(await within(by, appId, async (_tx, app) => app)),
    async put(by, appId, data, terms) {
      const done = await unitOfWork.run((tx) => put(deps, tx, by, appId, data, terms));
      if (terms.isOn === false) await endSome();
      return done;
    },
    async setOn(by, appId, isOn) {
      await within(by, appId, (tx, app) => setOn(deps, tx, by, app, isOn));
      if (!isOn) await endSome();
      return viewOf(await within(by, appId, async (_tx, app) => app));
    },
    async delete(by, appId) {
      assertOwn(deps, appId);
      await within(by, appId, async (tx) => {
        await store.delete(tx, appId, by.owner === null ? 'operator' : 'owner');
        await record(deps, tx, by, 'app.deleted', { appId });
      });
      await endSome();
    },
    async endSessions() {
      while ((await endSome()) === APP_ENDPOINTS_ENDED_AT_ONCE);
    },
    listKeys: (by, appId) => within(by, appId, () => store.listKeys(appId)),
    issueKey: (by, appId, name) =>
      within(by, appId, async (tx) => {
        await assertRoomForKey(store, tx, appId);
        const key = await insertKey(deps, tx, appId, name);
        await record(deps, tx, by, 'app.key_issued', { appId, keyId: key.keyId });
        return key;
      }),
    rotateKey: (by, appId, keyId, graceSeconds) =>
      within(by, appId, async (tx) => {
        const name = await store.endKey(tx, appId, keyId, graceSeconds);
        if (name === null) throw noKey();
        // With a grace the old one counts on until it has ended.
        await assertRoomForKey(store, tx, appId);
        const key = await insertKey(deps, tx, appId, name);
        await record(deps, tx, by, 'app.key_rotated', { appId, keyId: key.keyId, was: keyId });
        return key;
      }),
    revokeKey: (by, appId, keyId) =>
      within(by, appId, async (tx) => {
        if ((await store.endKey(tx, appId, keyId, 0)) === null) throw noKey();
        await record(deps, tx, by, 'app.key_revoked', { appId, keyId });
      }),
  };
}

async function assertRoomForKey(store: AppAdminStore, tx: Tx, appId: AppId): Promise<void> {
  if ((await store.countKeys(tx, appId)) >= KEYS_PER_APP_MAX) throw tooMany('keys', KEYS_PER_APP_MAX);
}

async function getApp<A>(store: AppAdminStore, tx: Tx, by: AppActor<A>, appId: AppId): Promise<OwnedApp> {
  const app = await store.find(tx, appId);
  if (app === null || (by.owner !== null && app.ownerPersonId !== by.owner)) {
    throw new AuraError('not_found', `There is no app ${appId} here.`, { field: 'appId' });
  }
  return app;
}

async function put<A>(
  deps: AppsDeps<A>,
  tx: Tx,
  by: AppActor<A>,
  appId: AppId,
  data: AppData,
  terms: AppTerms,
): Promise<{ created: boolean }> {
  const { store, reserved, scopes } = deps;
  assertOwn(deps, appId);
  if (reserved.has(data.name.toLowerCase())) {
    throw new AuraError('invalid', `${data.name} is an app of the service; choose another name.`, {
      field: 'name',
    });
  }
  const { name, icon, origins, redirectUris = origins.map((origin) => `${origin}/`) } = data;
  const said = { appId, name, icon, origins, redirectUris };
  if ((await store.find(tx, appId)) === null) {
    if (by.owner !== null) await assertRoomForApp(store, tx, by.owner);
    const first = by.owner === null ? {} : { ownerPersonId: by.owner, callsPerDay: DEFAULT_CALLS_PER_DAY };
    if (!(await store.insert(tx, { ...said, scopes }, { ...first, ...terms }))) throw taken(appId);
    await record(deps, tx, by, 'app.made', { appId });
    return { created: true };
  }
  const app = await getApp(store, tx, by, appId).catch((error) => {
    throw error instanceof AuraError && error.code === 'not_found' ? taken(appId) : error;
  });
  await store.update(tx, said, terms);
  const isSwitched = terms.isOn !== undefined && terms.isOn !== (app.offBy === null);
  const detail = isSwitched ? { appId, isOn: terms.isOn === true } : { appId };
  await record(deps, tx, by, isSwitched ? 'app.switched' : 'app.changed', detail);
  return { created: false };
}

function assertOwn<A>({ reserved }: Pick<AppsDeps<A>, 'reserved'>, appId: AppId): void {
  if (!reserved.has(appId)) return;
  throw new AuraError('forbidden', `${appId} comes with the service; choose another id.`, { field: 'appId' });
}

async function assertRoomForApp(store: AppAdminStore, tx: Tx, owner: PersonId): Promise<void> {
  const { owned, made } = await store.countOwned(tx, owner);
  if (owned >= APPS_PER_PERSON_MAX) throw tooMany('apps', APPS_PER_PERSON_MAX);
  if (made < APPS_MADE_PER_DAY_MAX) return;
  throw new AuraError('conflict', `At most ${APPS_MADE_PER_DAY_MAX} apps can be made in a day.`, {
    reason: 'too_many_apps_today',
  });
}

async function setOn<A>(deps: AppsDeps<A>, tx: Tx, by: AppActor<A>, app: OwnedApp, isOn: boolean) {
  const { appId, offBy } = app;
  if (isOn && offBy === 'operator') {
    throw new AuraError('forbidden', `The operator has switched ${app.name} off; ask there.`, {
      reason: 'switched_off_by_operator',
    });
  }
  if (isOn === (offBy === null)) return;
  await deps.store.setOff(tx, appId, isOn ? null : 'owner');
  await record(deps, tx, by, 'app.switched', { appId, isOn });
}

async function insertKey<A>(deps: AppsDeps<A>, tx: Tx, appId: AppId, name: string): Promise<NewKey> {
  const key = KEY_PREFIX + deps.randomBytes(KEY_RANDOM_BYTES).toString('base64url');
  const [keyId, hint] = [deps.newId(), key.slice(-4)];
  const createdAt = await deps.store.insertKey(tx, { keyId, appId, name, hint, keyHash: hashKey(key) });
  return { keyId, name, hint, key, createdAt: createdAt.toISOString(), lastUsedAt: null, endsAt: null };
}

function record<A>(
  deps: AppsDeps<A>,
  tx: Tx,
  { actor, owner }: AppActor<A>,
  act: AppAct,
  detail: Readonly<Record<string, string | boolean>>,
): Promise<void> {
  return deps.audit.record(tx, { actor, act, subject: owner ?? NOBODY, detail });
}

/** `use` empty: it was not looked up, or nothing was used. */
export function view(app: OwnedApp, use: QuotaUse = {}): AppView {
  const { appId, name, icon, ownerPersonId, offBy } = app;
  const of = (limit: number | null, used: Use | undefined) => ({
    limit,
    used: Math.min(used?.used ?? 0, limit ?? Number.MAX_SAFE_INTEGER),
    resetsAt: used?.resetsAt.toISOString() ?? null,
  });
  return {
    ...{ appId, name, icon, ownerPersonId, offBy, isOn: offBy === null },
    origins: [...app.origins],
    redirectUris: [...app.redirectUris],
    createdAt: app.createdAt.toISOString(),
    callsPerDay: of(app.callsPerDay, use.calls_per_day),
    requestsPerMinute: of(app.requestsPerMinute, use.requests_per_minute),
  };
}

const taken = (appId: string): AuraError =>
  new AuraError('taken', `Another app is called ${appId}; choose another id.`, { field: 'appId' });
const noKey = (): AuraError =>
  new AuraError('not_found', 'This app has no such key, or it has ended.', { field: 'keyId' });
const tooMany = (what: 'apps' | 'keys', most: number): AuraError =>
  new AuraError('conflict', `At most ${most} ${what} at a time.`, { reason: `too_many_${what}` });
