/** What the pages about proofs ask of the service, answered from one life in memory (identity-service.ts). */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { VerificationView } from '../../auralink-client/index.ts';
import {
  LEVEL_WORDS,
  LEVELS,
} from '../../auralink-communication-service/auralink-modules/verification/model.ts';
import { inDays, type Life } from './identity-service.ts';
import { RIGHT_CODE } from './sign-in-routes.ts';

const PATH = '/_auralink/v1/me/verifications';
/** The token of the one link that is right. */
export const LINK_TOKEN = 'A'.repeat(43);

interface Asked {
  readonly params: { readonly id: string };
  readonly body: { readonly method: 'email' | 'phone'; readonly address: string; readonly code: string } & {
    readonly token: string;
  };
}

const refused = (reason: string) => ({ errcode: 'M_INVALID_PARAM', reason, detail: `refused: ${reason}` });
const freshChallenge = (): NonNullable<VerificationView['challenge']> => ({
  ...{ expiresAt: inDays(0.006), isOver: false, triesLeft: 5, sendsLeft: 2, resendAt: inDays(0) },
  ...{ delivery: 'sent', deliveryReason: null },
});

export function verificationRoutes(app: FastifyInstance, life: Life): void {
  const change = (id: string, over: Partial<VerificationView>): VerificationView | undefined => {
    life.verifications = life.verifications.map((one) =>
      one.verificationId === id ? { ...one, ...over } : one,
    );
    return life.verifications.find((one) => one.verificationId === id);
  };
  app.get(PATH, () => ({
    verifications: life.verifications,
    next: null,
    levels: LEVELS.map((level) => ({ level, ...LEVEL_WORDS[level] })),
    offered: life.offered,
  }));
  app.post(PATH, (request, reply) => {
    const { method, address } = (request as unknown as Asked).body;
    if (method === 'phone' && !address.startsWith('+')) return reply.code(400).send(refused('bad_address'));
    const made: VerificationView = {
      ...{ verificationId: randomUUID(), method, state: 'pending', subject: address, reason: null, by: null },
      level: method === 'email' ? 'email_controlled' : 'phone_controlled',
      ...{
        createdAt: inDays(0),
        verifiedAt: null,
        expiresAt: null,
        endedAt: null,
        challenge: freshChallenge(),
      },
    };
    life.verifications = [made, ...life.verifications];
    return reply.code(201).send(made);
  });
  app.post(`${PATH}/:id/submit`, (request, reply) => {
    const { params, body } = request as unknown as Asked;
    if (body.code.replace(/\D/g, '') !== RIGHT_CODE) return reply.code(400).send(refused('wrong_code'));
    const times = { verifiedAt: inDays(0), expiresAt: inDays(365) };
    return change(params.id, { state: 'verified', by: 'code', challenge: null, ...times });
  });
  app.post(`${PATH}/:id/resend`, (request) =>
    change((request as unknown as Asked).params.id, { challenge: freshChallenge() }),
  );
  app.delete(`${PATH}/:id`, (request, reply) => {
    const over = { state: 'withdrawn', reason: 'by_herself', endedAt: inDays(0), challenge: null } as const;
    change((request as unknown as Asked).params.id, over);
    return reply.code(204).send();
  });
  linkRoutes(app, life);
}

function linkRoutes(app: FastifyInstance, life: Life): void {
  for (const path of ['/_auralink/v1/verifications/link/look', '/_auralink/v1/verifications/link']) {
    app.post(path, (request, reply) =>
      (request as unknown as Asked).body.token === LINK_TOKEN
        ? { auraId: life.auraId, address: 'a…@new.example.com' }
        : reply.code(404).send({ errcode: 'M_NOT_FOUND', reason: 'unknown_link', detail: 'lapsed' }),
    );
  }
}
