/** Builds a person's sessions and her change of password from their adapters. */
import type { FastifyPluginAsync } from 'fastify';
import { createSynapseSessions } from '../adapters/synapse-sessions.ts';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import type { ProveHerself } from '../auralink-modules/auraid/matrix-accounts.ts';
import type { EndpointRevoked, MatrixAccounts } from '../auralink-modules/auraid/ports.ts';
import type { Outbox } from '../auralink-modules/auraid/ports-privacy.ts';
import { createSessions, END_DEVICES_TOPIC, endDevicesHandler } from '../auralink-modules/auraid/sessions.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { sessionsRoutes } from '../http/sessions-routes.ts';
import { signInCodeStore } from '../store/auraid.ts';
import { grantStore } from '../store/grants.ts';
import { sessionStore } from '../store/sessions.ts';
import type { Base, Chore } from './base.ts';

const ADMIN_LOCALPART = 'auralink-admin';

export interface AccountNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly audit: Audit;
  readonly synapse: Pick<MatrixAccounts, 'setPassword'>;
  readonly proveHerself: ProveHerself;
  readonly endpointRevoked: EndpointRevoked;
  readonly outbox: Outbox;
}

export interface AccountPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  close(): Promise<void>;
}

export function wireAccount(base: Omit<Base, 'processId'>, needs: AccountNeeds): AccountPart {
  const { config, db, newId } = base;
  const devices = createSynapseSessions({
    url: config.SYNAPSE_URL,
    asToken: config.APPSERVICE_AS_TOKEN,
    serverName: config.SYNAPSE_SERVER_NAME,
    adminLocalpart: ADMIN_LOCALPART,
    adminPassword: config.SYNAPSE_ADMIN_PASSWORD,
  });
  const sessions = createSessions({
    unitOfWork: db.unitOfWork,
    store: sessionStore(db.pool, signInCodeStore(db.pool).passwordSet),
    grants: grantStore(db.pool, newId),
    devices,
    accounts: needs.synapse,
    proveHerself: needs.proveHerself,
    endpointRevoked: needs.endpointRevoked,
    outbox: needs.outbox,
    audit: needs.audit,
  });
  return {
    plugins: [sessionsRoutes({ auth: needs.auth, sessions })] as FastifyPluginAsync[],
    chores: [],
    outboxHandlers: new Map([[END_DEVICES_TOPIC, endDevicesHandler(devices)]]),
    close: () => devices.close(),
  };
}
