/**
 * Links to a person: `aura:@alice.aura`, as a QR code holds it, and `web+aura:…`, which is what a browser lets a page
 * handle (HTML, "Custom scheme handlers"). The grammar of an address is the service's; this only takes the link off.
 */

const LINK = /^(?:web\+)?aura:(?:\/\/)?([^/?#]+)[/]?$/i;
const ADDRESS = /^@?([a-z0-9][a-z0-9._-]{1,28}[a-z0-9])(?:\.aura)?$/;
/** A longer text is not read. */
export const AURA_LINK_MAX_LENGTH = 200;

/** The address that a link, or an address as people type it, leads to; null when it is neither. */
export function parseAuraLink(text: string): string | null {
  if (text.length > AURA_LINK_MAX_LENGTH) return null;
  const trimmed = text.trim();
  const named = LINK.exec(trimmed)?.[1] ?? (trimmed.includes(':') ? null : trimmed);
  if (named === null) return null;
  const plain = decoded(named)
    ?.normalize('NFKC')
    .toLowerCase()
    .replace(/\.aura$/, '');
  const handle = plain === undefined ? undefined : ADDRESS.exec(plain)?.[1];
  return handle === undefined ? null : `@${handle}.aura`;
}

/** The link of an address. */
export function auraLink(auraId: string): string {
  return `aura:${auraId}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone percent sign: not a link of ours.
    return undefined;
  }
}
