/**
 * `/openapi.json`: the description of our own API, made from the schemas that check the requests. It is registered
 * before the routes that it describes. Matrix's own API and sign-in have specifications of their own and are left out.
 */
import swagger from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';

export const openapi = (version: string): FastifyPluginAsync =>
  fp(async (app) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'AuraLink Communication Service',
          version,
          description:
            'One address for a person that rings in every app she uses. ' +
            'Errors are application/problem+json (RFC 9457) with Matrix errcode and error beside.',
        },
        components: {
          securitySchemes: {
            endpoint: {
              type: 'http',
              scheme: 'bearer',
              bearerFormat: 'JWT',
              description:
                'Endpoint token of one person in one app on one device, from Sign in with AuraLink',
            },
            service: {
              type: 'http',
              scheme: 'bearer',
              bearerFormat: 'JWT',
              description: "A service's JWT from the Dashboard, with the scope that the route names",
            },
          },
        },
      },
      transform: jsonSchemaTransform,
    });
    app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  });
