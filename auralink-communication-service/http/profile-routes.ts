/** What a person tells of herself: name, text, picture, fields; and pictures of others, as far as they show them. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { displayNameSchema } from '../auralink-modules/auraid/model.ts';
import {
  ABOUT_MAX_LENGTH,
  FIELD_KINDS,
  FIELD_MAX_LENGTH,
  type FieldKind,
  type PersonalDataService,
  PICTURE_MAX_BYTES,
} from '../auralink-modules/auraid/personal-data.ts';
import type { RateLimit, RateLimiter } from '../auralink-modules/auraid/ports.ts';
import { findAuraId } from '../core/aura-id.ts';
import { AuraError } from '../core/errors.ts';
import { clientAddress } from './client-address.ts';
import { FIELD_FORMS, nothing, textSchema } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

/** Pictures that one person, or one address without a token, may ask for. */
export const PICTURE_LIMIT: RateLimit = { hits: 600, windowSeconds: 60 };

export interface ProfileRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly data: PersonalDataService;
  readonly limiter: RateLimiter;
}

const TAGS = ['account'];
const profileBody = z.strictObject({
  displayName: displayNameSchema.nullish(),
  about: textSchema(ABOUT_MAX_LENGTH).nullish(),
});
const FORMS: Readonly<Partial<Record<FieldKind, readonly [RegExp, string]>>> = {
  ...FIELD_FORMS,
  birth_date: [/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, 'must be a date such as 1990-12-31'],
};
const fieldBody = z
  .strictObject({ kind: z.enum(FIELD_KINDS), value: textSchema(FIELD_MAX_LENGTH) })
  .superRefine(({ kind, value }, context) => {
    const form = FORMS[kind];
    if (form !== undefined && !form[0].test(value)) {
      context.addIssue({ code: 'custom', path: ['value'], message: form[1] });
    }
  });
const fieldSchema = z.object({
  fieldId: z.uuid(),
  kind: z.enum(FIELD_KINDS),
  value: z.string(),
  updatedAt: z.iso.datetime(),
});
/** One whose value cannot be opened any more has none, and says so. */
const listedFieldSchema = z.object({
  ...fieldSchema.shape,
  value: z.string().optional(),
  unreadable: z.literal(true).optional(),
});

export function profileRoutes(deps: ProfileRoutesDeps): FastifyPluginAsyncZod {
  const { data, auth } = deps;
  const preHandler = auth.requireEndpoint('account.manage');
  return async (app) => {
    await app.register(fieldRoutes(deps));
    await app.register(pictureRoutes(deps) as FastifyPluginAsync);
    app.put(
      '/_auralink/v1/me/profile',
      {
        preHandler,
        schema: {
          body: profileBody,
          response: { 204: nothing },
          tags: TAGS,
          summary: 'The name that she shows and the text about her; null takes one away',
        },
      },
      async (request, reply) => {
        const { displayName, about } = request.body;
        await data.setProfile(endpointOf(request).personId, {
          ...(displayName !== undefined && { displayName }),
          ...(about !== undefined && { about }),
        });
        return reply.code(204).send();
      },
    );
  };
}

function fieldRoutes({ auth, data }: ProfileRoutesDeps): FastifyPluginAsyncZod {
  const preHandler = auth.requireEndpoint('account.manage');
  return async (app) => {
    app.get(
      '/_auralink/v1/me/fields',
      {
        preHandler,
        schema: {
          response: { 200: z.object({ fields: z.array(listedFieldSchema) }) },
          tags: TAGS,
          summary: 'What she told of herself; nobody else sees it here',
        },
      },
      async (request) => ({ fields: await data.fields(endpointOf(request).personId) }),
    );
    app.post(
      '/_auralink/v1/me/fields',
      {
        preHandler,
        schema: { body: fieldBody, response: { 201: fieldSchema }, tags: TAGS, summary: 'Add a field' },
      },
      async (request, reply) => {
        const { kind, value } = request.body;
        return reply.code(201).send(await data.addField(endpointOf(request).personId, kind, value));
      },
    );
    app.put(
      '/_auralink/v1/me/fields/:fieldId',
      {
        preHandler,
        schema: {
          params: z.object({ fieldId: z.uuid() }),
          body: fieldBody,
          response: { 200: fieldSchema },
          tags: TAGS,
          summary: 'Another value for a field; its kind stays',
        },
      },
      (request) => {
        const { kind, value } = request.body;
        return data.changeField(endpointOf(request).personId, request.params.fieldId, kind, value);
      },
    );
    app.delete(
      '/_auralink/v1/me/fields/:fieldId',
      {
        preHandler,
        schema: {
          params: z.object({ fieldId: z.uuid() }),
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Remove a field',
        },
      },
      async (request, reply) => {
        await data.removeField(endpointOf(request).personId, request.params.fieldId);
        return reply.code(204).send();
      },
    );
  };
}

function pictureRoutes({ auth, data, limiter }: ProfileRoutesDeps): FastifyPluginAsyncZod {
  const preHandler = auth.requireEndpoint('account.manage');
  const asViewer = auth.requireEndpoint('profile.read');
  return async (app) => {
    app.removeAllContentTypeParsers();
    const options = { parseAs: 'buffer' as const, bodyLimit: PICTURE_MAX_BYTES };
    app.addContentTypeParser(['image/png', 'image/jpeg', 'image/webp'], options, (_request, body, done) =>
      done(null, body),
    );
    app.addContentTypeParser('*', (_request, _body, done) => done(notAPicture()));
    app.put(
      '/_auralink/v1/me/picture',
      {
        preHandler,
        bodyLimit: PICTURE_MAX_BYTES,
        schema: { response: { 204: nothing }, tags: TAGS, summary: 'Her picture, as PNG, JPEG or WebP' },
      },
      async (request, reply) => {
        if (!Buffer.isBuffer(request.body)) throw notAPicture();
        await data.setPicture(endpointOf(request).personId, request.body);
        return reply.code(204).send();
      },
    );
    app.delete(
      '/_auralink/v1/me/picture',
      { preHandler, schema: { response: { 204: nothing }, tags: TAGS, summary: 'Remove her picture' } },
      async (request, reply) => {
        await data.removePicture(endpointOf(request).personId);
        return reply.code(204).send();
      },
    );
    app.get(
      '/_auralink/v1/pictures/:auraId',
      {
        schema: {
          params: z.object({ auraId: z.string().min(1).max(128) }),
          tags: ['identity'],
          summary: 'Somebody’s picture, if she shows it to who asks',
        },
      },
      async (request, reply) => {
        reply.header('cache-control', 'no-store');
        const viewer = await viewerOf(request, asViewer);
        await limiter.hit(`picture:${viewer ?? clientAddress(request)}`, PICTURE_LIMIT);
        const { type, bytes } = await data.picture(viewer, findAuraId(request.params.auraId));
        return reply.type(type).header('x-content-type-options', 'nosniff').send(bytes);
      },
    );
  };
}

/** Null without a token: then she is whoever passes by. */
async function viewerOf(request: FastifyRequest, authenticate: (request: FastifyRequest) => Promise<void>) {
  if (request.headers.authorization === undefined) return null;
  await authenticate(request);
  return endpointOf(request).personId;
}

function notAPicture(): AuraError {
  return new AuraError('invalid', 'Send a picture as image/png, image/jpeg or image/webp.', {
    field: 'content-type',
    reason: 'not_a_picture',
  });
}
