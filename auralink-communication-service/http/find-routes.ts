/** `/_auralink/v1/find`: people by an e-mail address or number that they proved and let themselves be found by. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type FoundBy, normalForm } from '../auralink-modules/auraid/blind-index.ts';
import type { FindPeople } from '../auralink-modules/auraid/finding.ts';
import { profileViewSchema } from '../auralink-modules/auraid/profile-view.ts';
import type { PersonId } from '../core/ids.ts';
import { FIELD_FORMS } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

/** Answers come no sooner than so long after their questions: nobody costs less to find than somebody who hides. */
export const FIND_ANSWER_MS = 25;
/** Characters of what is asked for. */
export const FIND_TEXT_MAX_LENGTH = 320;

const text = z.string().max(FIND_TEXT_MAX_LENGTH).optional();
const findSchema = z.strictObject({ email: text, phone: text }).superRefine(({ email, phone }, context) => {
  const issue = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (email === undefined && phone === undefined) issue('email', 'give this, or phone');
  if (email !== undefined && phone !== undefined) issue('phone', 'give only one of email and phone');
  for (const [kind, value] of Object.entries({ email, phone })) {
    const [form, message] = FIELD_FORMS[kind as FoundBy];
    if (value !== undefined && !form.test(normalForm(kind as FoundBy, value))) issue(kind, message);
  }
});

export interface FindRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly findPeople: FindPeople;
  /** Throws `rate_limited`; the same count as for addresses that are resolved. */
  readonly countLookUp: (personId: PersonId) => Promise<void>;
}

export function findRoutes({ auth, findPeople, countLookUp }: FindRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.post(
      '/_auralink/v1/find',
      {
        preHandler: auth.requireEndpoint('profile.read'),
        schema: {
          body: findSchema,
          response: { 200: z.object({ people: z.array(profileViewSchema) }) },
          tags: ['identity'],
          summary: 'People by an e-mail address or number, if they proved it and may be found by it',
        },
      },
      async (request, reply) => {
        const { personId } = endpointOf(request);
        await countLookUp(personId);
        const { email, phone } = request.body;
        const noSooner = sleep(FIND_ANSWER_MS);
        const people = await (email === undefined
          ? findPeople(personId, 'phone', phone ?? '')
          : findPeople(personId, 'email', email));
        await noSooner;
        reply.header('cache-control', 'no-store');
        return { people };
      },
    );
  };
}
