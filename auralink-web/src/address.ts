/** Addresses as people type them: `bob`, `@bob`, `Bob.aura` all mean `@bob.aura`. The service has the last word. */

const HANDLE = /^[a-z0-9][a-z0-9._-]{1,28}[a-z0-9]$/;

/** Null if it cannot be an address. */
export function findAddress(text: string): string | null {
  const lower = text.trim().normalize('NFKC').toLowerCase();
  const handle = lower.replace(/^@/, '').replace(/\.aura$/, '');
  return HANDLE.test(handle) ? `@${handle}.aura` : null;
}
