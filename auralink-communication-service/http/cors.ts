/**
 * Cross-origin access to the API, for the origins of registered apps and nobody else. A browser page of another
 * origin gets no allow header; the token check refuses foreign origins as well, for clients that do not care.
 */
import cors from '@fastify/cors';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** How long a browser may remember a preflight. */
export const PREFLIGHT_MAX_AGE_SECONDS = 600;

export interface Origins {
  /** Whether a registered app lives there. */
  has(origin: string): Promise<boolean>;
}

export function corsPlugin(origins: Origins): FastifyPluginAsync {
  return fp(async (app) => {
    await app.register(cors, {
      delegator: async (request: FastifyRequest) => {
        const { origin } = request.headers;
        const ours = request.url.startsWith('/_auralink/');
        const allowed = ours && origin !== undefined && (await origins.has(origin));
        return {
          origin: allowed ? origin : false,
          methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
          allowedHeaders: ['authorization', 'content-type', 'idempotency-key'],
          exposedHeaders: ['retry-after'],
          maxAge: PREFLIGHT_MAX_AGE_SECONDS,
          // Other doors (Synapse's API, sign-in) answer their own preflights.
          strictPreflight: false,
          preflight: ours,
        };
      },
    });
  });
}
