/** The public door's way to Synapse, alone. */
import { after } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import { createNetworks } from '../../auralink-communication-service/http/networks.ts';
import { type ProxyDeps, proxyRoutes } from '../../auralink-communication-service/http/proxy.ts';
import { buildDoor } from '../../auralink-communication-service/http/server.ts';

/** What is not named does nothing. `trusted`: networks whose word on who asks is taken. */
export async function openProxy(
  deps: Pick<ProxyDeps, 'synapseUrl'> & Partial<ProxyDeps>,
  trusted: string[] = [],
): Promise<{ app: FastifyInstance; url: string }> {
  const app = await buildDoor({
    logger: pino({ level: 'silent' }),
    newId,
    trustedProxies: trusted,
    plugins: [
      proxyRoutes({
        isTrustedProxy: createNetworks(trusted),
        rewriteLogin: async (body) => body,
        signedIn: async () => {},
        ...deps,
      }),
    ],
  });
  after(() => app.close());
  return { app, url: await app.listen({ host: '127.0.0.1', port: 0 }) };
}
