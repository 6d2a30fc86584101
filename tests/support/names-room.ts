/**
 * Names and Matrix accounts over a real database, with accounts in memory behind them. What the rooms beside them are
 * told is written down.
 */
import { randomBytes } from 'node:crypto';
import {
  createMatrixAccounts,
  type MatrixAccountsService,
} from '../../auralink-communication-service/auralink-modules/auraid/matrix-accounts.ts';
import {
  createNames,
  type NamesService,
} from '../../auralink-communication-service/auralink-modules/auraid/names-service.ts';
import type { DashboardEvent } from '../../auralink-communication-service/auralink-modules/dashboard/model.ts';
import type { AccountProofs } from '../../auralink-communication-service/auralink-modules/auraid/ports-names.ts';
import {
  createRegistration,
  type RegistrationService,
} from '../../auralink-communication-service/auralink-modules/auraid/registration.ts';
import { reservedSkeletons } from '../../auralink-communication-service/auralink-modules/auraid/reserved-names.ts';
import {
  type EndpointId,
  newId,
  type PersonId,
  type UserId,
} from '../../auralink-communication-service/core/ids.ts';
import { registryStore } from '../../auralink-communication-service/store/auraid.ts';
import type { Db } from '../../auralink-communication-service/store/db.ts';
import { accountStore } from '../../auralink-communication-service/store/matrix-accounts.ts';
import { nameStore } from '../../auralink-communication-service/store/names.ts';
import { serviceTokenStore } from '../../auralink-communication-service/store/service-tokens.ts';
import { FakeMatrixAccounts } from '../fakes/matrix-accounts.ts';

export const ROOM_PASSWORD = 'correct horse battery';

/** What a room was told, in order. */
export interface Told {
  readonly acts: { readonly act: string; readonly subject: PersonId }[];
  readonly changed: PersonId[];
  /** Types of events for the Dashboard. */
  readonly emitted: string[];
  /** How people came: `via` of each `auraid.registered`. */
  readonly via: string[];
  readonly topics: string[];
  readonly fannedOut: PersonId[];
  readonly events: { readonly endpointId: EndpointId; readonly type: string }[];
  readonly revoked: EndpointId[];
}

export interface NamesRoom {
  readonly registration: RegistrationService;
  readonly names: NamesService;
  readonly accounts: MatrixAccountsService;
  readonly matrix: FakeMatrixAccounts;
  readonly openIdTokens: Map<string, UserId>;
  readonly told: Told;
  /** A new person with a password, and her account. */
  person(name: string): Promise<{ readonly personId: PersonId; readonly userId: UserId }>;
}

/** `matrix`: the homeserver that several processes share. */
export function namesRoom(db: Db, matrix = new FakeMatrixAccounts()): NamesRoom {
  const told: Told = {
    acts: [],
    changed: [],
    topics: [],
    fannedOut: [],
    events: [],
    revoked: [],
    emitted: [],
    via: [],
  };
  const openIdTokens = new Map<string, UserId>();
  const { unitOfWork, pool } = db;
  const names = nameStore(pool);
  const accounts = accountStore(pool);
  const limiter = { hit: async () => {} };
  const proofs: AccountProofs = {
    byPassword: async (userId, password) => {
      // As Synapse: in any letter case, answered in the account's own.
      const own = userId.toLowerCase() as UserId;
      return (await matrix.checkPassword(own, password)) ? own : null;
    },
    byOpenIdToken: async (token) => openIdTokens.get(token) ?? null,
  };
  const reserved = reservedSkeletons([]);
  const dashboard = {
    emit: async (_tx: unknown, event: DashboardEvent) => {
      if (event.type === 'auraid.registered') told.via.push(event.data.via);
    },
  };
  const registration = createRegistration({
    ...{ unitOfWork, registry: registryStore(pool), accounts: matrix, newId, reserved },
    newUserId: () => `@u${randomBytes(16).toString('hex')}:example.org` as UserId,
    dashboard,
    audit: { record: async () => {} },
    metrics: { registered: () => {} },
  } as Parameters<typeof createRegistration>[0]);
  const audit = {
    record: async (_tx: unknown, { act, subject }: { act: string; subject: PersonId }) =>
      void told.acts.push({ act, subject }),
  };
  const outbox = { enqueue: async (_tx: unknown, topic: string) => void told.topics.push(topic) };
  const service = createNames({
    ...{ unitOfWork, names, accounts, proofs, limiter, newId, reserved, registration, audit, outbox },
    dashboard: {
      emit: async (tx, event) => {
        told.emitted.push(event.type);
        await dashboard.emit(tx, event);
      },
    },
    log: {
      append: async (_tx, events) => {
        told.events.push(...events.map(({ endpointId, type }) => ({ endpointId, type })));
        return [];
      },
    },
    fanOut: { changed: async (_tx, personId) => void told.fannedOut.push(personId) },
    cache: { changed: (people: readonly PersonId[]) => void told.changed.push(...people) },
    endpointRevoked: (endpointId) => void told.revoked.push(endpointId),
  });
  return {
    registration,
    names: service,
    accounts: createMatrixAccounts({
      ...{ unitOfWork, names, accounts, proofs, limiter, outbox, audit },
      spendToken: serviceTokenStore(pool).use,
      now: () => new Date(),
    }),
    matrix,
    openIdTokens,
    told,
    person: async (name) => {
      const { personId, userId } = await registration.register({
        registrationKey: `page:${name}`,
        ...{ auraId: name, displayName: null, dashboardUserId: null, password: ROOM_PASSWORD },
      });
      return { personId, userId };
    },
  };
}
