/**
 * A server's words about a message, fit to be kept and shown: they often quote the address or the text, so both are cut
 * out, as is every number long enough to be somebody's or a code.
 */
import { MESSAGE_REASON_MAX_LENGTH } from './model.ts';

const CUT = '…';
/** A shorter local part would be found in every other word. */
const LOCAL_PART_MIN = 3;

export function saidWithout(address: string, words: string): string {
  const at = address.lastIndexOf('@');
  const local = at < 0 ? '' : address.slice(0, at);
  const parts = [address, ...(local.length >= LOCAL_PART_MIN ? [local] : [])].filter((part) => part !== '');
  // Without an address there is nothing to look for; an empty pattern would be found between all letters.
  const cut =
    parts.length === 0 ? words : words.replace(new RegExp(parts.map(escaped).join('|'), 'giu'), CUT);
  return cut
    .replace(/[^\s<>@]+@[^\s<>@]+/g, CUT)
    .replace(/\+?\d(?:[ ()-]?\d){5,}/g, CUT)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, MESSAGE_REASON_MAX_LENGTH);
}

/** A hyphen is no sign of a pattern, and may not be escaped in one of Unicode. */
const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
