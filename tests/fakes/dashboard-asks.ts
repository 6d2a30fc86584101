/**
 * What the development Dashboard asks of the service: every message of docs/api/internal.md, each with a fresh token of
 * its scope and no other.
 */
import type { FakeDashboard } from './dashboard.ts';

/** The service's refusal, as RFC 9457 has it. */
export class Refused extends Error {
  readonly status: number;
  readonly reason: string;
  readonly field: string | undefined;

  constructor(status: number, problem: { detail?: string; reason?: string; field?: string }) {
    super(problem.detail ?? `refused with ${status}`);
    this.status = status;
    this.reason = problem.reason ?? '';
    this.field = problem.field;
  }
}

export interface AppOfDashboard {
  readonly app: { readonly name: string; readonly icon: string; readonly origins: readonly string[] };
  readonly terms?: { readonly callsPerDay?: number | null; readonly ownerPersonId?: string | null };
}

export type DashboardAsks = ReturnType<typeof dashboardAsks>;

/** `publicUrl`: the service's public door. Every method throws `Refused` for any answer but 2xx. */
export function dashboardAsks(dashboard: Pick<FakeDashboard, 'token'>, publicUrl: string) {
  async function ask(scope: string, method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${publicUrl}/internal${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await dashboard.token(scope)}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await answer.text();
    const said = text === '' ? undefined : JSON.parse(text);
    if (!answer.ok) throw new Refused(answer.status, said);
    return said;
  }
  const keys = (appId: string) => `/apps/${appId}/keys`;
  return {
    register: (user: { dashboardUserId: string; auraId: string; displayName?: string }) =>
      ask('matrix.register', 'POST', '/matrix/register', user),
    findUser: (who: Record<string, string>) => ask('users.read', 'GET', `/users?${queryOf(who)}`),
    suspend: (personId: string) => ask('users.suspend', 'POST', `/users/${personId}/suspend`),
    resume: (personId: string) => ask('users.suspend', 'POST', `/users/${personId}/resume`),

    listReviewers: () => ask('reviewers.read', 'GET', '/reviewers'),
    grantReviewer: (personId: string) => ask('reviewers.manage', 'PUT', `/reviewers/${personId}`),
    revokeReviewer: (personId: string) => ask('reviewers.manage', 'DELETE', `/reviewers/${personId}`),

    putApp: (appId: string, app: AppOfDashboard) => ask('apps.manage', 'PUT', `/apps/${appId}`, app),
    getApp: (appId: string) => ask('apps.read', 'GET', `/apps/${appId}`),
    listApps: () => ask('apps.read', 'GET', '/apps'),
    deleteApp: (appId: string) => ask('apps.manage', 'DELETE', `/apps/${appId}`),
    issueKey: (appId: string, name: string) => ask('apps.manage', 'POST', keys(appId), { name }),
    listKeys: (appId: string) => ask('apps.read', 'GET', keys(appId)),
    rotateKey: (appId: string, keyId: string, graceSeconds: number) =>
      ask('apps.manage', 'POST', `${keys(appId)}/${keyId}/rotate`, { graceSeconds }),
    revokeKey: (appId: string, keyId: string) => ask('apps.manage', 'DELETE', `${keys(appId)}/${keyId}`),

    webhookStatus: () => ask('webhooks.read', 'GET', '/webhooks'),
    listDeliveries: (which: Record<string, string>) =>
      ask('webhooks.read', 'GET', `/webhooks/deliveries?${queryOf(which)}`),
    disableWebhooks: () => ask('webhooks.manage', 'POST', '/webhooks/disable'),
    enableWebhooks: () => ask('webhooks.manage', 'POST', '/webhooks/enable'),
    replay: (webhookIds: readonly string[]) =>
      ask('webhooks.manage', 'POST', '/webhooks/replay', { webhookIds }),
    rotateSecret: (graceSeconds: number) =>
      ask('webhooks.manage', 'POST', '/webhooks/rotate', { graceSeconds }),

    registerNode: (node: object) => ask('mesh.register_node', 'POST', '/mesh/register_node', node),
    findRoutes: (between: object) => ask('routing.query', 'POST', '/routing/query', between),
  };
}

const queryOf = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();
