/** The documents: links lead somewhere, paths exist, and what the documents must name is named. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { configSchema } from '../../auralink-communication-service/config.ts';
import { portsFor } from '../../auralink-communication-service/launcher/ports.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).sort();
const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const withoutCode = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '');

/** As a heading's anchor is made on the usual forges. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function faultOf(page: string, target: string): string | null {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, file))) return `${page}: ${target} does not exist`;
  if (anchor === undefined) return null;
  const anchors = [...read(file).matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? ''));
  return anchors.includes(anchor) ? null : `${page}: ${target} has no such heading`;
}

test('every link of every page leads somewhere', () => {
  assert.ok(pages.length > 15, pages.join(', '));
  const faults = pages.flatMap((page) =>
    [...withoutCode(read(page)).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map((match) =>
      faultOf(page, match[1] ?? ''),
    ),
  );
  assert.deepEqual(
    faults.filter((fault) => fault !== null),
    [],
  );
});

test('every path that README, CONTRIBUTING and ARCHITECTURE run or name in code exists', () => {
  const folders = /^(\.\/)?(aura|auralink-[a-z-]+|scripts|tests|bench|docs)(\/|$)/;
  const missing = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md'].flatMap((page) => {
    // The left column of "From the first README" names what is no more.
    const text = read(page).replace(/^## From the first README[\s\S]*?^## /m, '## ');
    return [...text.matchAll(/(?:`|-f )([\w./-]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((path) => folders.test(path) && !/^auralink-[a-z]+$/.test(path))
      .filter((path) => !existsSync(join(ROOT, path)))
      .map((path) => `${page}: ${path}`);
  });
  assert.deepEqual(missing, []);
});

test('ARCHITECTURE names every folder of the service and every room', () => {
  const text = read('ARCHITECTURE.md');
  const service = join(ROOT, 'auralink-communication-service');
  const folders = readdirSync(service, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'docker')
    .map((entry) => `auralink-communication-service/${entry.name}`);
  const rooms = readdirSync(join(service, 'auralink-modules')).map((room) => `\`${room}\``);
  for (const name of [...folders, ...rooms]) assert.ok(text.includes(name), `${name} is missing`);
});

test("README's ports are the ports", () => {
  const rows = [
    ...read('README.md').matchAll(/^\| (\d+)(?:, \d+)? \| .* \| N(?: \+ (\d+))?(?:, N \+ \d+)? \|$/gm),
  ];
  assert.ok(rows.length >= 5);
  const plain = Object.values(portsFor(null));
  const based = Object.values(portsFor(20_000));
  for (const [, port, offset = '0'] of rows) {
    assert.equal(based[plain.indexOf(Number(port))], 20_000 + Number(offset), `port ${port}`);
  }
});

test('the adr are numbered without a gap and say what was rejected', () => {
  const files = readdirSync(join(ROOT, 'docs', 'adr')).sort();
  files.forEach((file, index) => {
    const number = String(index + 1).padStart(4, '0');
    assert.ok(file.startsWith(`${number}-`), `${file} should be number ${number}`);
    const text = read(join('docs', 'adr', file));
    assert.ok(text.startsWith(`# ${index + 1}. `), file);
    for (const part of ['**Forced by.**', '**Chosen.**', '**Rejected.**', '**Costs.**']) {
      assert.ok(text.includes(part), `${file} lacks ${part}`);
    }
  });
});

test('variables that the documents name exist', () => {
  const known = new Set(Object.keys(configSchema.shape));
  const named = pages
    .flatMap((page) => [
      ...read(page).matchAll(/\b(?:SYNAPSE|COMM|MATRIX|LIVEKIT|OIDC|PUBLIC|ENGINES)_[A-Z_]+\b(?!\*)/g),
    ])
    .map((match) => match[0])
    .filter((name) => !name.endsWith('_'));
  const limits = read('docs/LIMITS.md');
  assert.deepEqual(
    named.filter((name) => !known.has(name) && !limits.includes(`\`${name}\``)),
    [],
  );
});
