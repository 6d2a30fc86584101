/**
 * The built pages: the phone and the sign-in page on our own origin, and each demo app on its own host, where there
 * is nothing but its static files: the API stays on the main origin, so that the border between them is real.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { AuraError } from '../core/errors.ts';

/** Hashed file names never change their content. */
export const ASSETS_MAX_AGE = '365d';

export interface PagesOptions {
  /** Vite's output. */
  readonly folder: string;
  /** Host header (with port) → app. */
  readonly appHosts: ReadonlyMap<string, string>;
  readonly publicBaseUrl: string;
  /** Where browsers reach LiveKit, for the content security policy. */
  readonly livekitPublicUrl: string;
}

export function pagesPlugin(options: PagesOptions): FastifyPluginAsync {
  const root = resolve(options.folder);
  return fp(async (app) => {
    app.addHook('onRequest', async (request, reply) => {
      const appId = options.appHosts.get(request.headers.host ?? '');
      if (appId !== undefined) await serveApp(request, reply, appId, options);
    });
    await app.register(fastifyStatic, {
      root,
      serve: false,
      index: false,
      maxAge: ASSETS_MAX_AGE,
      immutable: true,
      cacheControl: true,
    });
    app.get('/', { schema: { hide: true } as object }, (_request, reply) =>
      sendPage(reply, 'index.html', options),
    );
    app.get('/sign-in/:uid', { schema: { hide: true } as object }, (_request, reply) =>
      sendPage(reply, 'sign-in.html', options),
    );
    // The code is in the fragment, which no browser sends: it stays out of all logs.
    app.get('/i', { schema: { hide: true } as object }, (_request, reply) =>
      sendPage(reply, 'invite.html', options),
    );
    // As above: the token of an e-mail's link.
    app.get('/verify', { schema: { hide: true } as object }, (_request, reply) =>
      sendPage(reply, 'verify.html', options),
    );
    app.get('/assets/*', { schema: { hide: true } as object }, (request, reply) =>
      asset(request, reply, root),
    );
  });
}

/** Answers every request to a demo app's host; nothing else of ours exists there. */
async function serveApp(
  request: FastifyRequest,
  reply: FastifyReply,
  appId: string,
  options: PagesOptions,
): Promise<void> {
  const path = request.url.split('?')[0] ?? '/';
  if (request.method === 'GET' || request.method === 'HEAD') {
    if (path === '/') return void (await sendPage(reply, `${appId}.html`, options));
    if (path.startsWith('/assets/')) return void (await asset(request, reply, resolve(options.folder)));
    if (path === '/config.json') {
      await reply.header('cache-control', 'no-cache').send({ baseUrl: options.publicBaseUrl });
      return;
    }
  }
  throw new AuraError('not_found', 'This host serves the pages of an app and nothing else.', {
    reason: 'unknown_route',
    errcode: 'M_UNRECOGNIZED',
  });
}

/** One of Vite's pages with its content policy; a status that was set before (404) stays. */
export function sendPage(
  reply: FastifyReply,
  file: string,
  options: Pick<PagesOptions, 'publicBaseUrl' | 'livekitPublicUrl'>,
): FastifyReply {
  const main = new URL(options.publicBaseUrl);
  const socket = `${main.protocol === 'https:' ? 'wss' : 'ws'}://${main.host}`;
  const livekit = new URL(options.livekitPublicUrl);
  const livekitHttp = `${livekit.protocol === 'wss:' ? 'https' : 'http'}://${livekit.host}`;
  return reply
    .header('cache-control', 'no-cache')
    .header(
      'content-security-policy',
      `default-src 'self'; connect-src 'self' ${main.origin} ${socket} ${options.livekitPublicUrl} ${livekitHttp}; ` +
        "img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; " +
        "frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
    )
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
    .header('permissions-policy', 'camera=(self), microphone=(self)')
    .sendFile(file, { maxAge: 0, immutable: false, cacheControl: false });
}

function asset(request: FastifyRequest, reply: FastifyReply, root: string): FastifyReply {
  // Vite's names need no percent-encoding, so none is undone.
  const name = request.url.split('?')[0]?.slice('/assets/'.length) ?? '';
  if (!/^[\w.-]+$/.test(name) || !existsSync(join(root, 'assets', name))) {
    throw new AuraError('not_found', 'There is no such file.', {
      reason: 'unknown_route',
      errcode: 'M_UNRECOGNIZED',
    });
  }
  // Of workers only: they have a policy of their own, and the one that reads photos compiles WebAssembly.
  return reply
    .header(
      'content-security-policy',
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
    )
    .sendFile(`assets/${name}`);
}
