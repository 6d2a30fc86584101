/** What the developer's page asks of the service, answered from one life in memory (identity-service.ts). */
import { randomBytes, randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { NewAppKey, OwnApp, OwnAppData } from '../../auralink-client/index.ts';
import { inDays, type Life } from './identity-service.ts';

const PATH = '/_auralink/v1/me/own-apps';

interface Asked {
  readonly params: { readonly appId: string; readonly keyId: string };
  readonly body: OwnAppData & { readonly name: string };
}

export function ownAppsRoutes(app: FastifyInstance, life: Life): void {
  const issue = (name: string): NewAppKey => {
    const key = `alk_${randomBytes(32).toString('base64url')}`;
    const made = { keyId: randomUUID(), name, hint: key.slice(-4), createdAt: inDays(0) };
    life.appKeys = [...life.appKeys, { ...made, lastUsedAt: null, endsAt: null }];
    return { ...made, lastUsedAt: null, endsAt: null, key };
  };
  app.get(PATH, () => ({ apps: life.ownApps, next: null }));
  app.put(`${PATH}/:appId`, (request, reply) => {
    const { params, body } = request as unknown as Asked;
    if (params.appId === 'taken') {
      return reply.code(409).send({ errcode: 'M_USER_IN_USE', reason: 'taken', detail: 'taken' });
    }
    const known = life.ownApps.find((one) => one.appId === params.appId);
    const quotas = {
      callsPerDay: { limit: 1_000, used: 0, resetsAt: null },
      requestsPerMinute: { limit: 600, used: 0, resetsAt: null },
    };
    const redirectUris = body.redirectUris ?? body.origins.map((origin) => `${origin}/`);
    const made: OwnApp = {
      ...{ appId: params.appId, isOn: true, offBy: null, createdAt: inDays(0), ...quotas },
      ...known,
      ...{ ...body, redirectUris },
    };
    life.ownApps = [...life.ownApps.filter((one) => one !== known), made];
    return reply.code(known === undefined ? 201 : 200).send(made);
  });
  const switched = (appId: string, offBy: OwnApp['offBy']) => {
    life.ownApps = life.ownApps.map((one) =>
      one.appId === appId ? { ...one, offBy, isOn: offBy === null } : one,
    );
    return life.ownApps.find((one) => one.appId === appId);
  };
  const appIdOf = (request: unknown) => (request as Asked).params.appId;
  app.post(`${PATH}/:appId/disable`, (request) => switched(appIdOf(request), 'owner'));
  app.post(`${PATH}/:appId/enable`, (request) => switched(appIdOf(request), null));
  app.delete(`${PATH}/:appId`, (request, reply) => {
    life.ownApps = life.ownApps.filter((one) => one.appId !== appIdOf(request));
    return reply.code(204).send();
  });
  app.get(`${PATH}/:appId/keys`, () => ({ keys: life.appKeys }));
  app.post(`${PATH}/:appId/keys`, (request, reply) =>
    reply.code(201).send(issue((request as unknown as Asked).body.name)),
  );
  app.post(`${PATH}/:appId/keys/:keyId/rotate`, (request, reply) => {
    const { keyId } = (request as unknown as Asked).params;
    const old = life.appKeys.find((one) => one.keyId === keyId);
    life.appKeys = life.appKeys.map((one) => (one === old ? { ...one, endsAt: inDays(1) } : one));
    return reply.code(201).send(issue(old?.name ?? ''));
  });
  app.delete(`${PATH}/:appId/keys/:keyId`, (request, reply) => {
    const { keyId } = (request as unknown as Asked).params;
    life.appKeys = life.appKeys.filter((one) => one.keyId !== keyId);
    return reply.code(204).send();
  });
}
