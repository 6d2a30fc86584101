/** The postbox's SMTP server: takes e-mail to whomever and reads it. */
import { simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Behaviour, PostServer, Received, Refusal } from './model.ts';

/** Largest e-mail that the postbox takes. */
export const POSTBOX_MAIL_MAX_BYTES = 1_048_576;
const CLOSE_AFTER_MS = 50;

export interface MailServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly behaviour: Behaviour;
  readonly received: (message: Received) => void;
  /** For tests of TLS: key and certificate, and whether TLS begins at once. */
  readonly tls?: Pick<SMTPServerOptions, 'key' | 'cert' | 'secure'>;
}

const fault = ({ code, words }: Refusal): Error => Object.assign(new Error(words), { responseCode: code });

export async function startMailServer(options: MailServerOptions): Promise<PostServer> {
  const { host, behaviour, tls } = options;
  const server: SMTPServer = new SMTPServer({
    authOptional: true,
    onAuth: (auth, _session, done) => done(null, { user: auth.username }),
    disableReverseLookup: true,
    closeTimeout: CLOSE_AFTER_MS,
    size: POSTBOX_MAIL_MAX_BYTES,
    ...(tls ?? { disabledCommands: ['STARTTLS'] }),
    onConnect: (_session, done) => {
      const refusal = behaviour.greets();
      done(refusal === null ? null : fault(refusal));
    },
    onMailFrom: ({ address }, _session, done) => {
      const refusal = behaviour.sender(address);
      done(refusal === null ? null : fault(refusal));
    },
    onRcptTo: ({ address }, _session, done) => {
      const refusal = behaviour.recipient(address);
      done(refusal === null ? null : fault(refusal));
    },
    onData: (stream, session, done) => {
      const cut = (): void => {
        for (const connection of server.connections) {
          if (connection.session.id === session.id) connection.close();
        }
      };
      const to = session.envelope.rcptTo.map(({ address }) => address).join(', ');
      const from = session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address;
      void read(stream, { from, to })
        .then(async (message) => {
          const refusal = await behaviour.taken(message);
          if (refusal !== null) return done(fault(refusal));
          options.received(message);
          if (behaviour.answers(message)) done(null, 'taken');
          else cut();
        })
        .catch((error: Error) => done(error));
    },
  });
  // A client that is killed breaks its connection.
  server.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(options.port, host, () => resolve());
  });
  const { port } = server.server.address() as { port: number };
  return {
    url: `${tls?.secure === true ? 'smtps' : 'smtp'}://${host}:${port}`,
    port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function read(
  stream: Parameters<typeof simpleParser>[0],
  { from, to }: { from: string; to: string },
): Promise<Received> {
  const mail = await simpleParser(stream);
  return {
    channel: 'email',
    id: mail.messageId ?? '',
    from,
    to,
    subject: mail.subject ?? '',
    text: (mail.text ?? '').trimEnd(),
    html: mail.html === false || mail.html === undefined ? null : mail.html,
    at: new Date().toISOString(),
  };
}
