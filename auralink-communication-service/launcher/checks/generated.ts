/**
 * Documents that are made from the code: a whole file, or the part of one between two marker lines. The check compares;
 * `--fix` writes.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BEGIN = '<!-- generated: begin -->';
const END = '<!-- generated: end -->';

/** Compares the part of `path` between its markers with `expected`; `fix` writes it. Returns the faults. */
export function checkGeneratedPart(root: string, path: string, expected: string, fix: boolean): string[] {
  const text = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) return [`${path}: the lines "${BEGIN}" and "${END}" are missing`];
  const wanted = `${text.slice(0, begin)}${BEGIN}\n\n${expected.trim()}\n\n${text.slice(end)}`;
  return settle(root, path, text, wanted, fix);
}

/** Compares the whole file with `expected`; `fix` writes it. Returns the faults. */
export function checkGeneratedFile(root: string, path: string, expected: string, fix: boolean): string[] {
  const text = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
  return settle(root, path, text, expected, fix);
}

function settle(root: string, path: string, text: string, wanted: string, fix: boolean): string[] {
  if (text === wanted) return [];
  if (fix) {
    writeFileSync(join(root, path), wanted);
    return [];
  }
  return [`${path} is not what the code says (./aura check --fix writes it):\n${differences(text, wanted)}`];
}

/** Lines that only one of the two has: enough to see what changed. */
function differences(text: string, wanted: string): string {
  const has = new Set(text.split('\n'));
  const wants = new Set(wanted.split('\n'));
  const gone = [...has].filter((line) => !wants.has(line)).map((line) => `  - ${line}`);
  const added = [...wants].filter((line) => !has.has(line)).map((line) => `  + ${line}`);
  return [...gone, ...added].join('\n') || '  (the same lines in another order)';
}
