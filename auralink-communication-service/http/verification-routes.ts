/** What a person proves: her list, codes by e-mail and SMS, and the link in an e-mail, which needs no sign-in. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ChallengeService } from '../auralink-modules/verification/challenges.ts';
import {
  ADDRESS_MAX_LENGTH,
  CODE_DIGITS,
  CODE_METHODS,
  LEVEL_WORDS,
  LEVELS,
  verificationViewSchema,
} from '../auralink-modules/verification/model.ts';
import type { VerificationService } from '../auralink-modules/verification/service.ts';
import type { VerificationId } from '../core/ids.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { clientAddress } from './client-address.ts';
import { nothing } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface VerificationRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly verifications: VerificationService;
  readonly challenges: ChallengeService;
}

const TAGS = ['verification'];
/** As people copy it: with spaces or a dash between its digits. */
export const codeSchema = z
  .string()
  .max(32)
  .transform((text) => text.replace(/[\s-]/g, ''))
  .refine(
    (text) => new RegExp(`^[0-9]{${CODE_DIGITS}}$`).test(text),
    `must be the ${CODE_DIGITS} digits of the code`,
  );
const startSchema = z.strictObject({
  method: z.enum(CODE_METHODS),
  address: z.string().min(1).max(ADDRESS_MAX_LENGTH).refine(isPlainText, NOT_PLAIN),
});
const linkSchema = z.strictObject({
  token: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be the token of the link'),
});
const linkViewSchema = z.object({
  /** Whose it is said to be. */
  auraId: z.string(),
  /** Masked: enough for who owns it. */
  address: z.string(),
});
const pageQuery = z.object({
  /** `next` of the page before. */
  after: z
    .uuid()
    .transform((id) => id as VerificationId)
    .optional(),
});
const params = z.object({ verificationId: z.uuid().transform((id) => id as VerificationId) });
const levelSchema = z.object({
  level: z.enum(LEVELS),
  method: z.string(),
  title: z.string(),
  claims: z.string(),
  claimsNot: z.string(),
});
const listSchema = z.object({
  verifications: z.array(verificationViewSchema),
  /** `after` of the page with older ones that ended; null after the last. */
  next: z.uuid().nullable(),
  /** What each level says of her, and what not. */
  levels: z.array(levelSchema),
  /** Methods by code that this server offers. */
  offered: z.array(z.enum(CODE_METHODS)),
});
const levels = LEVELS.map((level) => ({ level, ...LEVEL_WORDS[level] }));

type App = Parameters<FastifyPluginAsyncZod>[0];

export function verificationRoutes(deps: VerificationRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    listRoutes(app, deps);
    codeRoutes(app, deps);
    linkRoutes(app, deps);
  };
}

function listRoutes(app: App, { auth, verifications }: VerificationRoutesDeps): void {
  const preHandler = auth.requireEndpoint('account.manage');
  app.get(
    '/_auralink/v1/me/verifications',
    {
      preHandler,
      schema: {
        querystring: pageQuery,
        response: { 200: listSchema },
        tags: TAGS,
        summary:
          'What she proved, is proving, or had proved; what each level claims; which methods there are',
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      return {
        ...(await verifications.list(endpointOf(request).personId, request.query.after)),
        levels,
        offered: verifications.offered(),
      };
    },
  );
  app.delete(
    '/_auralink/v1/me/verifications/:verificationId',
    {
      preHandler,
      schema: {
        params,
        response: { 204: nothing },
        tags: TAGS,
        summary: 'Take back what she proved, or give it up',
      },
    },
    async (request, reply) => {
      await verifications.withdraw(endpointOf(request).personId, request.params.verificationId);
      return reply.code(204).send();
    },
  );
}

function codeRoutes(app: App, { auth, challenges }: VerificationRoutesDeps): void {
  const preHandler = auth.requireEndpoint('account.manage');
  app.post(
    '/_auralink/v1/me/verifications',
    {
      preHandler,
      schema: {
        body: startSchema,
        response: { 201: verificationViewSchema },
        tags: TAGS,
        summary: 'Send a code to an address; the answer is the same whoever else has it',
      },
    },
    async (request, reply) => {
      const { method, address } = request.body;
      const { personId } = endpointOf(request);
      const started = await challenges.start(personId, method, address, clientAddress(request));
      return reply.code(201).header('cache-control', 'no-store').send(started);
    },
  );
  app.post(
    '/_auralink/v1/me/verifications/:verificationId/submit',
    {
      preHandler,
      schema: {
        params,
        body: z.strictObject({ code: codeSchema }),
        response: { 200: verificationViewSchema },
        tags: TAGS,
        summary: 'The code that was sent: right, it proves the address',
      },
    },
    (request) =>
      challenges.submit(endpointOf(request).personId, request.params.verificationId, request.body.code),
  );
  app.post(
    '/_auralink/v1/me/verifications/:verificationId/resend',
    {
      preHandler,
      schema: {
        params,
        response: { 200: verificationViewSchema },
        tags: TAGS,
        summary: 'Send the code again while it lives, else another one',
      },
    },
    (request) =>
      challenges.resend(endpointOf(request).personId, request.params.verificationId, clientAddress(request)),
  );
}

function linkRoutes(app: App, { challenges }: VerificationRoutesDeps): void {
  app.post(
    '/_auralink/v1/verifications/link/look',
    {
      schema: {
        body: linkSchema,
        response: { 200: linkViewSchema },
        tags: TAGS,
        summary: 'What confirming a link would prove, and for whom; it proves nothing yet',
      },
    },
    (request) => challenges.lookAtLink(request.body.token, clientAddress(request)),
  );
  app.post(
    '/_auralink/v1/verifications/link',
    {
      schema: {
        body: linkSchema,
        response: { 200: linkViewSchema },
        tags: TAGS,
        summary: 'Confirm the link of an e-mail: it proves the address',
      },
    },
    (request) => challenges.confirmLink(request.body.token, clientAddress(request)),
  );
}
