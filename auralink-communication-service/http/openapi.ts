/**
 * `/openapi.json`: the description of our own API, made from the schemas that check the requests. It is registered
 * before the routes that it describes. Matrix's own API and sign-in have specifications of their own and are left out.
 */
import swagger, { type SwaggerTransformObject } from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';

const bearer = (description: string) =>
  ({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description }) as const;

/** The body of every error (RFC 9457), with what Matrix clients look for beside it. */
const problem = {
  type: 'object',
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What is wrong and what would be right, for people' },
    errcode: { type: 'string', description: "Matrix's code, or one of ours beginning with AURALINK_" },
    error: { type: 'string', description: 'The same as detail' },
    reason: { type: 'string', description: 'Which case of the code this is, for programs' },
    field: { type: 'string', description: 'Dotted path of the input at fault' },
    retry_after_ms: { type: 'integer' },
  },
  required: ['type', 'title', 'status', 'detail', 'errcode', 'error', 'reason'],
} as const;

/** Routes of people's apps that need no token. */
const OPEN = new Set([
  '/_auralink/v1/config',
  '/_auralink/v1/names/{name}',
  '/_auralink/v1/names/{name}/qr.svg',
  '/_auralink/v1/profiles/{auraId}',
]);

function tokenFor(path: string): 'endpoint' | 'service' | 'appKey' | null {
  if (/^\/_auralink\/v1\/app(\/|$)/.test(path)) return 'appKey';
  if (path.startsWith('/internal/')) return 'service';
  return path.startsWith('/_auralink/') && !OPEN.has(path) ? 'endpoint' : null;
}

/** Adds to every operation what all of them have in common: which token it wants, and how its errors look. */
const withCommonParts: SwaggerTransformObject = (document) => {
  const api = 'openapiObject' in document ? document.openapiObject : {};
  for (const [path, item] of Object.entries(api.paths ?? {})) {
    const token = tokenFor(path);
    for (const operation of [item?.get, item?.put, item?.post, item?.patch, item?.delete]) {
      if (operation === undefined) continue;
      if (token !== null) operation.security = [{ [token]: [] }];
      operation.responses = {
        ...operation.responses,
        default: {
          description: 'Refused or failed',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      };
    }
  }
  return api;
};

export const openapi = (version: string): FastifyPluginAsync =>
  fp(async (app) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'AuraLink Communication Service',
          version,
          description: 'One address for a person that rings in every app she uses.',
        },
        components: {
          schemas: { Problem: problem as never },
          securitySchemes: {
            endpoint: bearer('Endpoint token: one person, one app, one device; from Sign in with AuraLink'),
            appKey: bearer('A key of an app, which its owner or the operator issued'),
            service: bearer("A service's JWT from the Dashboard, with the scope that the route names"),
          },
        },
      },
      transform: jsonSchemaTransform,
      transformObject: withCommonParts,
    });
    app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  });
