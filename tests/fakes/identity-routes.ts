/** What the account's pages ask of the service, answered from one life in memory (identity-service.ts). */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { FieldKind, FriendRequests, PrivacyRules } from '../../auralink-client/index.ts';
import { inDays, type Life, seenAs, viewOf } from './identity-service.ts';

const API = '/_auralink/v1';
/** The one password that is right. */
export const PASSWORD = 'alice knows it by heart';

const BAD_VALUE = {
  errcode: 'M_INVALID_PARAM',
  reason: 'invalid',
  detail: 'value: must be an e-mail address such as a@example.org',
};

/** Every field of every body that these routes read; the pages alone send them. */
interface Body {
  readonly kind: FieldKind;
  readonly value: string;
  readonly auraId: string;
  readonly to: string;
  readonly note: string | null;
  readonly name: string;
  readonly usesMax: number;
  readonly label?: string;
  readonly code: string;
  readonly email?: string;
  readonly phone?: string;
  readonly currentPassword: string;
}

interface Asked {
  readonly body: Body;
  readonly params: Record<string, string>;
}
const asked = (request: { body: unknown; params: unknown }): Asked => request as Asked;

const refused = (reason: string) => ({ errcode: 'M_FORBIDDEN', reason, detail: `refused: ${reason}` });

export function identityRoutes(app: FastifyInstance, life: Life): void {
  ownRoutes(app, life);
  nameRoutes(app, life);
  peopleRoutes(app, life);
  privacyRoutes(app, life);
  accountRoutes(app, life);
}

function ownRoutes(app: FastifyInstance, life: Life): void {
  const me = () => ({
    auraId: life.auraId,
    displayName: life.displayName,
    about: life.about,
    pictureUrl: life.pictureUrl,
    canManage: life.canManage,
    app: { appId: 'phone', name: 'Phone', icon: '📞' },
    endpointId: randomUUID(),
    scopes: ['contacts.read', 'contacts.write', 'account.manage'],
  });
  app.get(`${API}/me`, me);
  app.get(`${API}/history`, () => ({ calls: [], next: null }));
  app.put(`${API}/me/profile`, (request) => {
    Object.assign(life, asked(request).body);
    return me();
  });
  app.put(`${API}/me/picture`, (_request, reply) => {
    life.pictureUrl = `${API}/pictures/${life.auraId}`;
    return reply.code(204).send();
  });
  app.delete(`${API}/me/picture`, (_request, reply) => {
    life.pictureUrl = null;
    return reply.code(204).send();
  });
  app.get(`${API}/me/fields`, () => ({ fields: life.fields }));
  app.post(`${API}/me/fields`, (request, reply) => {
    const { kind, value } = asked(request).body;
    const field = { fieldId: randomUUID(), kind, value, updatedAt: inDays(0) };
    life.fields.push(field);
    return reply.code(201).send(field);
  });
  app.put(`${API}/me/fields/:id`, (request, reply) => {
    const { params, body } = asked(request);
    if (body.value.endsWith('@')) return reply.code(400).send(BAD_VALUE);
    life.fields = life.fields.map((one) =>
      one.fieldId === params.id ? { ...one, value: body.value, updatedAt: inDays(0) } : one,
    );
    return life.fields.find((one) => one.fieldId === params.id);
  });
  app.delete(`${API}/me/fields/:id`, (request, reply) => {
    life.fields = life.fields.filter((one) => one.fieldId !== asked(request).params.id);
    return reply.code(204).send();
  });
}

function nameRoutes(app: FastifyInstance, life: Life): void {
  app.get(`${API}/resolve/:auraId`, (request, reply) => {
    const found = life.friends.find((one) => one.auraId === asked(request).params.auraId);
    return found ?? reply.code(404).send({ errcode: 'M_NOT_FOUND', detail: 'nobody' });
  });
  app.get(`${API}/profiles/:auraId`, (request, reply) => {
    const { view } = seenAs(life, 'signed-out');
    return view?.auraId === asked(request).params.auraId
      ? view
      : reply.code(404).send({ errcode: 'M_NOT_FOUND', detail: 'nobody' });
  });
  app.get(`${API}/names/:name`, (request) => {
    const name = String(asked(request).params.name);
    const auraId = `@${name}.aura`;
    if (name.length < 3) return { auraId: null, status: 'not_allowed', detail: 'At least 3 characters.' };
    if (name !== 'bob') return { auraId, status: 'free' };
    return { auraId, status: 'taken', suggestions: ['@bob.1.aura', '@bob-2.aura'] };
  });
  app.get(`${API}/me/names`, () => ({ current: life.auraId, holds: life.holds }));
  app.put(`${API}/me/name`, (request) => {
    const { auraId } = asked(request).body;
    life.holds.push({
      auraId: life.auraId,
      cause: 'renamed',
      resolvesUntil: inDays(90),
      heldUntil: inDays(180),
    });
    life.auraId = auraId;
    return { auraId, aliasUntil: inDays(90) };
  });
  app.get(`${API}/me/matrix-accounts`, () => ({ accounts: life.accounts }));
}

function peopleRoutes(app: FastifyInstance, life: Life): void {
  app.get(`${API}/contacts`, () => ({ friends: life.friends, next: null }));
  app.post(`${API}/find`, (request) => {
    const { email, phone } = asked(request).body;
    return { people: life.findable[email ?? phone?.replaceAll(' ', '') ?? ''] ?? [] };
  });
  app.get(`${API}/contacts/requests`, () => life.requests);
  app.post(`${API}/contacts/requests`, (request, reply) => {
    const { to } = asked(request).body;
    if (to === '@nobody.aura') return reply.code(404).send({ errcode: 'M_NOT_FOUND', detail: 'nobody' });
    const made = { requestId: randomUUID(), to, createdAt: inDays(0) };
    life.requests = { ...life.requests, outgoing: [...life.requests.outgoing, made] };
    return reply.code(202).send({ requestId: made.requestId, state: 'pending' });
  });
  const without = (requestId: string): FriendRequests => ({
    incoming: life.requests.incoming.filter((one) => one.requestId !== requestId),
    outgoing: life.requests.outgoing.filter((one) => one.requestId !== requestId),
  });
  app.post(`${API}/contacts/requests/:id/:verb`, (request, reply) => {
    const { id = '', verb } = asked(request).params;
    const from = life.requests.incoming.find((one) => one.requestId === id)?.from;
    if (verb === 'accept' && from) life.friends.push({ ...from, since: inDays(0), lists: [], note: null });
    life.requests = without(id);
    return reply.code(204).send();
  });
  app.delete(`${API}/contacts/requests/:id`, (request, reply) => {
    life.requests = without(asked(request).params.id ?? '');
    return reply.code(204).send();
  });
  app.delete(`${API}/contacts/:auraId`, (request, reply) => {
    life.friends = life.friends.filter((one) => one.auraId !== asked(request).params.auraId);
    return reply.code(204).send();
  });
  app.put(`${API}/contacts/:auraId/note`, (request, reply) => {
    const { params, body } = asked(request);
    life.friends = life.friends.map((one) =>
      one.auraId === params.auraId ? { ...one, note: body.note ?? null } : one,
    );
    return reply.code(204).send();
  });
  listRoutes(app, life);
}

function listRoutes(app: FastifyInstance, life: Life): void {
  app.get(`${API}/lists`, () => ({ lists: life.lists }));
  app.post(`${API}/lists`, (request, reply) => {
    const list = { listId: randomUUID(), name: asked(request).body.name ?? '', members: [] };
    life.lists.push(list);
    return reply.code(201).send(list);
  });
  app.put(`${API}/lists/:id/members/:auraId`, (request, reply) => {
    const { id = '', auraId } = asked(request).params;
    life.friends = life.friends.map((one) =>
      one.auraId === auraId ? { ...one, lists: [...one.lists, id] } : one,
    );
    return reply.code(204).send();
  });
  app.get(`${API}/invites`, () => ({ invites: life.invites }));
  app.post(`${API}/invites`, (request, reply) => {
    const { usesMax, label } = asked(request).body;
    const inviteId = randomUUID();
    const times = { createdAt: inDays(0), expiresAt: inDays(7), revokedAt: null };
    life.invites.unshift({ inviteId, usesMax, uses: 0, label: label ?? null, ...times });
    return reply.code(201).send({ inviteId, code: 'c0de', url: `http://${request.headers.host}/i#c0de` });
  });
  app.delete(`${API}/invites/:id`, (request, reply) => {
    const { id } = asked(request).params;
    life.invites = life.invites.map((one) => (one.inviteId === id ? { ...one, revokedAt: inDays(0) } : one));
    return reply.code(204).send();
  });
  app.post(`${API}/invites/redeem`, (request, reply) =>
    asked(request).body.code === 'c0de'
      ? viewOf('frank', 'Frank Fjord', { about: 'Bakes.' })
      : reply.code(404).send({ errcode: 'M_NOT_FOUND', reason: 'bad_invite', detail: 'no such invitation' }),
  );
}

function privacyRoutes(app: FastifyInstance, life: Life): void {
  app.get(`${API}/me/privacy`, () => life.rules);
  app.patch(`${API}/me/privacy`, (request) => {
    life.rules = { ...life.rules, ...(request.body as Partial<PrivacyRules>) };
    return life.rules;
  });
  app.get(`${API}/me/profile/as/:viewer`, (request) => seenAs(life, asked(request).params.viewer ?? ''));
  app.get(`${API}/blocks`, () => ({ blocks: life.blocks }));
  app.put(`${API}/blocks/:auraId`, (request, reply) => {
    life.blocks.push({ auraId: asked(request).params.auraId ?? '', since: inDays(0) });
    return reply.code(204).send();
  });
  app.delete(`${API}/blocks/:auraId`, (request, reply) => {
    life.blocks = life.blocks.filter((one) => one.auraId !== asked(request).params.auraId);
    return reply.code(204).send();
  });
}

function accountRoutes(app: FastifyInstance, life: Life): void {
  app.get(`${API}/me/apps`, () => ({ apps: life.apps }));
  app.delete(`${API}/me/apps/:id`, (request, reply) => {
    life.apps = life.apps.filter((one) => one.appId !== asked(request).params.id);
    return reply.code(204).send();
  });
  app.get(`${API}/me/sessions`, () => ({ sessions: life.sessions, matrixKnown: life.matrixKnown }));
  app.delete(`${API}/me/sessions/:id`, (request, reply) => {
    life.sessions = life.sessions.filter((one) => one.sessionId !== asked(request).params.id);
    return reply.code(204).send();
  });
  app.post(`${API}/me/sessions/revoke-all`, (_request, reply) => {
    life.sessions = life.sessions.filter((one) => one.current);
    return reply.code(204).send();
  });
  app.post(`${API}/account/password`, (request, reply) =>
    asked(request).body.currentPassword === PASSWORD
      ? reply.code(204).send()
      : reply.code(403).send(refused('wrong_password')),
  );
  app.get(`${API}/account/export`, () => ({ profile: { auraId: life.auraId } }));
  app.get(`${API}/account/export.html`, (_request, reply) => reply.type('text/html').send('<h1>Alice</h1>'));
  app.get(`${API}/account/audit`, () => ({
    entries: [
      { at: inDays(-1), act: 'privacy.changed', actor: 'person:1' },
      { at: inDays(-30), act: 'name.claimed', actor: 'person:1' },
    ],
  }));
  app.get(`${API}/account/erasure`, () => ({
    confirmation: life.auraId,
    goes: ['Your profile, picture and all personal data.', 'Friends, lists, notes and invitation links.'],
    stays: [
      {
        what: 'Calls, in the lists of those whom you called.',
        why: 'They are theirs; your name is taken out.',
        until: 'As long as they keep them.',
      },
      { what: 'Your name, unused.', why: 'So that nobody poses as you.', until: '180 days.' },
    ],
  }));
  app.post(`${API}/account/erasure`, (request, reply) =>
    asked(request).body.currentPassword === PASSWORD
      ? reply.code(204).send()
      : reply.code(403).send(refused('wrong_password')),
  );
  app.post(`${API}/endpoint/revoke`, (_request, reply) => reply.code(204).send());
}
