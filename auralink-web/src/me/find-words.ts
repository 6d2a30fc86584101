/** What she types to find people by, taken apart: e-mail addresses have an @, all else is taken for a number. */

/** Looked up at a time: each counts against the same limit as an address that is resolved. */
export const FIND_AT_ONCE_MAX = 10;

export type Sought = { readonly email: string } | { readonly phone: string };

export function textOf(sought: Sought): string {
  return 'email' in sought ? sought.email : sought.phone;
}

/** In their order, each once. Apart from each other by commas, semicolons or lines, as address books give them. */
export function readSought(typed: string): readonly Sought[] {
  const texts = typed
    .split(/[,;\n]+/)
    .map((text) => text.trim())
    .filter((text) => text !== '');
  return [...new Set(texts)].map((text) => (text.includes('@') ? { email: text } : { phone: text }));
}

const EMAIL = /^[^\s@]+@[^\s@]+$/;
const NUMBER = /^\+[0-9]{7,15}$/;

/** What is wrong with it, in words; null if it can be asked for. */
export function findFault(typed: string): string | null {
  const sought = readSought(typed);
  if (sought.length > FIND_AT_ONCE_MAX) return `At most ${FIND_AT_ONCE_MAX} at a time.`;
  for (const one of sought) {
    const text = textOf(one);
    if (/^@[\w.-]+$/.test(text)) {
      return `${text} is an AuraLink address: ask for friendship with it under Friend requests.`;
    }
    if ('email' in one && !EMAIL.test(text)) return `${text} is no e-mail address such as carol@example.org.`;
    if ('phone' in one && !NUMBER.test(text.replaceAll(/[\s().-]/g, ''))) {
      return `${text} is no number with its country, such as +49 30 123456.`;
    }
  }
  return null;
}
