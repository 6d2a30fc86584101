/** `POST /internal/mesh/register_node` and `POST /internal/routing/query`, for services with a Dashboard JWT. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import {
  nodeSchema,
  registerNodeSchema,
  routesSchema,
  routingQuerySchema,
} from '../auralink-modules/mesh-routing/model.ts';
import type { MeshService } from '../auralink-modules/mesh-routing/service.ts';
import { type InternalAuth, serviceOf } from './internal-auth.ts';

export interface MeshRoutesDeps {
  readonly auth: InternalAuth;
  readonly mesh: MeshService;
}

export const meshRoutes = ({ auth, mesh }: MeshRoutesDeps): FastifyPluginAsyncZod => {
  return async (app) => {
    app.post(
      '/internal/mesh/register_node',
      {
        onRequest: [auth.internalOnly, auth.requireService('mesh.register_node')],
        schema: {
          body: registerNodeSchema,
          response: { 200: nodeSchema, 201: nodeSchema },
          tags: ['internal'],
          summary: 'Make a node known, or say that it is still there; scope mesh.register_node',
        },
      },
      async (request, reply) => {
        const { node, created } = await mesh.registerNode(request.body, serviceOf(request).subject);
        return reply.code(created ? 201 : 200).send(node);
      },
    );
    app.post(
      '/internal/routing/query',
      {
        // A question changes nothing that matters: its token may ask again.
        onRequest: [auth.internalOnly, auth.requireService('routing.query', { once: false })],
        schema: {
          body: routingQuerySchema,
          response: { 200: routesSchema },
          tags: ['internal'],
          summary: "Ways for a call's media, in the order in which to try them; scope routing.query",
        },
      },
      async (request) => ({ routes: await mesh.findRoutes(request.body) }),
    );
  };
};
