/**
 * Every route of the description, walked with input of every bad kind: bodies that are no object, are half an object, are
 * ten thousand fields or nested without end; each property as something else than it should be, with NUL, half a
 * character, bidirectional and zero-width ones; ids of nobody and paths that lead out. Whatever is refused is refused
 * with a whole error and changes nothing, and nothing is our fault.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeDashboardToken } from '../../auralink-communication-service/launcher/dashboard-token.ts';
import { SCOPES } from '../../auralink-communication-service/auralink-modules/endpoints/model.ts';
import { openRawDoor } from '../support/raw-door.ts';
import { openStage } from '../support/stage.ts';

interface Operation {
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: { readonly properties?: object } }>>;
  };
}
const { paths } = JSON.parse(readFileSync('docs/api/openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
};
const stage = await openStage('bad-input-walk', {
  processes: 1,
  without: [],
  env: { TRUSTED_PROXY_CIDRS: '127.0.0.1/32', DASHBOARD_WEBHOOK_SECRET: 'a secret of this test' },
});
const { raw } = openRawDoor(stage.constellation.settings.config.PUBLIC_PORT);
const { db } = stage.world;

const WIDE = JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field${i}`, i])));
const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
const NO_OBJECTS = [
  '[]',
  'null',
  '"x"',
  '42',
  '{}',
  '{"a":',
  '{"__proto__":{"x":1}}',
  '\u0000',
  WIDE,
  DEEP,
  `{"a":${DEEP}}`,
];
const HOSTILE: readonly unknown[] = [
  ...[
    null,
    42,
    -1,
    1e308,
    true,
    [],
    {},
    '',
    ' ',
    'a\u0000b',
    '\ud800',
    'ali\u200bce',
    '\u202ealice',
    'á̴̢̧'.repeat(50),
  ],
  ...[
    'x'.repeat(100_000),
    Array.from({ length: 10_000 }, () => 'x'),
    { toString: 'x' },
    "'; DROP TABLE apps; --",
  ],
];
const HOSTILE_IN_PATH = [
  'x',
  '%00',
  '%ff',
  '..%2f..%2fhealth',
  '%E2%80%AE',
  'a'.repeat(500),
  '00000000-0000-7000-8000-000000000000',
];
const QUERY = '?limit=-1&after=%00&before=%ff&resource=%00&x%5B%5D=1&limit=1e9';
const SERVICE_SCOPES =
  'matrix.register apps.manage apps.read mesh.register_node routing.query users.read users.suspend reviewers.manage reviewers.read webhooks.manage webhooks.read';
/** Of people and what hangs on them; what only counts, measures, or records the refusal itself may change. */
const KEPT = [
  ...[
    'aura_id_registry',
    'person_privacy',
    'personal_fields',
    'person_blocks',
    'friendships',
    'friend_requests',
  ],
  ...[
    'contact_lists',
    'contact_list_members',
    'contact_notes',
    'invite_codes',
    'invite_uses',
    'aura_id_holds',
  ],
  ...[
    'matrix_user_mappings',
    'aura_id_verifications',
    'verification_challenges',
    'identity_documents',
    'apps',
  ],
  ...[
    'cross_app_calls',
    'call_invitations',
    'audit_log',
    'outgoing_messages',
    'person_erasures',
    'reviewer_roles',
  ],
];

async function state(): Promise<Record<string, string>> {
  const parts = KEPT.map(
    (table) =>
      `SELECT '${table}' AS name, count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') AS rows FROM ${table} t
      ${table === 'audit_log' ? "WHERE act <> 'review.refused'" : ''}`,
  );
  const { rows } = await db.query<{ name: string; rows: string }>(parts.join(' UNION ALL '));
  return Object.fromEntries(rows.map((row) => [row.name, row.rows]));
}

interface Case {
  readonly path: string;
  readonly body: string | null;
}

function casesOf(path: string, { requestBody }: Operation): Case[] {
  const params = path.match(/\{\w+\}/g) ?? [];
  const filled = (value: string) => params.reduce((whole, param) => whole.replace(param, value), path);
  const somewhere = filled('00000000-0000-7000-8000-000000000000');
  const cases: Case[] = [{ path: `${somewhere}${QUERY}`, body: requestBody ? '{}' : null }];
  if (params.length > 0) {
    for (const value of HOSTILE_IN_PATH) cases.push({ path: filled(value), body: requestBody ? '{}' : null });
  }
  const schema = requestBody?.content['application/json']?.schema;
  if (schema === undefined) return cases;
  for (const body of NO_OBJECTS) cases.push({ path: somewhere, body });
  const names = Object.keys(schema.properties ?? {});
  for (const name of names) {
    for (const value of HOSTILE) {
      const others = Object.fromEntries(names.map((other) => [other, 'x']));
      cases.push({ path: somewhere, body: JSON.stringify({ ...others, [name]: value }) });
    }
  }
  return cases;
}

let asked = 0;

/** Each operation by somebody of its own, so that no other one's limits are met; a service's token is good once. */
async function tokensFor({ security }: Operation): Promise<() => Promise<string | null>> {
  const who = Object.keys(security?.[0] ?? {})[0];
  if (who === undefined || who === 'appKey') return async () => null;
  if (who === 'service') return () => makeDashboardToken(stage.constellation.settings, SERVICE_SCOPES, 300);
  const { endpoint } = await stage.phone(await stage.person(), { scopes: SCOPES, connect: false });
  return async () => endpoint.token;
}

for (const [path, operations] of Object.entries(paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const name = `${method.toUpperCase()} ${path}`;
    test(name, async () => {
      const nextToken = await tokensFor(operation);
      let before = await state();
      const wrong: string[] = [];
      const statuses = new Set<number>();
      for (const one of casesOf(path, operation)) {
        asked += 1;
        const token = await nextToken();
        const answer = await raw(one.path, {
          method: method.toUpperCase(),
          headers: {
            'x-forwarded-for': `10.${asked % 250}.${Math.floor(asked / 250) % 250}.9`,
            ...(token !== null && { authorization: `Bearer ${token}` }),
            ...(one.body !== null && {
              'content-type': 'application/json',
              'content-length': String(Buffer.byteLength(one.body)),
            }),
          },
          ...(one.body !== null && { body: one.body }),
        });
        statuses.add(answer.status);
        const what = `${one.path.slice(0, 120)} ${one.body?.slice(0, 120) ?? ''}: ${answer.status}`;
        if (answer.status >= 500) wrong.push(`${what} ${answer.body.slice(0, 300)}`);
        else if (answer.status >= 400) wrong.push(...faultsOf(what, answer.body));
        else before = await state();
      }
      assert.deepEqual(wrong, []);
      if (operation.security?.some((needs) => !('appKey' in needs)))
        assert.ok(!statuses.has(401) || statuses.size > 1, 'it came past the token');
      assert.deepEqual(await state(), before, 'nothing was changed by what was refused');
    });
  }
}

function faultsOf(what: string, body: string): string[] {
  try {
    const problem = JSON.parse(body) as Record<string, unknown>;
    const missing = ['errcode', 'error'].filter(
      (field) => typeof problem[field] !== 'string' || problem[field] === '',
    );
    return missing.map((field) => `${what}: no ${field} in ${body.slice(0, 200)}`);
  } catch {
    return [`${what}: no JSON: ${body.slice(0, 200)}`];
  }
}
