/** Friends, requests, lists and notes. What is other people's is as absent as what never was. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  type ContactListService,
  LIST_NAME_MAX_LENGTH,
  NOTE_MAX_LENGTH,
} from '../auralink-modules/auraid/contact-lists.ts';
import { CONTACTS_PAGE_MAX, type ContactService } from '../auralink-modules/auraid/contacts.ts';
import { profileViewSchema } from '../auralink-modules/auraid/profile-view.ts';
import type { ListId, PersonId, RequestId } from '../core/ids.ts';
import { auraIdParams, auraIdSchema, lineSchema, nothing, textSchema } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface ContactRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly contacts: ContactService;
  readonly lists: ContactListService;
}

const TAGS = ['contacts'];
const at = z.iso.datetime();
const listIdSchema = z.uuid().transform((id) => id as ListId);
const friendSchema = profileViewSchema.extend({
  since: at,
  lists: z.array(z.string()),
  note: z.string().nullable(),
  noteUnreadable: z.literal(true).optional(),
});
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(CONTACTS_PAGE_MAX).default(CONTACTS_PAGE_MAX),
  /** `next` of the page before. */
  after: z
    .uuid()
    .transform((id) => id as PersonId)
    .optional(),
});
const requestParams = z.object({ requestId: z.uuid().transform((id) => id as RequestId) });
const requestsSchema = z.object({
  incoming: z.array(z.object({ requestId: z.uuid(), from: profileViewSchema, createdAt: at })),
  outgoing: z.array(z.object({ requestId: z.uuid(), to: z.string(), createdAt: at })),
});
const listSchema = z.object({
  listId: z.uuid(),
  name: z.string(),
  unreadable: z.literal(true).optional(),
  members: z.array(z.string()),
});
const listBody = z.strictObject({ name: lineSchema(LIST_NAME_MAX_LENGTH) });

export function contactsRoutes(deps: ContactRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(friendRoutes(deps));
    await app.register(requestRoutes(deps));
    await app.register(listRoutes(deps));
    await app.register(memberRoutes(deps));
  };
}

function friendRoutes({ auth, contacts, lists }: ContactRoutesDeps): FastifyPluginAsyncZod {
  const write = auth.requireEndpoint('contacts.write');
  return async (app) => {
    app.get(
      '/_auralink/v1/contacts',
      {
        preHandler: auth.requireEndpoint('contacts.read'),
        schema: {
          querystring: pageQuery,
          response: { 200: z.object({ friends: z.array(friendSchema), next: z.uuid().nullable() }) },
          tags: TAGS,
          summary: 'Her friends, as they show themselves to her',
        },
      },
      (request) => {
        const { after, limit } = request.query;
        return contacts.list(endpointOf(request).personId, after ?? null, limit);
      },
    );
    app.delete(
      '/_auralink/v1/contacts/:auraId',
      {
        preHandler: write,
        schema: { params: auraIdParams, response: { 204: nothing }, tags: TAGS, summary: 'End a friendship' },
      },
      async (request, reply) => {
        await contacts.unfriend(endpointOf(request).personId, request.params.auraId);
        return reply.code(204).send();
      },
    );
    app.put(
      '/_auralink/v1/contacts/:auraId/note',
      {
        preHandler: write,
        schema: {
          params: auraIdParams,
          body: z.strictObject({ note: textSchema(NOTE_MAX_LENGTH).nullable() }),
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Write down something about a friend, for herself; null removes it',
        },
      },
      async (request, reply) => {
        await lists.setNote(endpointOf(request).personId, request.params.auraId, request.body.note);
        return reply.code(204).send();
      },
    );
  };
}

function requestRoutes({ auth, contacts }: ContactRoutesDeps): FastifyPluginAsyncZod {
  const write = auth.requireEndpoint('contacts.write');
  return async (app) => {
    app.get(
      '/_auralink/v1/contacts/requests',
      {
        preHandler: auth.requireEndpoint('contacts.read'),
        schema: { response: { 200: requestsSchema }, tags: TAGS, summary: 'Requests that wait' },
      },
      (request) => contacts.requests(endpointOf(request).personId),
    );
    app.post(
      '/_auralink/v1/contacts/requests',
      {
        preHandler: write,
        schema: {
          body: z.strictObject({ to: auraIdSchema }),
          response: { 202: z.object({ requestId: z.uuid(), state: z.literal('pending') }) },
          tags: TAGS,
          summary: 'Ask somebody to be friends; the answer is the same whatever she thinks of it',
        },
      },
      async (request, reply) => {
        const requestId = await contacts.request(endpointOf(request).personId, request.body.to);
        return reply.code(202).send({ requestId, state: 'pending' as const });
      },
    );
    const decisions = [
      ['accept', contacts.accept, 'Become friends'],
      ['decline', contacts.decline, 'Decline; who asked is not told'],
    ] as const;
    for (const [verb, decide, summary] of decisions) {
      app.post(
        `/_auralink/v1/contacts/requests/:requestId/${verb}`,
        {
          preHandler: write,
          schema: { params: requestParams, response: { 204: nothing }, tags: TAGS, summary },
        },
        async (request, reply) => {
          await decide(endpointOf(request).personId, request.params.requestId);
          return reply.code(204).send();
        },
      );
    }
    app.delete(
      '/_auralink/v1/contacts/requests/:requestId',
      {
        preHandler: write,
        schema: {
          params: requestParams,
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Take a request back',
        },
      },
      async (request, reply) => {
        await contacts.withdraw(endpointOf(request).personId, request.params.requestId);
        return reply.code(204).send();
      },
    );
  };
}

function listRoutes({ auth, lists }: ContactRoutesDeps): FastifyPluginAsyncZod {
  const write = auth.requireEndpoint('contacts.write');
  const params = z.object({ listId: listIdSchema });
  return async (app) => {
    app.get(
      '/_auralink/v1/lists',
      {
        preHandler: auth.requireEndpoint('contacts.read'),
        schema: {
          response: { 200: z.object({ lists: z.array(listSchema) }) },
          tags: TAGS,
          summary: 'Her lists of friends',
        },
      },
      async (request) => ({ lists: await lists.list(endpointOf(request).personId) }),
    );
    app.post(
      '/_auralink/v1/lists',
      {
        preHandler: write,
        schema: { body: listBody, response: { 201: listSchema }, tags: TAGS, summary: 'Make a list' },
      },
      async (request, reply) =>
        reply.code(201).send(await lists.make(endpointOf(request).personId, request.body.name)),
    );
    app.put(
      '/_auralink/v1/lists/:listId',
      {
        preHandler: write,
        schema: { params, body: listBody, response: { 204: nothing }, tags: TAGS, summary: 'Rename a list' },
      },
      async (request, reply) => {
        await lists.rename(endpointOf(request).personId, request.params.listId, request.body.name);
        return reply.code(204).send();
      },
    );
    app.delete(
      '/_auralink/v1/lists/:listId',
      {
        preHandler: write,
        schema: { params, response: { 204: nothing }, tags: TAGS, summary: 'Delete a list' },
      },
      async (request, reply) => {
        await lists.remove(endpointOf(request).personId, request.params.listId);
        return reply.code(204).send();
      },
    );
  };
}

function memberRoutes({ auth, lists }: ContactRoutesDeps): FastifyPluginAsyncZod {
  const params = z.object({ listId: listIdSchema, auraId: auraIdSchema });
  const route = {
    preHandler: auth.requireEndpoint('contacts.write'),
    schema: { params, response: { 204: nothing }, tags: TAGS },
  };
  return async (app) => {
    app.put(
      '/_auralink/v1/lists/:listId/members/:auraId',
      { ...route, schema: { ...route.schema, summary: 'Put a friend on a list' } },
      async (request, reply) => {
        const { listId, auraId } = request.params;
        await lists.addMember(endpointOf(request).personId, listId, auraId);
        return reply.code(204).send();
      },
    );
    app.delete(
      '/_auralink/v1/lists/:listId/members/:auraId',
      { ...route, schema: { ...route.schema, summary: 'Take somebody off a list' } },
      async (request, reply) => {
        const { listId, auraId } = request.params;
        await lists.removeMember(endpointOf(request).personId, listId, auraId);
        return reply.code(204).send();
      },
    );
  };
}
