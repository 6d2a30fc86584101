/**
 * The engines' door: what Synapse's application-service API (Matrix spec, "Application Service API") and LiveKit's
 * webhooks bring us. It binds to loopback or a private network and still believes nobody without a token or signature.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type {} from '@fastify/swagger';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { MediaEvents } from '../auralink-modules/calls/ports.ts';
import type { Clock } from '../core/clock.ts';
import { AuraError } from '../core/errors.ts';
import type { Tx, UnitOfWork } from '../core/unit-of-work.ts';

/** Synapse sends up to 100 events of 64 KiB each, and ephemeral ones. */
export const TRANSACTION_BODY_MAX_BYTES = 16_777_216;
/** Synapse's ping carries a transaction id and nothing else. */
export const PING_BODY_MAX_BYTES = 4_096;
/** A larger webhook is not LiveKit's. */
export const WEBHOOK_BODY_MAX_BYTES = 1_048_576;
/** An older webhook is a replay: LiveKit itself gives up long before. */
export const WEBHOOK_AGE_MAX_SECONDS = 300;
/** How far ahead LiveKit's clock may be. */
export const WEBHOOK_SKEW_MAX_SECONDS = 60;

export interface IncomingWebhook {
  readonly id: string;
  readonly event: string;
  readonly createdAt: Date;
  readonly room: string | null;
  readonly identity: string | null;
}

export interface EnginesDeps {
  /** Synapse's token towards us. */
  readonly hsToken: string;
  /** Null when signature or body are not LiveKit's. */
  readonly readWebhook: (body: string, authorization: string | undefined) => Promise<IncomingWebhook | null>;
  /** False when this one was handled before. */
  readonly rememberWebhook: (tx: Tx, id: string, event: string) => Promise<boolean>;
  readonly mediaEvents: MediaEvents;
  readonly unitOfWork: UnitOfWork;
  readonly clock: Clock;
  readonly counts: {
    webhook(outcome: 'handled' | 'repeated' | 'ignored' | 'refused'): void;
    transaction(eventCount: number): void;
  };
}

export const engineRoutes = (deps: EnginesDeps): FastifyPluginAsync => {
  return async (app) => {
    await app.register(appserviceRoutes(deps));
    await app.register(webhookRoutes(deps));
  };
};

function appserviceRoutes(deps: EnginesDeps): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    const wanted = digest(deps.hsToken);
    app.addHook('onRequest', async (request) => assertSynapse(request, wanted));
    const hidden = { schema: { hide: true } };

    app.put(
      '/_matrix/app/v1/transactions/:txnId',
      { ...hidden, bodyLimit: TRANSACTION_BODY_MAX_BYTES },
      (request) => {
        const { events } = (request.body ?? {}) as { events?: unknown };
        if (!Array.isArray(events)) {
          throw new AuraError('invalid', 'A transaction has a list of events.', { field: 'events' });
        }
        // Nothing is done with them yet, so a repeated transaction needs no memory: twice is the same as once.
        deps.counts.transaction(events.length);
        return {};
      },
    );
    app.post('/_matrix/app/v1/ping', { ...hidden, bodyLimit: PING_BODY_MAX_BYTES }, () => ({}));
    // Synapse asks whether we would make these on demand; people and rooms are made by other means.
    app.get('/_matrix/app/v1/users/:userId', hidden, () => {
      throw new AuraError('not_found', 'No such user is ours to make.');
    });
    app.get('/_matrix/app/v1/rooms/:alias', hidden, () => {
      throw new AuraError('not_found', 'No such room is ours to make.');
    });
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Only the header counts: a token in the URL ends up in logs. */
function assertSynapse(request: FastifyRequest, wanted: Buffer): void {
  const header = request.headers.authorization ?? '';
  if (!/^bearer /i.test(header)) {
    throw new AuraError('unauthenticated', 'The token belongs into the Authorization header.', {
      reason: 'missing_token',
    });
  }
  if (!timingSafeEqual(digest(header.slice('bearer '.length)), wanted)) {
    throw new AuraError('forbidden', 'This is not the token that we agreed on.');
  }
}

function webhookRoutes(deps: EnginesDeps): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers();
    // The signature covers the bytes as they came.
    app.addContentTypeParser(
      ['application/webhook+json', 'application/json'],
      { parseAs: 'string', bodyLimit: WEBHOOK_BODY_MAX_BYTES },
      (_request, body, done) => done(null, body),
    );
    app.post('/sfu_webhook', { schema: { hide: true } }, async (request) => {
      const body = typeof request.body === 'string' ? request.body : '';
      const webhook = await deps.readWebhook(body, request.headers.authorization);
      if (webhook === null) {
        deps.counts.webhook('refused');
        throw new AuraError('unauthenticated', 'The signature of this webhook is not valid.');
      }
      assertFresh(deps, webhook);
      deps.counts.webhook(await handle(deps, webhook));
      return {};
    });
  };
}

function assertFresh(deps: EnginesDeps, webhook: IncomingWebhook): void {
  const ageSeconds = (deps.clock.now().getTime() - webhook.createdAt.getTime()) / 1_000;
  if (ageSeconds <= WEBHOOK_AGE_MAX_SECONDS && ageSeconds >= -WEBHOOK_SKEW_MAX_SECONDS) return;
  deps.counts.webhook('refused');
  throw new AuraError('invalid', 'This webhook is too old, or the clocks differ.', { reason: 'stale' });
}

async function handle(
  deps: EnginesDeps,
  webhook: IncomingWebhook,
): Promise<'handled' | 'repeated' | 'ignored'> {
  const effect = effectOf(deps.mediaEvents, webhook);
  if (effect === null) return 'ignored';
  return await deps.unitOfWork.run(async (tx) => {
    if (!(await deps.rememberWebhook(tx, webhook.id, webhook.event))) return 'repeated';
    await effect(tx);
    return 'handled';
  });
}

/**
 * Null for what calls need not know. An aborted connection is among it: that participant never joined, and may be the
 * phantom twin of one who did.
 */
function effectOf(
  to: MediaEvents,
  { event, room, identity }: IncomingWebhook,
): ((tx: Tx) => Promise<void>) | null {
  if (room === null) return null;
  if (event === 'room_finished') return (tx) => to.roomFinished(tx, room);
  if (identity === null) return null;
  if (event === 'participant_joined') return (tx) => to.participantJoined(tx, room, identity);
  if (event === 'participant_left') return (tx) => to.participantLeft(tx, room, identity);
  return null;
}
