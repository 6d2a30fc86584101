/**
 * Everything about a person, for herself (Art. 15 and 20 GDPR): as JSON, and as a page without script that anybody can
 * read. What others keep about her (their notes, their blocks) is theirs and not in it. A value that cannot be opened
 * any more is left out and named; it keeps nothing else from her.
 */
import type { PersonId } from '../../core/ids.ts';
import { typeOfPicture } from '../../core/picture.ts';
import type { UnitOfWork } from '../../core/unit-of-work.ts';
import type { Audit } from './audit.ts';
import { findOpened, type Vault } from './data-keys.ts';
import type { RateLimiter } from './ports.ts';
import type { ExportRow, ExportStore, Sealed } from './ports-leaving.ts';

/** Rows of one export; what does not fit is said by name, and the newest calls are in it. */
export const EXPORT_ROWS_MAX = 100_000;
/** Exports of one person in a minute, of either form. */
export const EXPORTS_MAX = 2;
/** Acts that the page "What was done" is given. */
export const ACTS_LISTED_MAX = 200;
const EXPORT_WINDOW_SECONDS = 60;

export interface ExportDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: ExportStore;
  readonly vault: Pick<Vault, 'open'>;
  readonly limiter: RateLimiter;
  readonly audit: Audit;
}

/** A value that is stored and cannot be opened: its key is gone, or it was altered. */
export interface Unreadable {
  readonly section: string;
  readonly table: string;
  /** What it was, as far as its row tells: `email`, `note`, `label`. */
  readonly kind: string;
}

export interface Exported {
  readonly exportedAt: string;
  /** Values that are left out, because they cannot be opened. */
  readonly unreadable: readonly Unreadable[];
  /** Sections of which there is more than fits. */
  readonly cutShort: readonly string[];
  readonly [section: string]: unknown;
}

/** Throws `rate_limited`. */
export async function exportAll(deps: ExportDeps, personId: PersonId, now: Date): Promise<Exported> {
  await deps.limiter.hit(`export:${personId}`, { hits: EXPORTS_MAX, windowSeconds: EXPORT_WINDOW_SECONDS });
  await deps.unitOfWork.run((tx) =>
    deps.audit.record(tx, { actor: `person:${personId}`, act: 'export.made', subject: personId }),
  );
  const sections = await deps.store.read(personId, EXPORT_ROWS_MAX);
  const opened: [string, ExportRow[]][] = [];
  const unreadable: Unreadable[] = [];
  for (const { name, rows } of sections) {
    const readable: ExportRow[] = [];
    for (const row of rows) {
      const { shown, lost } = await openRow(deps.vault, personId, row);
      readable.push(shown);
      unreadable.push(...lost.map((one) => ({ section: name, ...one })));
    }
    opened.push([name, readable]);
  }
  const audit = await deps.store.listActs(personId, EXPORT_ROWS_MAX);
  const cutShort = sections.filter((section) => !section.whole).map((section) => section.name);
  return { exportedAt: now.toISOString(), unreadable, cutShort, ...Object.fromEntries(opened), audit };
}

const isSealed = (value: unknown): value is Sealed =>
  typeof value === 'object' && value !== null && 'sealed' in value && Buffer.isBuffer(value.sealed);

interface OpenedRow {
  readonly shown: ExportRow;
  readonly lost: readonly Omit<Unreadable, 'section'>[];
}

/** A row without one of its values says so. */
async function openRow(vault: Pick<Vault, 'open'>, personId: PersonId, row: ExportRow): Promise<OpenedRow> {
  const entries: [string, unknown][] = [];
  const lost: Omit<Unreadable, 'section'>[] = [];
  for (const [name, value] of Object.entries(row)) {
    if (!isSealed(value)) {
      entries.push([name, value]);
      continue;
    }
    const { table, column, row: id } = value;
    const plain = await findOpened(vault, personId, { table, column, row: id }, value.sealed);
    if (plain === null) {
      lost.push({ table, kind: typeof row.kind === 'string' ? row.kind : name });
      continue;
    }
    // A picture is no text: it comes as base64.
    entries.push([name, row.kind === 'picture' ? plain.toString('base64') : plain.toString('utf8')]);
  }
  return { shown: Object.fromEntries([...entries, ...lost.map(() => ['unreadable', true])]), lost };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}' +
  'table{border-collapse:collapse;display:block;overflow-x:auto}' +
  'img{max-width:16rem;max-height:16rem}' +
  'th,td{border:1px solid #8888;padding:.3rem .6rem;text-align:left;overflow-wrap:anywhere;vertical-align:top}';

/** The same as one page; every value is escaped, and nothing in it runs or loads. */
export function asPage(exported: Exported): string {
  const parts = Object.entries(exported).flatMap(([name, rows]) =>
    Array.isArray(rows) && name !== 'cutShort' ? [sectionOf(name, rows as ExportRow[])] : [],
  );
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Your data on AuraLink</title>' +
    `<style>${STYLE}</style></head><body><h1>Your data on AuraLink</h1>` +
    `<p>As of ${escaped(exported.exportedAt)}.</p>${cutWords(exported.cutShort)}${parts.join('')}</body></html>`
  );
}

const wordsOfName = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function cutWords(names: readonly string[]): string {
  if (names.length === 0) return '';
  return `<p><strong>There is more than fits on this page of: ${escaped(names.map(wordsOfName).join(', '))}.</strong></p>`;
}

function sectionOf(name: string, rows: readonly ExportRow[]): string {
  const words = wordsOfName(name);
  const title = `<h2>${name === 'unreadable' ? 'What could not be read' : escaped(words)}</h2>`;
  // A row that lost its value has fewer columns than the others.
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) return `${title}<p>Nothing.</p>`;
  const head = columns.map((column) => `<th scope="col">${escaped(wordsOfName(column))}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${columns.map((column) => `<td>${cellOf(row, column)}</td>`).join('')}</tr>`)
    .join('');
  return `${title}<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

/** A picture is shown; all else is text. */
function cellOf(row: ExportRow, column: string): string {
  const value = row[column];
  if (row.kind !== 'picture' || (column !== 'value' && column !== 'image') || typeof value !== 'string') {
    return escaped(wordsOf(value));
  }
  const type = typeOfPicture(Buffer.from(value, 'base64'));
  return `<img alt="${column === 'image' ? 'A page of a document' : 'Your picture'}" src="data:${type};base64,${value}">`;
}

function wordsOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (value instanceof Date) return `${value.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.length === 0 ? '–' : value.map(wordsOf).join(', ');
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([name, one]) => `${wordsOfName(name)}: ${wordsOf(one)}`)
    .join('; ');
}
