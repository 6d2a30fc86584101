/** What a person's list of sessions needs from outside. */
import type { AppId, EndpointId, PersonId, UserId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';

export interface StoredEndpoint {
  readonly endpointId: EndpointId;
  /** The same for all endpoints of one device; never the device's key. */
  readonly device: number;
  readonly app: { readonly appId: AppId; readonly name: string; readonly icon: string };
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
}

export interface BrowserSession {
  readonly id: string;
  readonly since: Date;
}

export interface SessionStore {
  listEndpoints(personId: PersonId): Promise<StoredEndpoint[]>;
  listBrowserSessions(personId: PersonId): Promise<BrowserSession[]>;
  /** Hers that there are; the others stay. */
  endBrowserSessions(personId: PersonId, ids: readonly string[]): Promise<number>;
  listAccounts(personId: PersonId): Promise<UserId[]>;
  passwordSet(tx: Tx, personId: PersonId): Promise<void>;
}

export interface MatrixDevice {
  readonly deviceId: string;
  readonly label: string | null;
  readonly lastSeenAt: Date | null;
}

/** Every method throws `unavailable` when the homeserver is away. */
export interface MatrixDevices {
  list(userId: UserId): Promise<MatrixDevice[]>;
  /** Those that are gone already are no error. */
  end(userId: UserId, deviceIds: readonly string[]): Promise<void>;
}
