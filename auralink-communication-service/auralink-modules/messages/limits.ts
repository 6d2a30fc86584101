/**
 * How much may be sent: for each person, address, prefix, network and day. Codes and notices are counted apart, so that
 * whoever uses up somebody's codes does not keep a warning from her.
 */
import type { Channel, LimitKind, OutgoingMessage } from './model.ts';
import type { Sealer, Window } from './ports.ts';

const HOUR = 3_600;
const DAY = 86_400;

/** Codes to one address in an hour. */
export const CODES_PER_ADDRESS_HOUR = 6;
/** Codes to one address in a day. */
export const CODES_PER_ADDRESS_DAY = 20;
/** Codes of one person in an hour, by each channel. */
export const CODES_PER_PERSON_HOUR = 12;
/** Codes that one network (an IPv4 address, an IPv6 /64) asks for in an hour, by each channel. */
export const CODES_PER_IP_HOUR = 100;
/** Codes to numbers of one prefix in an hour. */
export const CODES_PER_PREFIX_HOUR = 200;
/** Notices to one address in an hour. */
export const NOTICES_PER_ADDRESS_HOUR = 20;
/** Notices for one person in an hour, by each channel. */
export const NOTICES_PER_PERSON_HOUR = 40;
/** SMS in a day, whatever they cost. */
export const SMS_PER_DAY = 10_000;
/** E-mails in a day. */
export const EMAILS_PER_DAY = 100_000;

/** Every window that a message counts in; always in this order, so that transactions wait for each other in turn. */
export function windowsOf(
  message: Pick<OutgoingMessage, 'channel' | 'to' | 'purpose' | 'personId'>,
  from: { readonly ip: string; readonly prefixDigest: Buffer | null },
  digest: Sealer['digest'],
): Window[] {
  const { channel, to, purpose, personId } = message;
  const isNotice = purpose === 'notice';
  const window = (kind: LimitKind, whose: Buffer | string, hits: number, windowSeconds: number): Window => {
    const name = typeof whose === 'string' ? whose : whose.toString('base64url');
    const what = kind === 'day' ? 'all' : isNotice ? 'notices' : 'codes';
    return { kind, key: `message:${channel}:${what}:${kind}:${windowSeconds}:${name}`, hits, windowSeconds };
  };
  const address = digest('message.address', to);
  const all = [
    window('address', address, isNotice ? NOTICES_PER_ADDRESS_HOUR : CODES_PER_ADDRESS_HOUR, HOUR),
    ...(isNotice ? [] : [window('address', address, CODES_PER_ADDRESS_DAY, DAY)]),
    ...(personId === null
      ? []
      : [window('person', personId, isNotice ? NOTICES_PER_PERSON_HOUR : CODES_PER_PERSON_HOUR, HOUR)]),
    ...(isNotice ? [] : [window('ip', digest('message.ip', from.ip), CODES_PER_IP_HOUR, HOUR)]),
    ...(isNotice || from.prefixDigest === null
      ? []
      : [window('prefix', from.prefixDigest, CODES_PER_PREFIX_HOUR, HOUR)]),
  ];
  return [...all, window('day', '', perDay(channel), DAY)];
}

const perDay = (channel: Channel): number => (channel === 'sms' ? SMS_PER_DAY : EMAILS_PER_DAY);
