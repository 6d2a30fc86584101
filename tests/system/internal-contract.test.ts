/**
 * The contract of docs/api/internal.md, held against both sides: the service is asked what the page's examples ask, and
 * the development Dashboard asks a service that is written from the page alone.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { configSchema } from '../../auralink-communication-service/config.ts';
import { openFakeDashboard } from '../fakes/dashboard.ts';
import { type DashboardAsks, dashboardAsks, Refused } from '../fakes/dashboard-asks.ts';
import {
  documentedExchanges,
  type Exchange,
  internalOperations,
  Story,
} from '../support/documented-exchanges.ts';
import { openStage } from '../support/stage.ts';

const audience = configSchema.shape.DASHBOARD_AUDIENCE.parse(undefined);
const issuer = configSchema.shape.DASHBOARD_ISSUER.parse(undefined);
const dashboard = await openFakeDashboard(audience, issuer);
after(() => dashboard.down());
const exchanges = documentedExchanges();
const isGranted = ({ status }: Exchange) => status < 300;

test('every operation has an example that is granted, and there are refusals', () => {
  const granted = exchanges.filter(isGranted).map(({ operation }) => operation);
  assert.deepEqual(granted.sort(), internalOperations().sort());
  const refusals = exchanges.filter((one) => !isGranted(one)).map(({ status }) => status);
  assert.deepEqual(new Set(refusals), new Set([400, 403, 404]));
});

test('the service answers each request of the page as the page says', async () => {
  const stage = await openStage('internal-contract', {
    without: [],
    env: { DASHBOARD_SERVICE_URL: dashboard.url, DASHBOARD_JWKS_URL: dashboard.jwksUrl },
  });
  const story = new Story();
  for (const exchange of exchanges) {
    if (exchange.operation === 'GET /internal/webhooks') await giveUpOne(stage, exchanges);
    const { method, path, scope, body } = story.told(exchange);
    const answer = await fetch(`${stage.world.publicUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await dashboard.token(scope)}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const at = `${method} ${exchange.path}: ${text}`;
    assert.equal(answer.status, exchange.status, at);
    assert.equal(answer.headers.get('content-type')?.split(';')[0], exchange.answerType, at);
    if (exchange.answer === undefined) assert.equal(text, '', at);
    else story.assertAs(exchange.answer, JSON.parse(text), `${method} ${exchange.path} `);
  }
});

/** The webhook of the page's example was given up a while ago; nothing else waits. */
async function giveUpOne(
  stage: Awaited<ReturnType<typeof openStage>>,
  all: readonly Exchange[],
): Promise<void> {
  const list = all.find(({ operation }) => operation === 'GET /internal/webhooks/deliveries')?.answer;
  const [one] = (list as { deliveries: Record<string, unknown>[] }).deliveries;
  await stage.world.db.query("DELETE FROM webhook_deliveries WHERE state <> 'delivered'");
  await stage.world.db.query(
    `INSERT INTO webhook_deliveries
       (webhook_id, type, data, occurred_at, state, attempts, last_status, settled_at, first_attempt_at)
     VALUES ($1, $2, '{}', $3, $4, $5, $6, now(), now())`,
    [one?.webhookId, one?.type, one?.occurredAt, one?.state, one?.attempts, one?.lastStatus],
  );
}

/** How the Dashboard says each: its arguments are the example's. */
type Spoken = (
  asks: DashboardAsks,
  said: { ids: string[]; query: Record<string, string>; body: never },
) => unknown;
const SPOKEN: Readonly<Record<string, Spoken>> = {
  'POST /internal/matrix/register': (asks, { body }) => asks.register(body),
  'GET /internal/users': (asks, { query }) => asks.findUser(query),
  'POST /internal/users/{personId}/suspend': (asks, { ids: [id = ''] }) => asks.suspend(id),
  'POST /internal/users/{personId}/resume': (asks, { ids: [id = ''] }) => asks.resume(id),
  'GET /internal/reviewers': (asks) => asks.listReviewers(),
  'PUT /internal/reviewers/{personId}': (asks, { ids: [id = ''] }) => asks.grantReviewer(id),
  'DELETE /internal/reviewers/{personId}': (asks, { ids: [id = ''] }) => asks.revokeReviewer(id),
  'PUT /internal/apps/{appId}': (asks, { ids: [id = ''], body }) => asks.putApp(id, body),
  'GET /internal/apps/{appId}': (asks, { ids: [id = ''] }) => asks.getApp(id),
  'GET /internal/apps': (asks) => asks.listApps(),
  'DELETE /internal/apps/{appId}': (asks, { ids: [id = ''] }) => asks.deleteApp(id),
  'POST /internal/apps/{appId}/keys': (asks, { ids: [id = ''], body }) =>
    asks.issueKey(id, (body as { name: string }).name),
  'GET /internal/apps/{appId}/keys': (asks, { ids: [id = ''] }) => asks.listKeys(id),
  'POST /internal/apps/{appId}/keys/{keyId}/rotate': (asks, { ids: [id = '', key = ''], body }) =>
    asks.rotateKey(id, key, (body as { graceSeconds: number }).graceSeconds),
  'DELETE /internal/apps/{appId}/keys/{keyId}': (asks, { ids: [id = '', key = ''] }) =>
    asks.revokeKey(id, key),
  'GET /internal/webhooks': (asks) => asks.webhookStatus(),
  'GET /internal/webhooks/deliveries': (asks, { query }) => asks.listDeliveries(query),
  'POST /internal/webhooks/disable': (asks) => asks.disableWebhooks(),
  'POST /internal/webhooks/enable': (asks) => asks.enableWebhooks(),
  'POST /internal/webhooks/replay': (asks, { body }) =>
    asks.replay((body as { webhookIds: string[] }).webhookIds),
  'POST /internal/webhooks/rotate': (asks, { body }) =>
    asks.rotateSecret((body as { graceSeconds: number }).graceSeconds),
  'POST /internal/mesh/register_node': (asks, { body }) => asks.registerNode(body),
  'POST /internal/routing/query': (asks, { body }) => asks.findRoutes(body),
};

test('the development Dashboard asks each thing as the page says, and takes the answer', async () => {
  const page = await openPageService();
  const asks = dashboardAsks(dashboard, page.url);
  for (const exchange of exchanges) {
    page.expect(exchange);
    const said = await Promise.resolve(SPOKEN[exchange.operation]?.(asks, argumentsOf(exchange))).catch(
      (error: unknown) => error,
    );
    assert.deepEqual(page.faults(), [], exchange.operation);
    if (isGranted(exchange)) assert.deepEqual(said, exchange.answer, exchange.operation);
    else {
      assert.ok(said instanceof Refused, String(said));
      const { status, reason, field } = exchange.answer as Refused;
      assert.deepEqual([said.status, said.reason, said.field], [status, reason, field]);
    }
  }
});

function argumentsOf({ operation, path, body }: Exchange): Parameters<Spoken>[1] {
  const [, template = ''] = operation.split(' ');
  const { pathname, searchParams } = new URL(path, 'http://localhost');
  const ids = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '([^/]+)')}$`).exec(pathname)?.slice(1) ?? [];
  return { ids, query: Object.fromEntries(searchParams), body: body as never };
}

/** A service that knows the page and nothing else: it checks one request and gives its answer. */
async function openPageService() {
  const keys = createRemoteJWKSet(new URL(dashboard.jwksUrl));
  let expected: Exchange | undefined;
  const faults: string[] = [];
  const seen = new Set<unknown>();
  const check = async (wanted: Exchange, token: string, got: Partial<Exchange>): Promise<void> => {
    const { method, path, body } = wanted;
    assert.deepEqual([got.method, decodeURIComponent(got.path ?? ''), got.body], [method, path, body]);
    const { payload } = await jwtVerify(token, keys, {
      ...{ issuer, audience, typ: 'at+jwt', algorithms: ['EdDSA', 'ES256'], maxTokenAge: 600 },
      requiredClaims: ['sub', 'scope', 'jti', 'iat', 'exp'],
    });
    assert.ok(!seen.has(payload.jti), 'each token once');
    seen.add(payload.jti);
    // An example of a missing scope shows the wrong one; a Dashboard always asks with the right one.
    if (wanted.status !== 403) assert.equal(payload.scope, wanted.scope);
  };
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    if (expected === undefined) return void response.writeHead(500).end();
    const { method = '', url: path = '' } = request;
    const [kind, token = ''] = (request.headers.authorization ?? '').split(' ');
    if (kind !== 'Bearer') faults.push('no Bearer token');
    const body = text === '' ? undefined : JSON.parse(text);
    await check(expected, token, { method, path, body }).catch((error) => faults.push(String(error)));
    const { status, answer, answerType } = expected;
    response.writeHead(status, answerType === undefined ? {} : { 'content-type': answerType });
    response.end(answer === undefined ? '' : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    expect: (exchange: Exchange) => {
      expected = exchange;
    },
    faults: () => faults,
  };
}
