/** The sign-in page's side of the service for somebody with a Matrix account that has no address yet. */
import type { FastifyInstance } from 'fastify';

const PATH = '/oidc/interaction/:uid';
export const INTERACTION = 'interaction-of-a-test';
/** The one Matrix account that there is. */
export const WALTER = { user: '@walter:example.org', password: 'walter uses element' };

const RESET_ID = '01890000-0000-7000-8000-000000000000';
/** The one code that is right. */
export const RIGHT_CODE = '123456';

export function signInRoutes(app: FastifyInstance): void {
  app.get(PATH, () => ({ prompt: 'login', app: { appId: 'phone', name: 'Phone', icon: '📞' } }));
  app.post(`${PATH}/login`, (request, reply) => {
    const { user, password } = request.body as typeof WALTER;
    const known = user === WALTER.user && password === WALTER.password;
    return reply.code(403).send({
      errcode: 'M_FORBIDDEN',
      reason: known ? 'no_auraid' : 'wrong_credentials',
      detail: known
        ? 'This Matrix account has no AuraLink address.'
        : 'This address and password do not match.',
    });
  });
  app.post(`${PATH}/claim`, (request, reply) => {
    const { auraId } = request.body as { auraId: string };
    if (auraId !== '@quick.aura') return { redirectTo: '/' };
    return reply.code(409).send({ errcode: 'M_USER_IN_USE', detail: 'taken' });
  });
  app.post(`${PATH}/forgotten`, (_request, reply) =>
    reply.code(202).send({ resetId: RESET_ID, expiresAt: new Date(Date.now() + 600_000).toISOString() }),
  );
  app.post(`${PATH}/reset`, (request, reply) =>
    (request.body as { code: string }).code === RIGHT_CODE
      ? { redirectTo: '/' }
      : reply.code(400).send({ errcode: 'M_INVALID_PARAM', reason: 'wrong_code', detail: 'wrong' }),
  );
}
