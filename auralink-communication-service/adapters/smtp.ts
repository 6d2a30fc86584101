/**
 * E-mail over SMTP (RFC 5321) by nodemailer's connection: one message, one connection. What counts is when the server may
 * have the message: from the moment the last of its bytes is written, until the server's answer, nobody knows. The name
 * of the message, its date and its boundaries come from our row, so that a repetition is the same to the byte.
 */
import { Readable } from 'node:stream';
import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { SEND_TIMEOUT_SECONDS } from '../auralink-modules/messages/delivery.ts';
import type { OutgoingEmail, Sender, SendOutcome } from '../auralink-modules/messages/ports.ts';
import { saidWithout } from '../auralink-modules/messages/words.ts';
import type { Log } from '../core/log.ts';

/** A server has so long to accept the connection, and as long again to greet. */
export const SMTP_CONNECT_TIMEOUT_MS = 10_000;
/** A server that is silent for so long is given up. */
export const SMTP_SILENCE_TIMEOUT_MS = 20_000;
const SUBMISSION_PORT = 587;
const SUBMISSIONS_PORT = 465;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1']);
/** RFC 5321, 3.8: it is about to close, for whatever message. */
const SERVICE_CLOSING = 421;

export interface SmtpServer {
  /** smtp://user:password@host:port, smtps:// for TLS from the first byte. */
  readonly url: string;
  /** `Name <address>` or an address. */
  readonly from: string;
}

export function createSmtp(server: SmtpServer, log: Pick<Log, 'warn'>): Sender<OutgoingEmail> {
  const open = new Set<SMTPConnection>();
  const options = connectionOf(new URL(server.url));
  return {
    send: async (message) => {
      const { raw, envelopeFrom } = await compose(server.from, message);
      const connection = new SMTPConnection(options);
      open.add(connection);
      try {
        return await new Delivery(connection, new URL(server.url), log).send(envelopeFrom, message.to, raw);
      } finally {
        open.delete(connection);
        connection.close();
      }
    },
    close: async () => {
      for (const connection of open) connection.close();
    },
  };
}

/** TLS is demanded but towards this machine, where the server seldom has a certificate. */
function connectionOf(url: URL): ConstructorParameters<typeof SMTPConnection>[0] {
  const secure = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isHere = LOOPBACK.has(host);
  return {
    host,
    port: url.port === '' ? (secure ? SUBMISSIONS_PORT : SUBMISSION_PORT) : Number(url.port),
    secure,
    requireTLS: !secure && !isHere,
    ignoreTLS: !secure && isHere,
    connectionTimeout: SMTP_CONNECT_TIMEOUT_MS,
    greetingTimeout: SMTP_CONNECT_TIMEOUT_MS,
    socketTimeout: SMTP_SILENCE_TIMEOUT_MS,
    dnsTimeout: SMTP_CONNECT_TIMEOUT_MS,
  };
}

async function compose(from: string, message: OutgoingEmail): Promise<{ raw: Buffer; envelopeFrom: string }> {
  const { messageId, to, content, createdAt } = message;
  const mail = new MailComposer({
    from,
    to,
    subject: content.subject,
    text: content.text,
    ...(content.html === undefined ? {} : { html: content.html }),
    date: createdAt,
    messageId: `<${messageId}@${domainOf(from)}>`,
    baseBoundary: messageId,
    headers: { 'Auto-Submitted': 'auto-generated' },
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const envelopeFrom = mail.getEnvelope().from;
  return { raw: await mail.build(), envelopeFrom: envelopeFrom === false ? '' : envelopeFrom };
}

const domainOf = (from: string): string => /@([^\s>]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';

interface SmtpError extends Error {
  readonly responseCode?: number | undefined;
  readonly response?: string | undefined;
  readonly command?: string | undefined;
  readonly code?: string | undefined;
}

/** One conversation. */
class Delivery {
  readonly #connection: SMTPConnection;
  readonly #url: URL;
  readonly #log: Pick<Log, 'warn'>;
  /** The server may have the whole message. */
  #handedOver = false;

  constructor(connection: SMTPConnection, url: URL, log: Pick<Log, 'warn'>) {
    this.#connection = connection;
    this.#url = url;
    this.#log = log;
  }

  send(from: string, to: string, raw: Buffer): Promise<SendOutcome> {
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        finish(this.#lost(to, { name: '', message: 'the server took too long' }));
        this.#connection.close();
      }, SEND_TIMEOUT_SECONDS * 1_000);
      const finish = (outcome: SendOutcome): void => {
        clearTimeout(late);
        resolve(outcome);
      };
      // Whatever breaks when nobody asked anything.
      this.#connection.on('error', (error: SmtpError) => finish(this.#lost(to, error)));
      this.#connection.on('end', () => finish(this.#lost(to, { name: '', message: 'the server hung up' })));
      this.#connection.connect((error) => {
        if (error) return finish(this.#away(error));
        this.#login((refused) => {
          if (refused !== null) return finish(this.#away(refused));
          const body = Readable.from([raw]).once('end', () => {
            this.#handedOver = true;
          });
          this.#connection.send({ from, to: [to], size: raw.length }, body, (failure) => {
            finish(failure === null ? { kind: 'sent', providerId: null } : this.#refused(to, failure));
            this.#connection.quit();
          });
        });
      });
    });
  }

  #login(done: (error: SmtpError | null) => void): void {
    const { username, password } = this.#url;
    const auth = { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
    if (username === '') done(null);
    else this.#connection.login(auth, (error) => done(error));
  }

  /** No message of ours would fare better: no connection, no TLS, no login, or it does not like our own address. */
  #away(error: SmtpError): SendOutcome {
    const { responseCode, command } = error;
    this.#log.warn({ code: error.code, responseCode, command }, 'the mail server takes nothing');
    return { kind: 'later', reason: saidOf('', error), away: true };
  }

  #refused(to: string, error: SmtpError): SendOutcome {
    const { responseCode, command } = error;
    if (responseCode === undefined) return this.#lost(to, error);
    if (responseCode === SERVICE_CLOSING || command === 'MAIL FROM') return this.#away(error);
    const reason = saidOf(to, error);
    return responseCode >= 500 ? { kind: 'refused', reason } : { kind: 'later', reason };
  }

  #lost(to: string, error: SmtpError): SendOutcome {
    return this.#handedOver ? { kind: 'unknown', reason: saidOf(to, error) } : this.#away(error);
  }
}

function saidOf(to: string, error: SmtpError): string {
  const words = saidWithout(to, error.response ?? error.message);
  return words === '' ? 'no words' : words;
}
