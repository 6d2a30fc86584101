/** `/_matrix/identity/v2/validate/*` and `3pid/getValidated3pid` (Matrix spec, Identity Service API). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { z } from 'zod';
import type { IdentityAccounts } from '../auralink-modules/identity-service/accounts.ts';
import { MEDIA, type Medium, matrixError } from '../auralink-modules/identity-service/model.ts';
import type { Count } from '../auralink-modules/identity-service/ports.ts';
import type { Validation } from '../auralink-modules/identity-service/validation.ts';
import { AuraError } from '../core/errors.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { clientAddress } from './client-address.ts';
import { problemOf } from './errors.ts';
import { accountOf, openToAllOrigins, proofsByNetwork, requireAccount } from './identity-auth.ts';
import { sendDonePage, sendPressPage, sendRefusedPage } from './identity-page.ts';

/** Characters of an address as it is typed. */
export const IDENTITY_ADDRESS_MAX_LENGTH = 320;
const LINK_MAX_LENGTH = 2_048;
const SEND_ATTEMPT_MAX = 1_000_000;

const OPAQUE = /^[0-9a-zA-Z.=_-]{1,255}$/;
export const clientSecretSchema = z.string().regex(OPAQUE, 'must be 1 to 255 of 0–9, a–z, A–Z, . = _ and -');
export const sessionIdSchema = z.uuid('must be a session’s id');
export const plainSchema = (max: number) => z.string().min(1).max(max).refine(isPlainText, NOT_PLAIN);
const linkSchema = plainSchema(LINK_MAX_LENGTH).refine(
  (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? '') && URL.parse(text)?.username === '',
  'must be an http or https address',
);

const common = {
  client_secret: clientSecretSchema,
  // Clients in use send it as a text.
  send_attempt: z
    .union([
      z.number(),
      z
        .string()
        .regex(/^\d{1,7}$/, 'must be a whole number')
        .transform(Number),
    ])
    .pipe(z.number().int().min(0).max(SEND_ATTEMPT_MAX)),
  next_link: linkSchema.nullish(),
};
const emailSchema = z.object({ ...common, email: plainSchema(IDENTITY_ADDRESS_MAX_LENGTH) });
const msisdnSchema = z.object({
  ...common,
  country: z.string().regex(/^[A-Za-z]{2}$/, 'must be two letters such as GB'),
  phone_number: plainSchema(64),
});
const submitSchema = z.object({
  sid: sessionIdSchema,
  client_secret: clientSecretSchema,
  token: z.string().regex(OPAQUE, 'must be the token from the message'),
});
const validatedQuery = z.object({ sid: sessionIdSchema, client_secret: clientSecretSchema });

export interface IdentityValidationRoutesDeps {
  readonly accounts: Pick<IdentityAccounts, 'authenticate'>;
  readonly validation: Validation;
  /** Throws rate_limited. */
  readonly count: Count;
}

const V2 = '/_matrix/identity/v2';
const hidden = { hide: true } as const;
const FORM = 'application/x-www-form-urlencoded';

export function identityValidationRoutes(deps: IdentityValidationRoutesDeps): FastifyPluginAsyncZod {
  const { accounts, validation, count } = deps;
  const require = requireAccount(accounts);
  const signedIn = { preValidation: require };
  const counted = proofsByNetwork(count);
  return async (app) => {
    openToAllOrigins(app);
    app.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    app.post(
      `${V2}/validate/email/requestToken`,
      { schema: { ...hidden, body: emailSchema }, ...signedIn },
      async (request) => ({
        sid: await validation.requestToken(
          accountOf(request),
          { ...requestOf(request.body), medium: 'email', address: request.body.email },
          clientAddress(request),
        ),
      }),
    );
    app.post(
      `${V2}/validate/msisdn/requestToken`,
      { schema: { ...hidden, body: msisdnSchema }, ...signedIn },
      async (request) => {
        const { country, phone_number } = request.body;
        const msisdn = numberOf(phone_number, country.toUpperCase());
        const sid = await validation.requestToken(
          accountOf(request),
          { ...requestOf(request.body), medium: 'msisdn', address: msisdn },
          clientAddress(request),
        );
        return { sid, msisdn };
      },
    );
    for (const medium of MEDIA) await app.register(submitRoutes(deps, medium));
    app.get(
      `${V2}/3pid/getValidated3pid`,
      { schema: { ...hidden, querystring: validatedQuery }, preValidation: [counted, require] },
      async (request) => {
        const { sid, client_secret: clientSecret } = request.query;
        const found = await validation.getValidated(null, accountOf(request), { sid, clientSecret });
        const { medium, address, validatedAt } = found;
        return { medium, address, validated_at: validatedAt.getTime() };
      },
    );
  };
}

function requestOf(body: z.output<typeof emailSchema> | z.output<typeof msisdnSchema>) {
  return {
    clientSecret: body.client_secret,
    sendAttempt: body.send_attempt,
    nextLink: body.next_link ?? null,
  };
}

/** Digits without the + . Throws M_INVALID_ADDRESS. */
function numberOf(typed: string, country: string): string {
  const number = parsePhoneNumberFromString(typed, country as 'GB');
  if (number?.isValid() === true && number.ext === undefined) return number.number.slice(1);
  throw matrixError('invalid', 'M_INVALID_ADDRESS', 'This is no number that can be called.', {
    field: 'phone_number',
  });
}

/** Requests of clients carry the account's token; the page that the link opens has the token of the message only. */
function submitRoutes(
  { accounts, validation, count }: IdentityValidationRoutesDeps,
  medium: Medium,
): FastifyPluginAsyncZod {
  const path = `${V2}/validate/${medium}/submitToken`;
  const isForm = (request: FastifyRequest): boolean =>
    request.headers['content-type']?.toLowerCase().startsWith(FORM) === true;
  const require = requireAccount(accounts);
  return async (app) => {
    app.addHook('preValidation', proofsByNetwork(count));
    app.get(path, { schema: { ...hidden, querystring: submitSchema } }, async (request, reply) => {
      const { sid, client_secret, token } = request.query;
      const found = await validation.peek(medium, { sid, clientSecret: client_secret });
      if (found === null) return sendRefusedPage(reply, 404, 'This link is not, or no longer, good.');
      return sendPressPage(reply, path, { sid, client_secret, token }, found.nextLink);
    });
    app.post(
      path,
      {
        schema: { ...hidden, body: submitSchema },
        preValidation: async (request) => {
          if (!isForm(request)) await require(request);
        },
      },
      async (request, reply) => {
        const { sid, client_secret: clientSecret, token } = request.body;
        const name = { sid, clientSecret };
        if (isForm(request)) return await pressed(reply, () => validation.submit(medium, name, token, null));
        await validation.submit(medium, name, token, accountOf(request));
        return { success: true };
      },
    );
  };
}

async function pressed(reply: FastifyReply, submit: () => Promise<string | null>): Promise<FastifyReply> {
  try {
    return sendDonePage(reply, await submit());
  } catch (error) {
    if (!(error instanceof AuraError)) throw error;
    const { status, detail } = problemOf(error);
    return sendRefusedPage(reply, status, detail);
  }
}
