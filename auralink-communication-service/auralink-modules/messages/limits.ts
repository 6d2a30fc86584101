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
/** Codes of one person in a day, by each channel. */
export const CODES_PER_PERSON_DAY = 40;
/** Codes that one network (an IPv4 address, an IPv6 /64) asks for in an hour, by each channel. */
export const CODES_PER_IP_HOUR = 100;
/** The same in a day: an office, a school. */
export const CODES_PER_IP_DAY = 500;
/** Codes to numbers of one prefix in an hour. */
export const CODES_PER_PREFIX_HOUR = 200;
/** The same in a day. */
export const CODES_PER_PREFIX_DAY = 1_000;
/** Notices to one address in an hour. */
export const NOTICES_PER_ADDRESS_HOUR = 20;
/** Notices for one person in an hour, by each channel. */
export const NOTICES_PER_PERSON_HOUR = 40;
/** SMS in a day where SMS_DAILY_SPEND does not bound what they cost. */
export const SMS_PER_DAY_UNCAPPED = 1_000;
/** SMS in a day, whatever they cost. */
export const SMS_PER_DAY = 10_000;
/** E-mails in a day. */
export const EMAILS_PER_DAY = 100_000;

/** Every window that a message counts in; always in this order, so that transactions wait for each other in turn. */
export function windowsOf(
  message: Pick<OutgoingMessage, 'channel' | 'to' | 'purpose' | 'personId'>,
  from: { readonly ip: string; readonly prefixDigest: Buffer | null; readonly isCapped: boolean },
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
  const network = digest('message.ip', from.ip);
  const all = [
    window('address', address, isNotice ? NOTICES_PER_ADDRESS_HOUR : CODES_PER_ADDRESS_HOUR, HOUR),
    ...(isNotice ? [] : [window('address', address, CODES_PER_ADDRESS_DAY, DAY)]),
    ...(isNotice || personId === null
      ? []
      : [
          window('person', personId, CODES_PER_PERSON_HOUR, HOUR),
          window('person', personId, CODES_PER_PERSON_DAY, DAY),
        ]),
    ...(isNotice && personId !== null ? [window('person', personId, NOTICES_PER_PERSON_HOUR, HOUR)] : []),
    ...(isNotice
      ? []
      : [window('ip', network, CODES_PER_IP_HOUR, HOUR), window('ip', network, CODES_PER_IP_DAY, DAY)]),
    ...(isNotice || from.prefixDigest === null
      ? []
      : [
          window('prefix', from.prefixDigest, CODES_PER_PREFIX_HOUR, HOUR),
          window('prefix', from.prefixDigest, CODES_PER_PREFIX_DAY, DAY),
        ]),
  ];
  return [...all, window('day', '', perDay(channel, from.isCapped), DAY)];
}

function perDay(channel: Channel, isCapped: boolean): number {
  if (channel === 'email') return EMAILS_PER_DAY;
  return isCapped ? SMS_PER_DAY : SMS_PER_DAY_UNCAPPED;
}
