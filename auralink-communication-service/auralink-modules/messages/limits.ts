/**
 * How much may be sent: for each person, address, prefix, network and day. Codes, codes for a new password and notices are
 * counted apart, so that whoever uses up the one keeps none of the others from her.
 */
import type { Channel, LimitKind, OutgoingMessage, Purpose } from './model.ts';
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
/** Codes for a new password to one address that one network asks for in an hour: it cannot use up all of them. */
export const RESETS_PER_ADDRESS_AND_IP_HOUR = 3;
/** The same in a day. */
export const RESETS_PER_ADDRESS_AND_IP_DAY = 8;
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

/**
 * Notices and codes for a new password, which anybody may ask for in anybody's name, keep to windows of their own: no code
 * of hers is missing because of a stranger, and how much she may send tells nobody whether she was asked for.
 */
type Class = 'codes' | 'resets' | 'notices';
const CLASSES: Readonly<Record<Purpose, Class>> = {
  verification: 'codes',
  identity_service: 'codes',
  password: 'resets',
  notice: 'notices',
};

type About = Pick<OutgoingMessage, 'channel' | 'to' | 'purpose' | 'personId'>;
interface From {
  readonly ip: string;
  readonly prefixDigest: Buffer | null;
  readonly isCapped: boolean;
}
type MakeWindow = (kind: LimitKind, whose: Buffer | string, hits: number, windowSeconds: number) => Window;

/** Every window that a message counts in; always in this order, so that transactions wait for each other in turn. */
export function windowsOf(message: About, from: From, digest: Sealer['digest']): Window[] {
  const { channel, purpose } = message;
  const window: MakeWindow = (kind, whose, hits, windowSeconds) => {
    const name = typeof whose === 'string' ? whose : whose.toString('base64url');
    const what = kind === 'day' ? 'all' : CLASSES[purpose];
    return { kind, key: `message:${channel}:${what}:${kind}:${windowSeconds}:${name}`, hits, windowSeconds };
  };
  const own = CLASSES[purpose] === 'notices' ? noticeWindows : codeWindows;
  return [...own(window, message, from, digest), window('day', '', perDay(channel, from.isCapped), DAY)];
}

function noticeWindows(window: MakeWindow, message: About, _from: From, digest: Sealer['digest']): Window[] {
  const { to, personId } = message;
  return [
    window('address', digest('message.address', to), NOTICES_PER_ADDRESS_HOUR, HOUR),
    ...(personId === null ? [] : [window('person', personId, NOTICES_PER_PERSON_HOUR, HOUR)]),
  ];
}

function codeWindows(window: MakeWindow, message: About, from: From, digest: Sealer['digest']): Window[] {
  const { to, purpose, personId } = message;
  const address = digest('message.address', to);
  const network = digest('message.ip', from.ip);
  const both = digest('message.ip', `${from.ip}\0${to}`);
  const windows: Window[] = [];
  if (CLASSES[purpose] === 'resets') {
    windows.push(
      window('ip', both, RESETS_PER_ADDRESS_AND_IP_HOUR, HOUR),
      window('ip', both, RESETS_PER_ADDRESS_AND_IP_DAY, DAY),
    );
  }
  windows.push(
    window('address', address, CODES_PER_ADDRESS_HOUR, HOUR),
    window('address', address, CODES_PER_ADDRESS_DAY, DAY),
  );
  if (personId !== null) {
    windows.push(
      window('person', personId, CODES_PER_PERSON_HOUR, HOUR),
      window('person', personId, CODES_PER_PERSON_DAY, DAY),
    );
  }
  windows.push(window('ip', network, CODES_PER_IP_HOUR, HOUR), window('ip', network, CODES_PER_IP_DAY, DAY));
  if (from.prefixDigest !== null) {
    windows.push(
      window('prefix', from.prefixDigest, CODES_PER_PREFIX_HOUR, HOUR),
      window('prefix', from.prefixDigest, CODES_PER_PREFIX_DAY, DAY),
    );
  }
  return windows;
}

function perDay(channel: Channel, isCapped: boolean): number {
  if (channel === 'email') return EMAILS_PER_DAY;
  return isCapped ? SMS_PER_DAY : SMS_PER_DAY_UNCAPPED;
}
