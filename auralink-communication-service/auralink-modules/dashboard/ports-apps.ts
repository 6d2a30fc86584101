/** What apps, their keys and quotas need from outside. */
import type { AppId, PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { App } from '../endpoints/model.ts';
import type { AppTerms, KeyView, OwnedApp, QuotaKind } from './apps-model.ts';

/** How far a quota's window is used. */
export interface Use {
  readonly used: number;
  readonly resetsAt: Date;
}

export interface AppAdminStore {
  list(ownerPersonId: PersonId | null): Promise<OwnedApp[]>;
  /** `lock`: until the end of the transaction. */
  find(tx: Tx, appId: AppId, lock: boolean): Promise<OwnedApp | null>;
  /** Until the end of the transaction nobody else counts hers. */
  countOwned(tx: Tx, personId: PersonId): Promise<number>;
  /** False when there is one of this id. */
  insert(tx: Tx, app: App, terms: AppTerms): Promise<boolean>;
  /** Name, icon, origins and redirects; of the terms those that are said. */
  update(tx: Tx, app: Omit<App, 'scopes'>, terms: AppTerms): Promise<void>;
  listKeys(appId: AppId): Promise<KeyView[]>;
  countKeys(tx: Tx, appId: AppId): Promise<number>;
  insertKey(tx: Tx, key: NewStoredKey): Promise<Date>;
  /** A good key's name; it ends after so many seconds. Null: the app has no such good key. */
  endKey(tx: Tx, appId: AppId, keyId: string, afterSeconds: number): Promise<string | null>;
  findUse(appId: AppId): Promise<Partial<Record<QuotaKind, Use>>>;
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
