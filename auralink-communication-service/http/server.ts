/**
 * Builds the HTTP servers: one Fastify instance for each door, with the same errors, validation, limits and logging.
 * Both doors bind with SO_REUSEPORT, so that several processes of the service share them without a parent.
 */
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyListenOptions,
  type FastifyPluginAsync,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { NewId } from '../core/ids.ts';
import { answerRouterError, installErrors } from './errors.ts';

/** A JSON body of ours is small; uploads go through the proxy, which has a limit of its own. */
export const BODY_MAX_BYTES = 65_536;
/** Characters of one part of a path that a route takes: the longest is a session's id. */
export const PATH_PART_MAX_LENGTH = 1_024;
/** Time to receive a request's head. */
export const HEADERS_TIMEOUT_MS = 20_000;
/** Time to receive a whole request: an upload over a slow line must fit. */
export const REQUEST_TIMEOUT_MS = 600_000;
/** Longer than balancers keep idle connections, so that they, not we, close them. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** Connections that wait to be accepted. */
export const LISTEN_BACKLOG = 1_024;

export interface DoorOptions {
  readonly logger: FastifyBaseLogger;
  readonly newId: NewId;
  /** Balancers whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly plugins: readonly FastifyPluginAsync[];
}

export async function buildDoor(options: DoorOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: options.logger,
    genReqId: requestIds(options.newId),
    // Fastify's own two lines a request cost more than most handlers; http metrics count them instead.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: PATH_PART_MAX_LENGTH },
    frameworkErrors: answerRouterError,
    forceCloseConnections: 'idle',
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  installErrors(app);
  endConnectionsOnClose(app);
  for (const plugin of options.plugins) await app.register(plugin);
  return app;
}

/** A door's own id and a count: each is found in the log, and costs less than chance. */
function requestIds(newId: NewId): () => string {
  const door: string = newId();
  let requests = 0;
  return () => `${door}-${(++requests).toString(36)}`;
}

/** What is answered while the door closes must not leave a connection behind that keeps it from closing. */
function endConnectionsOnClose(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
}

export async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  // Fastify hands these on to node:net as they are; its own type does not know reusePort.
  const options: FastifyListenOptions & { reusePort: boolean } = {
    host,
    port,
    reusePort: true,
    backlog: LISTEN_BACKLOG,
  };
  await app.listen(options);
}
