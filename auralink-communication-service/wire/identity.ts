/**
 * Builds the identity room from its adapters: the registry, sign-in, endpoint tokens and the routes of all these.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyPluginAsync } from 'fastify';
import { exportJWK, importJWK, type JSONWebKeySet, type JWK } from 'jose';
import type { JWKS } from 'oidc-provider';
import { createSynapse, type Synapse } from '../adapters/synapse.ts';
import type { ResolveAuraId } from '../auralink-modules/auraid/matrix-login.ts';
import { IDENTITY_CHORE_SECONDS, PAGE_RESERVATION_SECONDS } from '../auralink-modules/auraid/model.ts';
import type { EndpointRevoked, IdentityMetrics } from '../auralink-modules/auraid/ports.ts';
import { createRegistration, type RegistrationDeps } from '../auralink-modules/auraid/registration.ts';
import { parseReservedNames, reservedSkeletons } from '../auralink-modules/auraid/reserved-names.ts';
import { createSignIn } from '../auralink-modules/auraid/sign-in.ts';
import type { Quotas } from '../auralink-modules/dashboard/quotas.ts';
import type { CallGate } from '../auralink-modules/calls/ports.ts';
import type { Messages, MessageSettled } from '../auralink-modules/messages/model.ts';
import type { WakeBus } from '../auralink-modules/endpoints/ports.ts';
import type { Config } from '../config.ts';
import type { AppId, DeviceKey, PersonId, UserId } from '../core/ids.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import { auraIdRoutes } from '../http/auraid-routes.ts';
import { createDeviceCookie } from '../http/device-cookie.ts';
import { createEndpointAuth, type EndpointAuth } from '../http/endpoint-auth.ts';
import { interactionRoutes } from '../http/interaction-routes.ts';
import { createInternalAuth, type InternalAuth } from '../http/internal-auth.ts';
import { internalRoutes } from '../http/internal-routes.ts';
import { createNetworks } from '../http/networks.ts';
import {
  appClient,
  createOidcProvider,
  type OidcDeps,
  oidcPlugin,
  SYNAPSE_CLIENT_ID,
  synapseClient,
} from '../http/oidc.ts';
import { oidcAdapter } from '../http/oidc-adapter.ts';
import { type AppStore, appStore } from '../store/apps.ts';
import { auditStore } from '../store/audit.ts';
import { registryStore, signInCodeStore } from '../store/auraid.ts';
import { grantStore } from '../store/grants.ts';
import { leasedLimiter } from '../store/leased-limits.ts';
import { oidcDocuments } from '../store/oidc.ts';
import { type PersonDirectory, personDirectory } from '../store/people.ts';
import { hitTaker, rateLimiter } from '../store/rate-limits.ts';
import { serviceTokenStore } from '../store/service-tokens.ts';
import { PHONE_APP_ID } from './apps.ts';
import type { Base, Chore } from './base.ts';
import { dashboardEventsOf } from './dashboard.ts';
import { type Parts, wireParts } from './identity-parts.ts';

/** Of our application-service registration (docker/conf). */
const APPSERVICE_ID = 'auralink';
const ADMIN_LOCALPART = 'auralink-admin';
/** 128 random bits; a leading letter because Synapse keeps all-digit localparts for guests. */
const LOCALPART_BYTES = 16;

export interface IdentityParts {
  readonly metrics: IdentityMetrics;
  /** Tells other processes what is out of date there. */
  readonly bus: WakeBus;
  readonly endpointRevoked: EndpointRevoked;
  /** E-mail and SMS that leave us. */
  readonly messages: Messages;
  readonly setDeviceChoice: (personId: PersonId, deviceKey: DeviceKey, appId: AppId | null) => Promise<void>;
}
type IdentityBase = Omit<Base, 'processId'> & IdentityParts;

export interface Identity {
  /** Routes of the public door, to be registered on the root instance. */
  readonly plugins: readonly FastifyPluginAsync[];
  readonly endpointAuth: EndpointAuth;
  readonly internalAuth: InternalAuth;
  readonly directory: PersonDirectory;
  readonly apps: AppStore;
  readonly synapse: Synapse;
  /** For the proxy: an AuraID in a Matrix login. */
  readonly resolveAuraId: ResolveAuraId;
  /** How many calls an app may place. */
  readonly quotas: Quotas;
  /** For the calls room. */
  readonly gate: CallGate;
  /** For the messages room: rooms whose messages these are learn of it. */
  readonly messageSettled: MessageSettled;
  readonly chores: readonly Chore[];
  /** What is to be done after commits, by topic. */
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  /** The same, of topics whose handlers wait for servers of strangers. */
  readonly farOutboxHandlers: ReadonlyMap<string, OutboxHandler>;
  close(): Promise<void>;
}

export async function wireIdentity(needs: IdentityBase): Promise<Identity> {
  const { config, clock } = needs;
  const stores = identityStores(needs);
  const synapse = createSynapse({
    url: config.SYNAPSE_URL,
    serverName: config.SYNAPSE_SERVER_NAME,
    asToken: config.APPSERVICE_AS_TOKEN,
    appserviceId: APPSERVICE_ID,
    adminLocalpart: ADMIN_LOCALPART,
    adminPassword: config.SYNAPSE_ADMIN_PASSWORD,
  });
  const signingKeys = JSON.parse(config.OIDC_SIGNING_KEYS) as JWKS;
  const endpointAuth = createEndpointAuth({
    issuer: issuerOf(config),
    keys: await publicKeys(signingKeys),
    clock,
    ownOrigin: new URL(config.PUBLIC_BASE_URL).origin,
    findSession: stores.grants.findSession,
  });
  const base = forgettingSessions(needs, endpointAuth);
  const internalAuth = createInternalAuth({
    issuer: config.DASHBOARD_ISSUER,
    audience: config.DASHBOARD_AUDIENCE,
    keys: dashboardKeys(config),
    allowedCidrs: config.INTERNAL_ALLOWED_CIDRS,
    clock,
    spendToken: stores.serviceTokens.use,
  });
  const { plugins, parts } = identityPlugins(base, stores, synapse, signingKeys, endpointAuth, internalAuth);
  return {
    plugins,
    endpointAuth,
    internalAuth,
    directory: stores.directory,
    apps: stores.apps,
    synapse,
    resolveAuraId: async (auraId) => (await stores.registry.findSignInByName(auraId))?.userId ?? null,
    quotas: parts.quotas,
    gate: parts.gate,
    messageSettled: parts.messageSettled,
    chores: [...identityChores(base, stores), ...parts.chores],
    outboxHandlers: parts.outboxHandlers,
    farOutboxHandlers: parts.farOutboxHandlers,
    close: async () => {
      await parts.close();
      await synapse.close();
    },
  };
}

/** Who is signed out here or at another process is not remembered here as signed in. */
function forgettingSessions(base: IdentityBase, auth: EndpointAuth): IdentityBase {
  base.bus.subscribe((messages) => {
    const ended = messages.filter((message) => message.kind === 'endpoint_revoked');
    if (ended.length > 0) auth.forget(ended.map((message) => message.endpointId));
  });
  return {
    ...base,
    endpointRevoked: (endpointId) => {
      auth.forget([endpointId]);
      base.endpointRevoked(endpointId);
    },
  };
}

function identityPlugins(
  base: IdentityBase,
  stores: Stores,
  synapse: Synapse,
  signingKeys: JWKS,
  endpointAuth: EndpointAuth,
  internalAuth: InternalAuth,
): { plugins: FastifyPluginAsync[]; parts: Parts } {
  const { config } = base;
  const { directory, apps, grants } = stores;
  const claiming = registrationDeps(base, stores, synapse);
  const registration = createRegistration(claiming);
  const signIn = createSignIn({
    unitOfWork: base.db.unitOfWork,
    registry: stores.registry,
    codes: stores.codes,
    accounts: synapse,
    limiter: stores.limiter,
    nameChecks: leasedLimiter(hitTaker(base.db.pool), () => base.clock.monotonicMs()),
    metrics: base.metrics,
    invitationCode: config.REGISTRATION_TOKEN,
    serverName: config.SYNAPSE_SERVER_NAME,
  });
  const oidc = oidcDeps(base, stores, signingKeys);
  const provider = createOidcProvider(oidc);
  const ownOrigin = new URL(config.PUBLIC_BASE_URL).origin;
  const parts = wireParts(base, {
    ...{ auth: endpointAuth, internalAuth, synapse, provider, registration, directory },
    ...{ bus: base.bus, endpointRevoked: base.endpointRevoked, metrics: base.metrics },
    messages: base.messages,
    reserved: claiming.reserved,
  });
  const routes = auraIdRoutes({
    auth: endpointAuth,
    registration,
    signIn,
    grants,
    findPersonById: directory.findPersonById,
    findOwnView: parts.findOwnView,
    findApp: apps.findApp,
    listApps: apps.listApps,
    setDeviceChoice: base.setDeviceChoice,
    endpointRevoked: base.endpointRevoked,
    phoneAppId: PHONE_APP_ID,
    serverName: config.SYNAPSE_SERVER_NAME,
    issuer: issuerOf(config),
    livekitUrl: config.LIVEKIT_PUBLIC_URL,
  });
  const plugins = [
    oidcPlugin(oidc, provider),
    interactionRoutes({ provider, signIn, registration, ownOrigin }),
    internalRoutes({ auth: internalAuth, registration, signIn }),
    routes,
    ...parts.plugins,
  ] as FastifyPluginAsync[];
  return { plugins, parts };
}

function issuerOf(config: Config): string {
  return `${config.PUBLIC_BASE_URL}/oidc`;
}

function identityStores(base: IdentityBase) {
  const { pool } = base.db;
  return {
    registry: registryStore(pool),
    codes: signInCodeStore(pool),
    directory: personDirectory(pool),
    grants: grantStore(base.db, base.newId, auditStore(base.metrics.audited)),
    apps: appStore(pool, () => base.clock.monotonicMs()),
    documents: oidcDocuments(pool),
    limiter: rateLimiter(pool),
    serviceTokens: serviceTokenStore(pool),
  };
}
type Stores = ReturnType<typeof identityStores>;

function registrationDeps(base: IdentityBase, stores: Stores, synapse: Synapse): RegistrationDeps {
  const { RESERVED_NAMES_FILE, SYNAPSE_SERVER_NAME } = base.config;
  const operatorsOwn = RESERVED_NAMES_FILE === '' ? '' : readFileSync(RESERVED_NAMES_FILE, 'utf8');
  return {
    unitOfWork: base.db.unitOfWork,
    registry: stores.registry,
    accounts: synapse,
    newId: base.newId,
    newUserId: () => `@u${randomBytes(LOCALPART_BYTES).toString('hex')}:${SYNAPSE_SERVER_NAME}` as UserId,
    reserved: reservedSkeletons(parseReservedNames(operatorsOwn)),
    dashboard: dashboardEventsOf(base),
    audit: auditStore(base.metrics.audited),
    metrics: base.metrics,
  };
}

function oidcDeps(base: IdentityBase, stores: Stores, signingKeys: JWKS): OidcDeps {
  const { config, log } = base;
  const issuer = issuerOf(config);
  const cookieKeys = config.OIDC_COOKIE_KEYS.split(',').map((key) => key.trim());
  const synapseLogoutUrl = `${config.SYNAPSE_URL}/_synapse/client/oidc/backchannel_logout`;
  return {
    issuer,
    signingKeys,
    cookieKeys,
    adapter: oidcAdapter({
      documents: stores.documents,
      grants: stores.grants,
      endpointRevoked: base.endpointRevoked,
      findClient: async (clientId) => {
        if (clientId === SYNAPSE_CLIENT_ID) {
          return synapseClient(config.PUBLIC_BASE_URL, config.OIDC_SYNAPSE_CLIENT_SECRET, synapseLogoutUrl);
        }
        const app = await stores.apps.findApp(clientId);
        return app === null ? null : appClient(app);
      },
    }),
    grants: stores.grants,
    deviceCookie: createDeviceCookie(cookieKeys, issuer.startsWith('https:')),
    findPerson: stores.directory.findPersonById,
    findLocalpart: stores.directory.findPrimaryLocalpart,
    isTrustedProxy: createNetworks(config.TRUSTED_PROXY_CIDRS),
    isAppOrigin: stores.apps.isAppOrigin,
    synapseLogoutUrl,
    log,
  };
}

function identityChores(base: IdentityBase, stores: Stores): Chore[] {
  return [
    {
      job: 'identity.tidy',
      everySeconds: IDENTITY_CHORE_SECONDS,
      run: async () => {
        const freed = await stores.registry.freeAbandoned(PAGE_RESERVATION_SECONDS);
        if (freed > 0) base.log.info({ freed }, 'abandoned names were freed');
        await stores.codes.pruneCodes();
        await stores.limiter.prune();
        await stores.serviceTokens.prune();
        await stores.documents.prune();
      },
    },
  ];
}

function dashboardKeys(config: Config): { url: string } | { set: JSONWebKeySet } | null {
  if (config.DASHBOARD_JWKS_FILE !== '') {
    return { set: JSON.parse(readFileSync(config.DASHBOARD_JWKS_FILE, 'utf8')) as JSONWebKeySet };
  }
  return config.DASHBOARD_JWKS_URL === '' ? null : { url: config.DASHBOARD_JWKS_URL };
}

/** The same keys without their private parts. */
async function publicKeys(keys: JWKS): Promise<JSONWebKeySet> {
  const publicParts = keys.keys.map(async (key) => {
    const { d: _secret, ...rest } = key as JWK;
    return {
      ...(await exportJWK(await importJWK(rest, 'ES256'))),
      kid: rest.kid,
      alg: 'ES256',
      use: 'sig',
    } as JWK;
  });
  return { keys: await Promise.all(publicParts) };
}
