/**
 * Addresses in normal form, so that one mailbox or line is one subject however it is typed; and how they are shown to
 * whoever need not know them.
 */
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { ADDRESS_MAX_LENGTH, type CodeMethod } from './model.ts';

/** RFC 5321, 4.5.3.1.1. */
const LOCAL_PART_MAX_BYTES = 64;
/** RFC 1035, 2.3.4, in the form that travels. */
const DOMAIN_MAX_LENGTH = 253;
/** An atom (RFC 5321, 4.1.2, with RFC 6531's letters); quoted local parts are not taken. */
const LOCAL_PART = /^[^\s@"(),:;<>[\\\]\p{Cc}\p{Cf}]+$/u;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Why an address is none, in words that say what would be right. */
export const ADDRESS_FAULTS: Readonly<Record<CodeMethod, string>> = {
  email: 'must be an e-mail address such as anna@example.org',
  phone:
    'must be a phone number that exists and costs what others do, with its country, such as +49 30 1234567',
};

/** Normal form: an e-mail address in lower case with its domain in ASCII, a number as E.164. Null when it is none. */
export function normalAddress(method: CodeMethod, typed: string): string | null {
  const text = typed.normalize('NFC').trim();
  if (text.length > ADDRESS_MAX_LENGTH) return null;
  return method === 'email' ? normalEmail(text) : normalNumber(text);
}

function normalEmail(text: string): string | null {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at).toLowerCase();
  if (at < 1 || Buffer.byteLength(local) > LOCAL_PART_MAX_BYTES || !LOCAL_PART.test(local)) return null;
  if (local.startsWith('.') || local.endsWith('.') || local.includes('..')) return null;
  const domain = asciiDomain(text.slice(at + 1));
  return domain === null ? null : `${local}@${domain}`;
}

/** The domain as DNS knows it (UTS 46); null when it is none, or an address in numbers. */
function asciiDomain(text: string): string | null {
  const url = URL.parse(`https://${text}`);
  if (url === null || url.pathname !== '/' || url.port !== '' || url.username !== '' || text.includes('/'))
    return null;
  const domain = url.hostname;
  const labels = domain.split('.');
  const top = labels.at(-1) ?? '';
  const isName = labels.length > 1 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(top);
  return isName && domain.length <= DOMAIN_MAX_LENGTH ? domain : null;
}

/** Whose calls and messages cost more than others', to the gain of whoever has the number; or that nobody reads. */
const DEAR: ReadonlySet<string> = new Set(['PREMIUM_RATE', 'SHARED_COST', 'UAN', 'PAGER', 'VOICEMAIL']);

/** Only with its country: who types 0170… means a country that we do not know. */
function normalNumber(text: string): string | null {
  const international = text.replace(/^00/, '+');
  if (!international.startsWith('+')) return null;
  const number = parsePhoneNumberFromString(international);
  if (number?.isValid() !== true || number.ext !== undefined) return null;
  return DEAR.has(number.getType() ?? '') ? null : number.number;
}

/** Enough for its owner to know it again, too little for others: `a…@example.org`, `+49 … 67`. */
export function masked(method: CodeMethod, address: string): string {
  if (method === 'email') {
    const at = address.lastIndexOf('@');
    return `${[...address].at(0) ?? ''}…${address.slice(at)}`;
  }
  const country = parsePhoneNumberFromString(address)?.countryCallingCode ?? '';
  return `+${country} … ${address.slice(-2)}`;
}
