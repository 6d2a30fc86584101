/** `/_auralink/v1/me/documents`: a person's documents: their lines, pictures and chips, and what became of them. */
import type { FastifyPluginAsync } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  CHIP_BODY_MAX_BYTES,
  chipBody,
  DOCUMENT_IMAGE_MAX_BYTES,
  documentListSchema,
  documentSchema,
  linesBody,
  SIDES,
} from '../auralink-modules/documents/model.ts';
import type { ProveByChip } from '../auralink-modules/documents/proving-by-chip.ts';
import type { Submitting } from '../auralink-modules/documents/submitting.ts';
import { AuraError } from '../core/errors.ts';
import type { Picture } from '../core/picture.ts';
import { nothing } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface DocumentRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly submitting: Submitting;
  readonly proveByChip: ProveByChip;
}

const TAGS = ['documents'];
const PATH = '/_auralink/v1/me/documents';
const idParams = z.object({ documentId: z.uuid() });
export const imageParams = z.object({ documentId: z.uuid(), side: z.enum(SIDES) });

export function documentRoutes(deps: DocumentRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(ownRoutes(deps));
    await app.register(chipRoutes(deps));
    await app.register(imageRoutes(deps) as FastifyPluginAsync);
  };
}

function ownRoutes({ auth, submitting }: DocumentRoutesDeps): FastifyPluginAsyncZod {
  const onRequest = auth.requireEndpoint('account.manage');
  const answer = { response: { 200: documentSchema }, tags: TAGS };
  return async (app) => {
    app.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });
    app.get(
      PATH,
      {
        onRequest,
        schema: {
          response: { 200: documentListSchema },
          tags: TAGS,
          summary: 'Her documents, and what is offered here',
        },
      },
      (request) => submitting.list(endpointOf(request).personId),
    );
    app.post(
      PATH,
      {
        onRequest,
        schema: {
          body: linesBody,
          response: { 201: documentSchema },
          tags: TAGS,
          summary: 'Begin with the lines of a document',
        },
      },
      async (request, reply) =>
        reply.code(201).send(await submitting.begin(endpointOf(request).personId, request.body.lines)),
    );
    app.put(
      `${PATH}/:documentId/lines`,
      {
        onRequest,
        schema: {
          params: idParams,
          body: linesBody,
          ...answer,
          summary: 'Other lines, while it is hers to change',
        },
      },
      (request) =>
        submitting.setLines(endpointOf(request).personId, request.params.documentId, request.body.lines),
    );
    app.post(
      `${PATH}/:documentId/send`,
      { onRequest, schema: { params: idParams, ...answer, summary: 'Send it to the reviewers' } },
      (request) => submitting.send(endpointOf(request).personId, request.params.documentId),
    );
    app.delete(
      `${PATH}/:documentId`,
      {
        onRequest,
        schema: {
          params: idParams,
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Take it back; pictures and lines go at once',
        },
      },
      async (request, reply) => {
        await submitting.withdraw(endpointOf(request).personId, request.params.documentId);
        return reply.code(204).send();
      },
    );
  };
}

function chipRoutes({ auth, proveByChip }: DocumentRoutesDeps): FastifyPluginAsyncZod {
  // Before the body is read: nobody uploads a chip without being signed in.
  const onRequest = auth.requireEndpoint('account.manage');
  return async (app) => {
    app.post(
      `${PATH}/:documentId/chip`,
      {
        onRequest,
        bodyLimit: CHIP_BODY_MAX_BYTES,
        schema: {
          params: idParams,
          body: chipBody,
          response: { 200: documentSchema },
          tags: TAGS,
          summary: 'Prove it by the files of its chip, or a zip of them',
        },
      },
      (request) => {
        const files = request.body.files.map(({ content }) => Buffer.from(content, 'base64'));
        return proveByChip(endpointOf(request).personId, request.params.documentId, files);
      },
    );
  };
}

function imageRoutes({ auth, submitting }: DocumentRoutesDeps): FastifyPluginAsyncZod {
  const onRequest = auth.requireEndpoint('account.manage');
  return async (app) => {
    app.removeAllContentTypeParsers();
    const options = { parseAs: 'buffer' as const, bodyLimit: DOCUMENT_IMAGE_MAX_BYTES };
    app.addContentTypeParser(['image/png', 'image/jpeg', 'image/webp'], options, (_request, body, done) =>
      done(null, body),
    );
    app.addContentTypeParser('*', (_request, _body, done) => done(notAPicture()));
    const path = `${PATH}/:documentId/images/:side`;
    app.put(
      path,
      {
        onRequest: [
          onRequest,
          // A picture that is not taken is not waited for either.
          (request) => submitting.countImage(endpointOf(request).personId),
        ],
        bodyLimit: DOCUMENT_IMAGE_MAX_BYTES,
        schema: {
          params: imageParams,
          response: { 200: documentSchema },
          tags: TAGS,
          summary: 'A picture of one side, as PNG, JPEG or WebP',
        },
      },
      async (request, reply) => {
        if (!Buffer.isBuffer(request.body)) throw notAPicture();
        const { documentId, side } = request.params;
        const view = await submitting.setImage(endpointOf(request).personId, documentId, side, request.body);
        return reply.header('cache-control', 'no-store').send(view);
      },
    );
    app.get(
      path,
      { onRequest, schema: { params: imageParams, tags: TAGS, summary: 'What she uploaded' } },
      async (request, reply) => {
        const { documentId, side } = request.params;
        return sendPicture(reply, await submitting.image(endpointOf(request).personId, documentId, side));
      },
    );
    app.delete(
      path,
      {
        onRequest,
        schema: {
          params: imageParams,
          response: { 200: documentSchema },
          tags: TAGS,
          summary: 'Take a picture away',
        },
      },
      (request) => {
        const { documentId, side } = request.params;
        return submitting.removeImage(endpointOf(request).personId, documentId, side);
      },
    );
  };
}

interface PictureReply {
  header(name: string, value: string): PictureReply;
  type(type: string): PictureReply;
  send(body: Buffer): unknown;
}

/** Of a document: kept by nobody on the way, and nothing but a picture whatever is in it. */
export function sendPicture(reply: PictureReply, { type, bytes }: Picture): unknown {
  return reply
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', "default-src 'none'; sandbox")
    .type(type)
    .send(bytes);
}

function notAPicture(): AuraError {
  return new AuraError('invalid', 'Send a picture as image/png, image/jpeg or image/webp.', {
    field: 'content-type',
    reason: 'not_a_picture',
  });
}
