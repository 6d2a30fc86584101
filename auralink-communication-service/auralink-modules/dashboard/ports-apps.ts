/** What apps, their keys and quotas need from outside. */
import type { AppId, EndpointId, PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { App } from '../endpoints/model.ts';
import type { AppTerms, KeyView, OffBy, OwnedApp, QuotaKind } from './apps-model.ts';

/** How far a quota's window is used. */
export interface Use {
  readonly used: number;
  readonly resetsAt: Date;
}

export type QuotaUse = Partial<Record<QuotaKind, Use>>;

export interface AppAdminStore {
  /** By id, those behind `after`; `null`: from the first, of whichever owner. */
  list(ownerPersonId: PersonId | null, after: AppId | null, limit: number): Promise<OwnedApp[]>;
  /** Locked until the end of the transaction. Null also when it was deleted. */
  find(tx: Tx, appId: AppId): Promise<OwnedApp | null>;
  /** Until the end of the transaction nobody else counts hers. `made`: in the last day, with those deleted since. */
  countOwned(tx: Tx, personId: PersonId): Promise<{ readonly owned: number; readonly made: number }>;
  /** False when there is, or was, one of this id. */
  insert(tx: Tx, app: App, terms: AppTerms): Promise<boolean>;
  /** Name, icon, origins and redirects; of the terms those that are said. */
  update(tx: Tx, app: Omit<App, 'scopes'>, terms: AppTerms): Promise<void>;
  /** Null: it is on again. */
  setOff(tx: Tx, appId: AppId, offBy: OffBy | null): Promise<void>;
  /** Its keys and origins go with it; its name stays for calls that it placed. */
  delete(tx: Tx, appId: AppId, by: OffBy): Promise<void>;
  /** Revokes so many endpoints of apps that are off, with their tokens; returns them. */
  endEndpoints(limit: number): Promise<EndpointId[]>;
  listKeys(appId: AppId): Promise<KeyView[]>;
  countKeys(tx: Tx, appId: AppId): Promise<number>;
  insertKey(tx: Tx, key: NewStoredKey): Promise<Date>;
  /** A good key's name; it ends after so many seconds. Null: the app has no such good key. */
  endKey(tx: Tx, appId: AppId, keyId: string, afterSeconds: number): Promise<string | null>;
  findUse(appIds: readonly AppId[]): Promise<ReadonlyMap<AppId, QuotaUse>>;
  /** The app of a good key, if it is on; notes that it was used. */
  findByKey(keyHash: Buffer): Promise<OwnedApp | null>;
}

export interface NewStoredKey {
  readonly keyId: string;
  readonly appId: AppId;
  readonly name: string;
  readonly keyHash: Buffer;
  readonly hint: string;
}
