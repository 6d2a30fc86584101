/**
 * Whether a text may be claimed as an address, without looking at the registry: the grammar's faults by name, reserved
 * words, and candidates to offer instead.
 */
import { findAuraId, HANDLE_MAX_LENGTH, HANDLE_MIN_LENGTH, handleOf } from '../../core/aura-id.ts';
import type { AuraId } from '../../core/ids.ts';
import type { NameFault } from './model.ts';
import { skeletonOf } from './skeleton.ts';

export const FAULT_TEXT: Readonly<Record<NameFault, string>> = {
  too_short: `A name has at least ${HANDLE_MIN_LENGTH} characters.`,
  too_long: `A name has at most ${HANDLE_MAX_LENGTH} characters.`,
  bad_character:
    'A name is made of the letters a to z, digits, and single dots, dashes or underscores between them.',
  bad_edge: 'A name begins and ends with a letter or a digit.',
  repeated_separator: 'Dots, dashes and underscores stand alone, between letters or digits.',
  digits_only: 'A name has at least one letter.',
  reserved: 'This name, or one that looks like it, is reserved.',
};

export type ClaimableName =
  | { readonly ok: true; readonly auraId: AuraId; readonly skeleton: string }
  | { readonly ok: false; readonly auraId: AuraId | null; readonly fault: NameFault };

/** Addresses of rows whose names were given back; only we make them. */
const GONE = /^gone[._-][0-9a-f]{22}$/;

export function checkName(text: string, reserved: ReadonlySet<string>): ClaimableName {
  const auraId = findAuraId(text);
  if (auraId === null) return { ok: false, auraId: null, fault: grammarFault(text) };
  const skeleton = skeletonOf(handleOf(auraId));
  if (reserved.has(skeleton) || GONE.test(handleOf(auraId))) return { ok: false, auraId, fault: 'reserved' };
  return { ok: true, auraId, skeleton };
}

/** Why `findAuraId` refused. */
function grammarFault(text: string): NameFault {
  const handle = text
    .trim()
    .normalize('NFKC')
    .toLowerCase()
    .replace(/^@/, '')
    .replace(/\.aura$/, '');
  if (/[^a-z0-9._-]/.test(handle)) return 'bad_character';
  if (handle.length < HANDLE_MIN_LENGTH) return 'too_short';
  if (handle.length > HANDLE_MAX_LENGTH) return 'too_long';
  if (/[._-]{2}/.test(handle)) return 'repeated_separator';
  if (/^[._-]|[._-]$/.test(handle)) return 'bad_edge';
  if (/^[0-9]+$/.test(handle)) return 'digits_only';
  return 'bad_character';
}

/** Names near `text` that may be claimed if nobody has them; none of them looks like another. */
export function candidatesNear(
  text: string,
  reserved: ReadonlySet<string>,
): { auraId: AuraId; skeleton: string }[] {
  const base = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/^@/, '')
    .replace(/\.aura$/, '')
    .replace(/[^a-z0-9]+/g, '')
    .slice(0, HANDLE_MAX_LENGTH - 4);
  if (base === '') return [];
  const texts = ['2', '7', '.me', '.home', '24', '.here', '88', '.calls', '365', '.one']
    .map((ending) => `${base}${ending}`)
    .concat([`the.${base}`, `hey.${base}`]);
  const found = new Map<string, { auraId: AuraId; skeleton: string }>();
  for (const candidate of texts) {
    const name = checkName(candidate, reserved);
    if (name.ok && !found.has(name.skeleton))
      found.set(name.skeleton, { auraId: name.auraId, skeleton: name.skeleton });
  }
  return [...found.values()];
}
