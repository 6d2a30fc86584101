/** What a person's list of sessions needs from outside. */
import type { AppId, EndpointId, PersonId, UserId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { Outbox } from './ports-privacy.ts';

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

/** Sessions of ours as they were at one time; an endpoint or a browser that signed in anew since is another one. */
export interface NamedSessions {
  /** By the database's clock, ISO 8601. */
  readonly at: string;
  readonly endpoints: readonly { readonly endpointId: EndpointId; readonly grantId: string | null }[];
  readonly browsers: readonly { readonly id: string; readonly since: string | null }[];
}

/** Remembers what must be done, if it is not withdrawn before. */
export interface LaterOutbox extends Outbox {
  /** Not before so many seconds have passed; returns its id. */
  enqueueLater(tx: Tx, topic: string, payload: object, afterSeconds: number): Promise<string>;
  /** False when it was done or withdrawn already. */
  withdraw(tx: Tx, eventId: string): Promise<boolean>;
}

export interface SessionStore {
  listEndpoints(personId: PersonId): Promise<StoredEndpoint[]>;
  listBrowserSessions(personId: PersonId): Promise<BrowserSession[]>;
  /** All of hers, but for one endpoint. */
  nameSessions(tx: Tx, personId: PersonId, except: EndpointId | null): Promise<NamedSessions>;
  /** Ends those that still are as they were named, with their tokens; returns the endpoints. */
  endSessions(tx: Tx, personId: PersonId, named: NamedSessions): Promise<EndpointId[]>;
  /** Her Matrix accounts, the primary one first. */
  listAccounts(personId: PersonId): Promise<UserId[]>;
  passwordSet(tx: Tx, personId: PersonId): Promise<void>;
}

export interface MatrixDevice {
  readonly deviceId: string;
  readonly label: string | null;
  readonly lastSeenAt: Date | null;
}

/** Sign-ins at the homeserver that passed our door and made a device; it does not tell of them itself. */
export interface MatrixSignIns {
  /** Of a sign-in that was asked for `elapsedMs` ago and has succeeded. Nothing for accounts that are nobody's here. */
  note(userId: UserId, deviceId: string, elapsedMs: number): Promise<void>;
  /** Those of these devices that came after `at`. */
  findSince(userId: UserId, deviceIds: readonly string[], at: string): Promise<ReadonlySet<string>>;
  /** Deletes older ones, at most `limit`; returns how many. */
  prune(olderThanDays: number, limit: number): Promise<number>;
}

/** Every method throws `unavailable` when the homeserver is away. */
export interface MatrixDevices {
  list(userId: UserId): Promise<MatrixDevice[]>;
  /** Those that are gone already are no error. */
  end(userId: UserId, deviceIds: readonly string[]): Promise<void>;
}
