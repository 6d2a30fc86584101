/** `/internal/users`, `/internal/reviewers` and `/internal/webhooks`: what the Dashboard manages beside apps. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  DELIVERIES_LISTED_MAX,
  EVENT_TYPES,
  ROTATION_GRACE_MAX_SECONDS,
  ROTATION_GRACE_SECONDS,
} from '../auralink-modules/dashboard/model.ts';
import type { ManagedPeople, ManagedPerson } from '../auralink-modules/dashboard/people.ts';
import type { Delivery } from '../auralink-modules/dashboard/ports.ts';
import type { Webhooks } from '../auralink-modules/dashboard/webhooks.ts';
import { LEVELS } from '../auralink-modules/verification/model.ts';
import type { PersonId } from '../core/ids.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { type InternalAuth, type ServiceActor, serviceActor } from './internal-auth.ts';

export interface InternalPeopleDeps {
  readonly auth: InternalAuth;
  readonly people: ManagedPeople<ServiceActor>;
  readonly webhooks: Webhooks<ServiceActor>;
}

/** Webhooks that one request names. */
const REPLAY_NAMED_MAX = 200;

const personId = z.uuid().transform((id) => id as PersonId);
const personParams = z.object({ personId });
const plain = (max: number) => z.string().min(1).max(max).refine(isPlainText, NOT_PLAIN);
const whoSchema = z
  .strictObject({
    personId: personId.optional(),
    auraId: plain(64).optional(),
    dashboardUserId: plain(128).optional(),
  })
  .refine((who) => Object.values(who).filter((value) => value !== undefined).length === 1, {
    message: 'one of personId, auraId and dashboardUserId is needed',
  });
const userSchema = z.object({
  personId: z.uuid(),
  auraId: z.string(),
  state: z.enum(['reserved', 'active', 'suspended', 'released', 'erased']),
  dashboardUserId: z.string().nullable(),
  registeredAt: z.iso.datetime().nullable(),
  levels: z.array(z.enum(LEVELS)),
  isReviewer: z.boolean(),
});
const reviewerSchema = z.object({
  personId: z.uuid(),
  auraId: z.string(),
  grantedBy: z.string(),
  since: z.iso.datetime(),
});
const stateSchema = z.enum(['pending', 'delivered', 'dead']);
const deliverySchema = z.object({
  webhookId: z.uuid(),
  seq: z.int(),
  type: z.enum(EVENT_TYPES),
  state: stateSchema,
  attempts: z.int(),
  occurredAt: z.iso.datetime(),
  nextTryAt: z.iso.datetime().nullable(),
  lastStatus: z.int().nullable(),
  lastError: z.string().nullable(),
  settledAt: z.iso.datetime().nullable(),
});
const statusSchema = z.object({
  isConfigured: z.boolean(),
  pending: z.int(),
  dead: z.int(),
  resumeAt: z.iso.datetime().nullable(),
  disabledAt: z.iso.datetime().nullable(),
  disabledReason: z.enum(['gone', 'operator']).nullable(),
});
const nothing = z.void().describe('done');
const tags = ['internal'];
type App = Parameters<FastifyPluginAsyncZod>[0];

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;
const userView = (person: ManagedPerson) => ({
  ...person,
  registeredAt: iso(person.registeredAt),
  // The table holds no other.
  levels: person.levels as (typeof LEVELS)[number][],
});
const deliveryView = (one: Delivery) => ({
  ...one,
  occurredAt: one.occurredAt.toISOString(),
  nextTryAt: iso(one.nextTryAt),
  settledAt: iso(one.settledAt),
});

export function internalPeopleRoutes(deps: InternalPeopleDeps): FastifyPluginAsyncZod {
  return async (app) => {
    userRoutes(app, deps);
    reviewerRoutes(app, deps);
    webhookLooks(app, deps);
    webhookOrders(app, deps);
  };
}

const look = ({ auth }: InternalPeopleDeps, scope: string) => [
  auth.internalOnly,
  auth.requireService(scope, { once: false }),
];
const act = ({ auth }: InternalPeopleDeps, scope: string) => [auth.internalOnly, auth.requireService(scope)];

function userRoutes(app: App, deps: InternalPeopleDeps): void {
  app.get(
    '/internal/users',
    {
      onRequest: look(deps, 'users.read'),
      schema: {
        querystring: whoSchema,
        response: { 200: userSchema },
        tags,
        summary: 'A user; scope users.read',
      },
    },
    async ({ query: { personId, auraId, dashboardUserId } }) => {
      if (personId !== undefined) return userView(await deps.people.get({ personId }));
      if (auraId !== undefined) return userView(await deps.people.get({ auraId }));
      return userView(await deps.people.get({ dashboardUserId: dashboardUserId ?? '' }));
    },
  );
  for (const order of ['suspend', 'resume'] as const) {
    app.post(
      `/internal/users/:personId/${order}`,
      {
        onRequest: act(deps, 'users.suspend'),
        schema: {
          params: personParams,
          response: { 204: nothing },
          tags,
          summary: `${order === 'suspend' ? 'Sign her out and let her in no more' : 'Let her in again'}; scope users.suspend`,
        },
      },
      async (request, reply) => {
        await deps.people[order](serviceActor(request), request.params.personId);
        return reply.code(204).send();
      },
    );
  }
}

function reviewerRoutes(app: App, deps: InternalPeopleDeps): void {
  app.get(
    '/internal/reviewers',
    {
      onRequest: look(deps, 'reviewers.read'),
      schema: {
        response: { 200: z.object({ reviewers: z.array(reviewerSchema) }) },
        tags,
        summary: 'Who reviews documents; scope reviewers.read',
      },
    },
    async () => {
      const reviewers = await deps.people.listReviewers();
      return { reviewers: reviewers.map((one) => ({ ...one, since: one.since.toISOString() })) };
    },
  );
  const manage = { onRequest: act(deps, 'reviewers.manage') };
  const schema = { params: personParams, response: { 204: nothing }, tags };
  app.put(
    '/internal/reviewers/:personId',
    { ...manage, schema: { ...schema, summary: 'Make her a reviewer; scope reviewers.manage' } },
    async (request, reply) => {
      await deps.people.grantReviewer(serviceActor(request), request.params.personId);
      return reply.code(204).send();
    },
  );
  app.delete(
    '/internal/reviewers/:personId',
    { ...manage, schema: { ...schema, summary: 'She reviews no more; scope reviewers.manage' } },
    async (request, reply) => {
      await deps.people.revokeReviewer(serviceActor(request), request.params.personId);
      return reply.code(204).send();
    },
  );
}

function webhookLooks(app: App, deps: InternalPeopleDeps): void {
  app.get(
    '/internal/webhooks',
    {
      onRequest: look(deps, 'webhooks.read'),
      schema: { response: { 200: statusSchema }, tags, summary: 'How webhooks stand; scope webhooks.read' },
    },
    async () => {
      const { resumeAt, disabledAt, ...status } = await deps.webhooks.status();
      return { ...status, resumeAt: iso(resumeAt), disabledAt: iso(disabledAt) };
    },
  );
  app.get(
    '/internal/webhooks/deliveries',
    {
      onRequest: look(deps, 'webhooks.read'),
      schema: {
        querystring: z.strictObject({
          state: stateSchema.default('dead'),
          before: z.coerce.number().int().min(1).optional(),
          limit: z.coerce.number().int().min(1).max(DELIVERIES_LISTED_MAX).default(50),
        }),
        response: { 200: z.object({ deliveries: z.array(deliverySchema) }) },
        tags,
        summary: 'Webhooks of a state, newest first; scope webhooks.read',
      },
    },
    async ({ query: { state, before, limit } }) => ({
      deliveries: (await deps.webhooks.list(state, before ?? null, limit)).map(deliveryView),
    }),
  );
}

function webhookOrders(app: App, deps: InternalPeopleDeps): void {
  const onRequest = act(deps, 'webhooks.manage');
  app.post(
    '/internal/webhooks/replay',
    {
      onRequest,
      schema: {
        body: z.strictObject({ webhookIds: z.array(z.uuid()).min(1).max(REPLAY_NAMED_MAX).optional() }),
        response: { 200: z.object({ replayed: z.int() }) },
        tags,
        summary: 'Send again what was given up: these, or all; scope webhooks.manage',
      },
    },
    async (request) => ({
      replayed: await deps.webhooks.replay(serviceActor(request), request.body.webhookIds ?? null),
    }),
  );
  app.post(
    '/internal/webhooks/rotate',
    {
      onRequest,
      schema: {
        body: z.strictObject({
          graceSeconds: z.int().min(0).max(ROTATION_GRACE_MAX_SECONDS).default(ROTATION_GRACE_SECONDS),
        }),
        response: { 200: z.object({ secret: z.string() }) },
        tags,
        summary: 'A new signing secret; the old one signs beside it for a while; scope webhooks.manage',
      },
    },
    async (request) => ({
      secret: await deps.webhooks.rotate(serviceActor(request), request.body.graceSeconds),
    }),
  );
  for (const isEnabled of [true, false]) {
    app.post(
      `/internal/webhooks/${isEnabled ? 'enable' : 'disable'}`,
      {
        onRequest,
        schema: {
          response: { 204: nothing },
          tags,
          summary: `${isEnabled ? 'Send again' : 'Send nothing; events wait'}; scope webhooks.manage`,
        },
      },
      async (request, reply) => {
        await deps.webhooks.setEnabled(serviceActor(request), isEnabled);
        return reply.code(204).send();
      },
    );
  }
}
