/**
 * docs/LIMITS.md: the numeric constants of the code by name, value and meaning: all that are exported, each of which
 * must say what it bounds, and of a file's own those that say it.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkGeneratedPart } from './generated.ts';

export interface Limit {
  readonly name: string;
  /** As written in the source, e.g. `1_000`. */
  readonly value: string;
  readonly meaning: string;
  readonly exported: boolean;
  readonly file: string;
}

const SOURCES = ['auralink-communication-service/**/*.ts', 'auralink-client/**/*.ts'];
/** An optional comment, then `const NAME = <numbers, other constants and arithmetic>;`. */
const CONSTANT =
  /(?:\/\*\*(?<doc>(?:[^*]|\*(?!\/))*)\*\/\n)?^(?<exported>export )?const (?<name>[A-Z][A-Z0-9_]*)(?:: number)? = (?<value>(?!\/)[-\d_.*+/() A-Z]*\d[-\d_.*+/() A-Z]*);/gm;

/** Compares docs/LIMITS.md with the code; a constant without a line of its own is a fault too. */
export function checkLimits(root: string, fix: boolean): string[] {
  const limits = collectLimits(root);
  const silent = limits
    .filter((limit) => limit.exported && limit.meaning === '')
    .map((limit) => `${limit.file}: ${limit.name} has no comment that says what it bounds`);
  return [
    ...silent,
    ...checkGeneratedPart(
      root,
      'docs/LIMITS.md',
      renderLimits(limits.filter((limit) => limit.meaning !== '')),
      fix,
    ),
  ];
}

/** Every limit of the sources below `root`, in the order of files and lines. */
export function collectLimits(root: string): Limit[] {
  const files = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((file) => !file.includes('node_modules'))
    .sort();
  return files.flatMap((file) => limitsOf(file, readFileSync(join(root, file), 'utf8')));
}

export function limitsOf(file: string, source: string): Limit[] {
  return [...source.matchAll(CONSTANT)].map(({ groups }) => ({
    name: groups?.name ?? '',
    value: groups?.value ?? '',
    meaning: (groups?.doc ?? '').replace(/\s*\n\s*\*\s?/g, ' ').trim(),
    exported: groups?.exported !== undefined,
    file,
  }));
}

/** One table a file, for docs/LIMITS.md. */
export function renderLimits(limits: readonly Limit[]): string {
  const byFile = Map.groupBy(limits, (limit) => limit.file);
  return [...byFile]
    .map(([file, own]) => {
      const rows = own.map((limit) => `| \`${limit.name}\` | ${limit.value} | ${cell(limit.meaning)} |`);
      return [
        `### [${file}](../${file})`,
        '',
        '| constant | value | meaning |',
        '|---|---|---|',
        ...rows,
      ].join('\n');
    })
    .join('\n\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
