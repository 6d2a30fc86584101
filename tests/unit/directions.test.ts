/**
 * The directions of imports are enforced by the linter. Each forbidden arrow is planted into a copy of the linter's
 * configuration with small files around it, in every form that an import can take, and must be found; the arrows that
 * the house needs must pass.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, before, test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');
const SERVICE = 'auralink-communication-service';
let folder: string;

before(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'auralink-directions-')));
  for (const path of ['biome.json', 'scripts/lint'])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, '.gitignore'), 'node_modules\n');
  execFileSync('git', ['init', '-q'], { cwd: folder });
});

after(() => rmSync(folder, { recursive: true, force: true }));

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
}

/** Writes the files and returns what the linter finds in them. */
function lint(files: Readonly<Record<string, string>>): Finding[] {
  for (const part of [SERVICE, 'auralink-client', 'auralink-web', 'tests', 'bench']) {
    rmSync(join(folder, part), { recursive: true, force: true });
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const output = runBiome();
  return [...output.matchAll(/^::error title=([^,]+),file=([^,]+),line=(\d+)/gm)].map((match) => ({
    rule: match[1] ?? '',
    file: relative(folder, match[2] ?? ''),
    line: Number(match[3]),
  }));
}

function runBiome(): string {
  const args = ['lint', '--reporter=github', '--max-diagnostics=none', '.'];
  try {
    return execFileSync(join(ROOT, 'node_modules', '.bin', 'biome'), args, {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** Every way to say "this file needs that one"; one a line, so that a finding names its form. */
const FORMS: readonly ((target: string) => string)[] = [
  (target) => `import { a } from '${target}';`,
  (target) => `import type { B } from '${target}';`,
  (target) => `import { type C } from '${target}';`,
  (target) => `export { d } from '${target}';`,
  (target) => `export type { E } from '${target}';`,
  (target) => `export * from '${target}';`,
  (target) => `import '${target}';`,
  (target) => `export const f = import('${target}');`,
  (target) => `export type G = import('${target}').G;`,
];
const formsOf = (target: string) => FORMS.map((form) => form(target)).join('\n');

const room = `${SERVICE}/auralink-modules/calls/service.ts`;
const forbidden: readonly (readonly [file: string, target: string])[] = [
  [`${SERVICE}/core/ids.ts`, '../config.ts'],
  [`${SERVICE}/core/ids.ts`, '../auralink-modules/calls/model.ts'],
  [`${SERVICE}/core/ids.ts`, './../store/db.ts'],
  [room, '../../store/db.ts'],
  [room, '../../adapters/redis.ts'],
  [room, '../../http/errors.ts'],
  [room, '../../wire/calls.ts'],
  [room, '../../main.ts'],
  [room, '../../config.ts'],
  [room, '../../launcher/cli.ts'],
  [room, '../endpoints/service.ts'],
  [room, '../endpoints/ports.ts'],
  [room, './../endpoints/service.ts'],
  [room, '../../auralink-modules/endpoints/service.ts'],
  [room, '../../../auralink-client/index.ts'],
  ...['fastify', '@fastify/static', 'pg', 'undici', 'node:http', 'node:net', 'redis', 'ws'].map(
    (library) => [room, library] as const,
  ),
  [room, 'livekit-server-sdk'],
  [room, 'oidc-provider'],
  ...['nodemailer', 'nodemailer/lib/smtp-connection', 'smpp'].map((library) => [room, library] as const),
  [room, '../messages/service.ts'],
  [`${SERVICE}/auralink-modules/messages/service.ts`, '../auraid/envelope.ts'],
  [`${SERVICE}/store/calls.ts`, '../http/errors.ts'],
  [`${SERVICE}/store/calls.ts`, '../adapters/redis.ts'],
  [`${SERVICE}/store/calls.ts`, '../config.ts'],
  [`${SERVICE}/store/calls.ts`, '../wire/calls.ts'],
  [`${SERVICE}/store/calls.ts`, '../main.ts'],
  [`${SERVICE}/store/calls.ts`, '../launcher/cli.ts'],
  [`${SERVICE}/store/calls.ts`, '../auralink-modules/calls/service.ts'],
  [`${SERVICE}/store/calls.ts`, 'fastify'],
  [`${SERVICE}/adapters/redis.ts`, '../http/errors.ts'],
  [`${SERVICE}/adapters/redis.ts`, '../store/db.ts'],
  [`${SERVICE}/adapters/redis.ts`, '../config.ts'],
  [`${SERVICE}/adapters/redis.ts`, '../wire/calls.ts'],
  [`${SERVICE}/adapters/redis.ts`, '../auralink-modules/calls/service.ts'],
  [`${SERVICE}/adapters/redis.ts`, 'fastify'],
  [`${SERVICE}/http/errors.ts`, '../store/db.ts'],
  [`${SERVICE}/http/errors.ts`, '../adapters/redis.ts'],
  [`${SERVICE}/http/errors.ts`, '../config.ts'],
  [`${SERVICE}/http/errors.ts`, '../wire/calls.ts'],
  [`${SERVICE}/http/errors.ts`, './../store/db.ts'],
  [`${SERVICE}/http/errors.ts`, 'pg'],
  [`${SERVICE}/config.ts`, './store/db.ts'],
  [`${SERVICE}/wire/calls.ts`, '../main.ts'],
  [`${SERVICE}/wire/calls.ts`, '../launcher/cli.ts'],
  [`${SERVICE}/main.ts`, './launcher/cli.ts'],
  ['auralink-client/index.ts', '../auralink-communication-service/auralink-modules/calls/model.ts'],
  ['auralink-client/index.ts', 'react'],
  ['auralink-client/index.ts', 'node:fs'],
  ['auralink-web/src/phone.tsx', '../../auralink-communication-service/core/ids.ts'],
];

test('every forbidden arrow is found, in each of its forms', () => {
  const files: Record<string, string> = {};
  const planted: { readonly file: string; readonly line: number; readonly text: string }[] = [];
  for (const [file, target] of forbidden) {
    const lines = (files[file] ?? '').split('\n').length;
    files[file] = `${files[file] ?? ''}${formsOf(target)}\n`;
    FORMS.forEach((form, index) => {
      planted.push({ file, line: lines + index, text: form(target) });
    });
  }
  const found = new Set(
    lint(files)
      .filter(({ rule }) => /noRestrictedImports|plugin/.test(rule))
      .map(({ file, line }) => `${file}:${line}`),
  );
  const missed = planted.filter(({ file, line }) => !found.has(`${file}:${line}`));
  assert.deepEqual(missed, []);
});

test('the arrows that the house needs pass', () => {
  const findings = lint({
    [`${SERVICE}/core/ids.ts`]: "import { v7 } from 'uuid';\nexport const newId = () => v7();\n",
    [`${SERVICE}/config.ts`]:
      "import { z } from 'zod';\nexport const schema = z.string().parse(process.env.A);\n",
    [`${SERVICE}/auralink-modules/calls/model.ts`]: 'export const a = 1;\n',
    [`${SERVICE}/auralink-modules/endpoints/model.ts`]: 'export const b = 1;\n',
    [`${SERVICE}/auralink-modules/calls/ports.ts`]: [
      "import { newId } from '../../core/ids.ts';",
      "import { b } from '../endpoints/model.ts';",
      "import { a } from './model.ts';",
      'export const c = [newId, a, b];\n',
    ].join('\n'),
    [`${SERVICE}/auralink-modules/calls/service.ts`]:
      "import { c } from './ports.ts';\nexport const d = c;\n",
    [`${SERVICE}/store/calls.ts`]: [
      "import pg from 'pg';",
      "import { c } from '../auralink-modules/calls/ports.ts';",
      "import { newId } from '../core/ids.ts';",
      'export const e = [pg, c, newId];\n',
    ].join('\n'),
    [`${SERVICE}/adapters/redis.ts`]: [
      "import { createClient } from 'redis';",
      "import { c } from '../auralink-modules/calls/ports.ts';",
      'export const f = [createClient, c];\n',
    ].join('\n'),
    [`${SERVICE}/http/calls-routes.ts`]: [
      "import fastify from 'fastify';",
      "import { d } from '../auralink-modules/calls/service.ts';",
      'export const g = [fastify, d];\n',
    ].join('\n'),
    [`${SERVICE}/wire/calls.ts`]: [
      "import { f } from '../adapters/redis.ts';",
      "import { d } from '../auralink-modules/calls/service.ts';",
      "import { schema } from '../config.ts';",
      "import { g } from '../http/calls-routes.ts';",
      "import { e } from '../store/calls.ts';",
      'export const h = [d, e, f, g, schema];\n',
    ].join('\n'),
    [`${SERVICE}/main.ts`]: "import { h } from './wire/calls.ts';\nexport const i = h;\n",
    [`${SERVICE}/launcher/cli.ts`]: "import { schema } from '../config.ts';\nexport const j = schema;\n",
    'auralink-client/index.ts': "import { k } from './media.ts';\nexport const l = k;\n",
    'auralink-client/media.ts': "import { Room } from 'livekit-client';\nexport const k = new Room();\n",
    'auralink-web/src/phone.tsx':
      "import { l } from '../../auralink-client/index.ts';\nexport const m = l;\n",
  });
  assert.deepEqual(findings, []);
});

test('a circle of imports is found, of types too', () => {
  const findings = lint({
    [`${SERVICE}/core/a.ts`]: "import type { B } from './b.ts';\nexport type A = B | 1;\n",
    [`${SERVICE}/core/b.ts`]: "import type { A } from './a.ts';\nexport type B = A | 2;\n",
  });
  const rules = findings.map(({ rule }) => rule);
  assert.ok(
    rules.some((rule) => rule.includes('noImportCycles')),
    `found only ${rules.join(', ') || 'nothing'}`,
  );
});

test('what the style forbids is found: any, floating promises, process.env, long functions and files', () => {
  const long = `export function long() {\n${'  console.error(1);\n'.repeat(61)}}\n`;
  const findings = lint({
    [`${SERVICE}/core/any.ts`]: 'export const a = (b: any) => b;\n',
    [`${SERVICE}/core/floating.ts`]: 'async function f() {}\nexport function g() {\n  f();\n}\n',
    [`${SERVICE}/core/env.ts`]: 'export const e = process.env.A;\n',
    [`${SERVICE}/launcher/long-function.ts`]: long,
    [`${SERVICE}/launcher/long-file.ts`]: 'console.error(1);\n'.repeat(401),
  });
  const seen = findings.map(({ file, rule }) => `${file.split('/').at(-1)} ${rule.split('/').at(-1)}`);
  for (const wanted of [
    'any.ts noExplicitAny',
    'floating.ts noFloatingPromises',
    'env.ts noProcessEnv',
    'long-function.ts noExcessiveLinesPerFunction',
    'long-file.ts noExcessiveLinesPerFile',
  ]) {
    assert.ok(seen.includes(wanted), `${wanted} is missing among ${seen.join(', ')}`);
  }
});
