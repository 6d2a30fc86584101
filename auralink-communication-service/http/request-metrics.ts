/** Counts every request by its route's pattern: a path would make a metric of each person. */
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';

export interface RequestCounts {
  request(method: string, route: string, status: number, ms: number): void;
}

export const requestMetrics = (counts: RequestCounts): FastifyPluginAsync =>
  fp(async (app) => {
    app.addHook('onResponse', async (request, reply) => {
      counts.request(
        request.method,
        request.routeOptions.url ?? 'unknown',
        reply.statusCode,
        reply.elapsedTime,
      );
    });
  });
