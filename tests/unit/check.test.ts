/** The parts of `./aura check` that are our own: each accepts what is committed and finds what is planted. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runCheck } from '../../auralink-communication-service/launcher/check.ts';
import { checkEnvTemplate } from '../../auralink-communication-service/launcher/checks/env-template.ts';
import { checkGeneratedPart } from '../../auralink-communication-service/launcher/checks/generated.ts';
import { checkLimits, limitsOf } from '../../auralink-communication-service/launcher/checks/limits.ts';
import { checkMetrics } from '../../auralink-communication-service/launcher/checks/metrics.ts';
import { checkMigrations } from '../../auralink-communication-service/launcher/checks/migrations.ts';
import { runTool } from '../../auralink-communication-service/launcher/checks/tool.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TEMPLATE = 'auralink-communication-service/.env.template';

/** A folder with copies of these paths of the project. */
function copyOf(context: TestContext, ...paths: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'auralink-check-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of paths) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  return folder;
}

function edit(path: string, change: (text: string) => string): void {
  const text = readFileSync(path, 'utf8');
  const changed = change(text);
  assert.notEqual(changed, text, `${path} was not changed by the test`);
  writeFileSync(path, changed);
}

test('.env.template is the schema of the configuration', async (context) => {
  assert.deepEqual(checkEnvTemplate(ROOT, false), []);
  const folder = copyOf(context, TEMPLATE);
  edit(join(folder, TEMPLATE), (text) =>
    text.replace('#RING_TIMEOUT_SECONDS=45', '#RING_TIMEOUT_SECONDS=46'),
  );
  assert.match(checkEnvTemplate(folder, false).join(), /\+ #RING_TIMEOUT_SECONDS=45/);
  checkEnvTemplate(folder, true);
  assert.deepEqual(checkEnvTemplate(folder, false), []);
});

test('docs/METRICS.md lists the metrics', async (context) => {
  assert.deepEqual(await checkMetrics(ROOT, false), []);
  const folder = copyOf(context, 'docs/METRICS.md');
  edit(join(folder, 'docs/METRICS.md'), (text) => text.replace(/^\| `cross_app_calls_total`.*\n/m, ''));
  assert.match((await checkMetrics(folder, false)).join(), /\+ \| `cross_app_calls_total`/);
});

test('a limit shows up with its value and its comment, however it is written', () => {
  const source = [
    '/** How long a ring waits. */',
    'export const RING_MS = 1_000;',
    '/**',
    ' * Bytes that one',
    ' * frame may have.',
    ' */',
    'const FRAME_MAX_BYTES: number = 64 * 1024;',
    'export const SILENT = 3;',
    'export const NOT_A_NUMBER = /1/;',
    "export const WORD = 'one';",
    'const lower = 1;',
    '  const INSIDE = 1;',
  ].join('\n');
  assert.deepEqual(
    limitsOf('a.ts', source).map(({ name, value, meaning }) => [name, value, meaning]),
    [
      ['RING_MS', '1_000', 'How long a ring waits.'],
      ['FRAME_MAX_BYTES', '64 * 1024', 'Bytes that one frame may have.'],
      ['SILENT', '3', ''],
    ],
  );
});

test('docs/LIMITS.md lists the limits, and each must say what it bounds', (context) => {
  const folder = copyOf(context, 'docs/LIMITS.md');
  mkdirSync(join(folder, 'auralink-communication-service/core'), { recursive: true });
  const file = join(folder, 'auralink-communication-service/core/new.ts');
  writeFileSync(file, '/** Tries of a thing. */\nexport const TRIES_MAX = 3;\n');
  assert.match(checkLimits(folder, false).join(), /\+ \| `TRIES_MAX` \| 3 \| Tries of a thing\. \|/);
  assert.deepEqual(checkLimits(folder, true), []);
  assert.deepEqual(checkLimits(folder, false), []);
  writeFileSync(file, 'export const TRIES_MAX = 3;\n');
  assert.match(checkLimits(folder, false).join(), /TRIES_MAX has no comment/);
});

test('a generated part without its markers is a fault, and the rest of the page is left alone', (context) => {
  const folder = copyOf(context);
  const page = join(folder, 'page.md');
  writeFileSync(page, 'before\n');
  assert.match(checkGeneratedPart(folder, 'page.md', 'new', true).join(), /are missing/);
  writeFileSync(page, 'before\n<!-- generated: begin -->\nold\n<!-- generated: end -->\nafter\n');
  assert.equal(checkGeneratedPart(folder, 'page.md', 'new', false).length, 1);
  assert.deepEqual(checkGeneratedPart(folder, 'page.md', 'new', true), []);
  assert.equal(
    readFileSync(page, 'utf8'),
    'before\n<!-- generated: begin -->\n\nnew\n\n<!-- generated: end -->\nafter\n',
  );
});

test('a migration that was edited, renamed or numbered twice is found', (context) => {
  const migrations = join('scripts', 'db', 'migrations');
  assert.deepEqual(checkMigrations(join(ROOT, migrations), false), []);
  const folder = join(copyOf(context, migrations), migrations);
  const first = join(folder, '006_phase6_auraid_mesh_schema.sql');
  edit(first, (text) => text.replace('Whose proof', 'Whose proof it is'));
  assert.match(checkMigrations(folder, false).join(), /^006_\S+: its checksum is sha256:/);
  assert.deepEqual(checkMigrations(folder, true), []);
  assert.deepEqual(checkMigrations(folder, false), []);
  cpSync(first, join(folder, '006_again.sql'));
  const faults = checkMigrations(folder, false).join('\n');
  assert.match(faults, /its number is 006_again\.sql's too/);
  assert.match(faults, /006_again\.sql: it does not record itself/);
});

test('a tool that fails is a fault with its output; one that is absent is named', async () => {
  assert.deepEqual(await runTool(ROOT, 'biome', ['--version']), []);
  assert.match(
    (await runTool(ROOT, 'biome', ['no-such-command'])).join(),
    /biome no-such-command exited with \d+\n.*\S/s,
  );
  assert.match((await runTool(ROOT, 'no-such-tool', [])).join(), /no-such-tool cannot be started: .*ENOENT/);
});

test('an unknown step or option is refused', async (context) => {
  const written: string[] = [];
  context.mock.method(process.stderr, 'write', (text: string) => written.push(text) > 0);
  assert.equal(await runCheck(['--only', 'nonsense']), 2);
  assert.equal(await runCheck(['--nonsense']), 2);
  assert.match(written.join(''), /there is no step "nonsense"/);
});
