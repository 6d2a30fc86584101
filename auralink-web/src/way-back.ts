/** Where a person was when she went to sign in: the way back from there always ends at the phone's first page. */

const KEY = 'auralink-web:way-back';

/** A hash of the phone, or a path of this origin; null forgets it. */
export function rememberWayBack(where: string | null): void {
  if (where === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, where);
}

/** Can be taken once. Never leads to another origin. */
export function takeWayBack(): string | null {
  const where = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return where !== null && /^(#\/|\/(?![/\\]))/.test(where) ? where : null;
}
