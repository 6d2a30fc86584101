/**
 * The API's description without a running service: the same routes, over parts that do nothing, since only their
 * schemas are asked for. docs/api/openapi.json is made from it; a test compares it with what a service process serves.
 */
import type { FastifyPluginAsync } from 'fastify';
import { pino } from 'pino';
import { newId } from '../core/ids.ts';
import { appAdminRoutes } from '../http/app-admin-routes.ts';
import { appKeyRoutes } from '../http/app-key-routes.ts';
import { auraIdRoutes } from '../http/auraid-routes.ts';
import { callsRoutes } from '../http/calls-routes.ts';
import { contactsRoutes } from '../http/contacts-routes.ts';
import { documentRoutes } from '../http/document-routes.ts';
import { findRoutes } from '../http/find-routes.ts';
import { forgottenRoutes } from '../http/forgotten-routes.ts';
import { healthRoutes } from '../http/health.ts';
import { interactionClaimRoutes } from '../http/interaction-claim.ts';
import { interactionRoutes } from '../http/interaction-routes.ts';
import { internalPeopleRoutes } from '../http/internal-people-routes.ts';
import { internalRoutes } from '../http/internal-routes.ts';
import { invitesRoutes } from '../http/invites-routes.ts';
import { leavingRoutes } from '../http/leaving-routes.ts';
import { meshRoutes } from '../http/mesh-routes.ts';
import { namesRoutes } from '../http/names-routes.ts';
import { openapi } from '../http/openapi.ts';
import { privacyRoutes } from '../http/privacy-routes.ts';
import { profileRoutes } from '../http/profile-routes.ts';
import { publicRoutes } from '../http/public-routes.ts';
import { resolveRoutes } from '../http/resolve-routes.ts';
import { reviewRoutes } from '../http/review-routes.ts';
import { buildDoor } from '../http/server.ts';
import { sessionsRoutes } from '../http/sessions-routes.ts';
import { verificationRoutes } from '../http/verification-routes.ts';
import { SERVICE_VERSION } from './version.ts';

/** Stands for every part: whatever is asked of it is itself. */
const nothing: never = new Proxy(() => nothing, {
  get: (_target, key) => (key === 'then' || typeof key === 'symbol' ? undefined : nothing),
  apply: () => nothing,
}) as never;

/** An OpenAPI 3.1 document, as /openapi.json serves it. */
export async function describeApi(): Promise<object> {
  const routes = [
    healthRoutes(nothing),
    interactionRoutes(nothing),
    internalRoutes(nothing),
    auraIdRoutes(nothing),
    resolveRoutes(nothing),
    findRoutes(nothing),
    privacyRoutes(nothing),
    contactsRoutes(nothing),
    invitesRoutes(nothing),
    namesRoutes(nothing),
    interactionClaimRoutes(nothing),
    publicRoutes(nothing),
    profileRoutes(nothing),
    leavingRoutes(nothing),
    documentRoutes(nothing),
    verificationRoutes(nothing),
    forgottenRoutes(nothing),
    reviewRoutes(nothing),
    sessionsRoutes(nothing),
    callsRoutes(nothing),
    internalPeopleRoutes(nothing),
    appAdminRoutes(nothing),
    appKeyRoutes(nothing),
    meshRoutes(nothing),
  ] as FastifyPluginAsync[];
  const door = await buildDoor({
    logger: pino({ level: 'silent' }),
    newId,
    trustedProxies: [],
    plugins: [openapi(SERVICE_VERSION), ...routes],
  });
  await door.ready();
  try {
    return (door as unknown as { swagger(): object }).swagger();
  } finally {
    await door.close();
  }
}
