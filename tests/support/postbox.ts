/**
 * A postbox for tests: the development postbox's real SMTP and SMPP servers in this process. Hand `env` to a constellation,
 * wait for a message to an address, read its code or link; make the servers refuse, be slow, cut off, or be down.
 */
import { after } from 'node:test';
import {
  type MailServerOptions,
  startMailServer,
} from '../../auralink-communication-service/launcher/postbox/mail-server.ts';
import {
  type PostServer,
  type Received,
  type Behaviour,
  wellBehaved,
} from '../../auralink-communication-service/launcher/postbox/model.ts';
import { startSmsServer } from '../../auralink-communication-service/launcher/postbox/sms-server.ts';
import { eventually } from './eventually.ts';

export interface TestPostbox {
  /** Variables for a constellation, or for parseConfig. */
  readonly env: {
    readonly SMTP_URL: string;
    readonly SMPP_URL: string;
    readonly MAIL_FROM: string;
    readonly SMS_SENDER: string;
  };
  /** Everything that either server took, in order; also what it cut the connection for. */
  readonly received: readonly Received[];
  /** Change it at any time, such as `postbox.behaviour.recipient = () => ({ code: 550, words: 'no such user' })`. */
  readonly behaviour: Behaviour;
  /** Good servers again. */
  behave(): void;
  /** The newest message to this address that came after `since` messages (default: all), within so many milliseconds. */
  messageTo(to: string, options?: { readonly since?: number; readonly withinMs?: number }): Promise<Received>;
  /** Nobody answers on either port. */
  down(): Promise<void>;
  /** On the same ports. */
  up(): Promise<void>;
}

/** Stopped when the test file has ended. */
export async function openPostbox(
  options: { readonly host?: string; readonly tls?: MailServerOptions['tls'] } = {},
): Promise<TestPostbox> {
  const host = options.host ?? '127.0.0.1';
  const received: Received[] = [];
  const behaviour = wellBehaved();
  const keep = (message: Received): void => {
    received.push(message);
  };
  const start = async (mailPort: number, smsPort: number): Promise<[PostServer, PostServer]> => [
    await startMailServer({
      ...{ host, port: mailPort, behaviour, received: keep },
      ...(options.tls === undefined ? {} : { tls: options.tls }),
    }),
    await startSmsServer({ host, port: smsPort, behaviour, received: keep }),
  ];
  let servers = await start(0, 0);
  const [{ url: smtpUrl, port: mailPort }, { url: smppUrl, port: smsPort }] = servers;
  let isUp = true;
  const down = async (): Promise<void> => {
    if (isUp) await Promise.all(servers.map((server) => server.close()));
    isUp = false;
  };
  after(down);
  return {
    env: {
      SMTP_URL: smtpUrl,
      SMPP_URL: smppUrl,
      MAIL_FROM: 'AuraLink <no-reply@aura.example>',
      SMS_SENDER: 'AuraLink',
    },
    received,
    behaviour,
    behave: () => Object.assign(behaviour, wellBehaved()),
    messageTo: (to, { since = 0, withinMs } = {}) =>
      eventually(() => {
        const found = received.slice(since).findLast((message) => message.to === to);
        if (found === undefined) throw new Error(`no message to ${to} among ${received.length - since}`);
        return found;
      }, withinMs),
    down,
    up: async () => {
      if (!isUp) servers = await start(mailPort, smsPort);
      isUp = true;
    },
  };
}

/** Six digits that stand alone. */
export function codeIn({ text }: Pick<Received, 'text'>): string {
  // By itself: an address or a link in the text may have six digits too.
  const code = /(?<![\w@#=/-])\d{6}(?![\w@-])/.exec(text)?.[0];
  if (code === undefined) throw new Error(`no code in: ${text}`);
  return code;
}

/** The first http address. */
export function linkIn({ text }: Pick<Received, 'text'>): string {
  const link = /https?:\/\/\S+/.exec(text)?.[0];
  if (link === undefined) throw new Error(`no link in: ${text}`);
  return link;
}
