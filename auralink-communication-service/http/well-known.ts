/**
 * `/.well-known/matrix/*` (Matrix spec, "Well-known URI" of the client-server and server-server APIs): where this
 * server's Matrix clients and other homeservers find it.
 */
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import { AuraError } from '../core/errors.ts';

/** Clients ask at each start; addresses hardly ever change. */
export const WELL_KNOWN_MAX_AGE_SECONDS = 3_600;

export interface WellKnownDeps {
  readonly publicBaseUrl: string;
  /** Whether other homeservers may find us. */
  readonly federation: boolean;
}

export const wellKnownRoutes = (deps: WellKnownDeps): FastifyPluginAsync => {
  const client = { 'm.homeserver': { base_url: deps.publicBaseUrl } };
  const { hostname, port, protocol } = new URL(deps.publicBaseUrl);
  const defaultPort = protocol === 'https:' ? '443' : '80';
  const server = { 'm.server': `${hostname}:${port === '' ? defaultPort : port}` };
  return async (app) => {
    // Clients of every origin must be able to read these.
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('access-control-allow-origin', '*');
      reply.header('cache-control', `public, max-age=${WELL_KNOWN_MAX_AGE_SECONDS}`);
    });
    app.get('/.well-known/matrix/client', { schema: { hide: true } }, () => client);
    app.get('/.well-known/matrix/server', { schema: { hide: true } }, () => {
      if (!deps.federation) throw new AuraError('not_found', 'This server does not federate.');
      return server;
    });
  };
};
