/** Builds a person's sessions and her change of password from their adapters. */
import type { FastifyPluginAsync } from 'fastify';
import { createSynapseSessions } from '../adapters/synapse-sessions.ts';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import { END_DEVICES_TOPIC, endDevicesHandler } from '../auralink-modules/auraid/device-orders.ts';
import type { ProveHerself } from '../auralink-modules/auraid/matrix-accounts.ts';
import type { EndpointRevoked, MatrixAccounts } from '../auralink-modules/auraid/ports.ts';
import {
  beginReset,
  finishReset,
  PASSWORD_CHANGE_TOPIC,
  passwordChangeHandler,
  type ResetBegun,
} from '../auralink-modules/auraid/password-change.ts';
import { IDENTITY_CHORE_SECONDS } from '../auralink-modules/auraid/model.ts';
import type { LaterOutbox } from '../auralink-modules/auraid/ports-sessions.ts';
import { createSessions } from '../auralink-modules/auraid/sessions.ts';
import type { SessionDeps } from '../auralink-modules/auraid/sign-out.ts';
import type { PasswordReset } from '../auralink-modules/verification/forgotten-password.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { sessionsRoutes } from '../http/sessions-routes.ts';
import { signInCodeStore } from '../store/auraid.ts';
import { matrixSignIns } from '../store/matrix-sign-ins.ts';
import { sessionStore } from '../store/sessions.ts';
import type { Base, Chore } from './base.ts';

/** Sign-ins at Matrix are remembered for so long: an order to end devices may wait while Synapse is away. */
export const MATRIX_SIGN_IN_KEPT_DAYS = 30;
/** Of these so many are deleted at a time. */
export const MATRIX_SIGN_INS_TIDY_BATCH = 1_000;
const ADMIN_LOCALPART = 'auralink-admin';

export interface AccountNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly audit: Audit;
  readonly synapse: Pick<MatrixAccounts, 'setPassword'>;
  readonly proveHerself: ProveHerself;
  readonly endpointRevoked: EndpointRevoked;
  readonly outbox: LaterOutbox;
}

export interface AccountPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  /** For who proved herself by something else than her password. */
  readonly passwords: PasswordReset<ResetBegun>;
  close(): Promise<void>;
}

export function wireAccount(base: Omit<Base, 'processId'>, needs: AccountNeeds): AccountPart {
  const { config, db } = base;
  const devices = createSynapseSessions({
    url: config.SYNAPSE_URL,
    asToken: config.APPSERVICE_AS_TOKEN,
    serverName: config.SYNAPSE_SERVER_NAME,
    adminLocalpart: ADMIN_LOCALPART,
    adminPassword: config.SYNAPSE_ADMIN_PASSWORD,
  });
  const signIns = matrixSignIns(db.pool);
  const deps: SessionDeps = {
    signIns,
    unitOfWork: db.unitOfWork,
    store: sessionStore(db.pool, signInCodeStore(db.pool).passwordSet),
    devices,
    accounts: needs.synapse,
    proveHerself: needs.proveHerself,
    endpointRevoked: needs.endpointRevoked,
    outbox: needs.outbox,
    audit: needs.audit,
  };
  const sessions = createSessions(deps);
  return {
    plugins: [sessionsRoutes({ auth: needs.auth, sessions })] as FastifyPluginAsync[],
    chores: [
      {
        job: 'identity.tidy_sign_ins',
        everySeconds: IDENTITY_CHORE_SECONDS,
        run: async () => {
          while (
            (await signIns.prune(MATRIX_SIGN_IN_KEPT_DAYS, MATRIX_SIGN_INS_TIDY_BATCH)) ===
            MATRIX_SIGN_INS_TIDY_BATCH
          );
        },
      },
    ],
    outboxHandlers: new Map([
      [END_DEVICES_TOPIC, endDevicesHandler(deps)],
      [PASSWORD_CHANGE_TOPIC, passwordChangeHandler(deps)],
    ]),
    passwords: {
      begin: (tx, personId) => beginReset(deps, tx, personId),
      finish: (begun, newPassword) => finishReset(deps, begun, newPassword),
    },
    close: () => devices.close(),
  };
}
