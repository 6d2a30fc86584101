/**
 * A person before the whole world: her page, her profile, WebFinger (RFC 7033), and the QR code of any address. Who does
 * not show herself to everybody is, byte for byte, like a name that nobody has. These routes ignore tokens.
 */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { checkName, FAULT_TEXT } from '../auralink-modules/auraid/names.ts';
import type { RateLimit, RateLimiter } from '../auralink-modules/auraid/ports.ts';
import { profileViewSchema } from '../auralink-modules/auraid/profile-view.ts';
import type { PublicProfiles } from '../auralink-modules/auraid/public-profile.ts';
import { qrSvg } from '../auralink-modules/auraid/qr.ts';
import { AuraError } from '../core/errors.ts';
import { clientAddress } from './client-address.ts';

/** Public profiles and codes that one address asks for. */
export const PUBLIC_LOOK_LIMIT: RateLimit = { hits: 120, windowSeconds: 60 };
/** A refusal without a token has so many bytes, whatever was asked for. */
export const PUBLIC_REFUSAL_BYTES = 512;

/** Seconds that a QR code may be kept: it depends on the address alone. */
export const QR_MAX_AGE_SECONDS = 86_400;

export interface PublicRoutesDeps {
  readonly profiles: PublicProfiles;
  readonly limiter: RateLimiter;
  /** Sends the page of a public profile, with the status that the reply has. */
  readonly sendProfilePage: (reply: FastifyReply) => FastifyReply;
}

const webFingerSchema = z.object({
  subject: z.string(),
  aliases: z.array(z.string()),
  links: z.array(z.object({ rel: z.string(), type: z.string(), href: z.string() })),
});
const rels = z.union([z.string(), z.array(z.string()).max(20)]).optional();

export function publicRoutes({
  profiles,
  limiter,
  sendProfilePage,
}: PublicRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.header('cache-control', 'no-store');
      await limiter.hit(`public:${clientAddress(request)}`, PUBLIC_LOOK_LIMIT);
    });

    app.get(
      '/_auralink/v1/profiles/:auraId',
      {
        schema: {
          params: z.object({ auraId: z.string().min(1).max(128) }),
          response: { 200: profileViewSchema },
          tags: ['identity'],
          summary: 'What a person shows to everybody, if she shows herself at all',
        },
      },
      async (request) => {
        const view = await profiles.find(request.params.auraId);
        if (view === null) throw nobody();
        return view;
      },
    );

    app.get(
      '/.well-known/webfinger',
      {
        schema: {
          querystring: z.object({ resource: z.string().min(1).max(512), rel: rels }),
          response: { 200: webFingerSchema },
          tags: ['identity'],
          summary: 'Where a public person is found (RFC 7033)',
        },
      },
      async (request, reply) => {
        reply.header('access-control-allow-origin', '*');
        const { resource, rel } = request.query;
        const found = await profiles.findResource(resource);
        if (found === null) throw nobody();
        const wanted = rel === undefined ? null : [rel].flat();
        const links = found.links.filter((link) => wanted === null || wanted.includes(link.rel));
        return reply.type('application/jrd+json').send({ ...found, links });
      },
    );

    app.get(
      '/@:handle',
      { schema: { hide: true, params: z.object({ handle: z.string().min(1).max(128) }) } },
      async (request, reply) => {
        const view = await profiles.find(request.params.handle);
        return sendProfilePage(reply.code(view === null ? 404 : 200));
      },
    );

    qrRoute(app);
  };
}

function qrRoute(app: Parameters<FastifyPluginAsyncZod>[0]): void {
  app.get(
    '/_auralink/v1/names/:name/qr.svg',
    {
      schema: {
        params: z.object({ name: z.string().min(1).max(128) }),
        response: { 200: z.string() },
        tags: ['identity'],
        summary: 'QR code of an address; says nothing about whether somebody has it',
      },
    },
    async (request, reply) => {
      const name = checkName(request.params.name, new Set());
      if (!name.ok) {
        throw new AuraError('invalid', FAULT_TEXT[name.fault], { field: 'name', reason: name.fault });
      }
      return reply
        .header('cache-control', `public, max-age=${QR_MAX_AGE_SECONDS}`)
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "default-src 'none'")
        .type('image/svg+xml')
        .send(qrSvg(`aura:${name.auraId}`));
    },
  );
}

/** Says nothing of what was asked for, so that it has one length. */
function nobody(): AuraError {
  const message = 'Nobody shows themselves to everybody at this address.';
  return new AuraError('not_found', message, { reason: 'nobody', pad: ' '.repeat(PAD) });
}

/** What the rest of the body leaves of PUBLIC_REFUSAL_BYTES. */
const PAD = PUBLIC_REFUSAL_BYTES - 262;
