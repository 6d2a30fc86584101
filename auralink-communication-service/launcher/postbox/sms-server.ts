/** The postbox's SMPP server (SMPP 3.4): takes SMS to whomever, and sends receipts. */
import { randomUUID } from 'node:crypto';
import smpp, { type Pdu, type Session } from 'smpp';
import type { Behaviour, PostServer, Received } from './model.ts';

const DEFAULT_ALPHABET = 0;
const UCS2 = 8;
/** ESME_RINVBNDSTS. */
const NOT_BOUND = 0x04;
const RECEIPT = 0x04;
/** SMPP 3.4, 5.2.28. */
const STATES = { DELIVRD: 2, UNDELIV: 5 } as const;

export interface SmsServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly behaviour: Behaviour;
  readonly received: (message: Received) => void;
}

export async function startSmsServer(options: SmsServerOptions): Promise<PostServer> {
  const sessions = new Set<Session>();
  const unbound = new WeakSet<Session>();
  const server = smpp.createServer((session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
    session.on('pdu', (pdu: Pdu) => {
      if (pdu.command === 'submit_sm' && unbound.has(session)) {
        session.send(pdu.response({ command_status: NOT_BOUND }));
      } else if (pdu.command === 'submit_sm') void submitted(options, session, pdu, unbound);
      else if (pdu.command === 'enquire_link' && !options.behaviour.alive()) return;
      else if (!pdu.isResponse()) session.send(pdu.response({ system_id: 'postbox' }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const { port } = server.address() as { port: number };
  return {
    url: `smpp://postbox:postbox@${options.host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

async function submitted(
  { behaviour, received }: SmsServerOptions,
  session: Session,
  pdu: Pdu,
  unbound: WeakSet<Session>,
): Promise<void> {
  const message: Received = {
    channel: 'sms',
    id: randomUUID().slice(0, 18),
    from: pdu.source_addr ?? '',
    to: `+${pdu.destination_addr ?? ''}`,
    subject: null,
    text: textOf(pdu),
    html: null,
    at: new Date().toISOString(),
  };
  const refusal = behaviour.recipient(message.to) ?? (await behaviour.taken(message));
  if (refusal !== null) {
    session.send(pdu.response({ command_status: refusal.code }));
    return;
  }
  received(message);
  if (!behaviour.answers(message)) {
    session.destroy();
    return;
  }
  const spelling = behaviour.spelling(message.id);
  session.send(pdu.response({ message_id: spelling.answer }));
  if (behaviour.unbinds(message)) {
    unbound.add(session);
    session.unbind(() => {
      behaviour.unbound();
      session.destroy();
    });
  }
  const state = behaviour.receipt(message);
  if (state === null) return;
  const words = `id:${spelling.receipt} sub:001 dlvrd:001 submit date:2611230000 done date:2611230000 stat:${state} err:000 text:`;
  session.deliver_sm(
    {
      source_addr: pdu.destination_addr,
      destination_addr: pdu.source_addr,
      esm_class: RECEIPT,
      short_message: Buffer.from(words, 'ascii'),
      data_coding: DEFAULT_ALPHABET,
      receipted_message_id: spelling.receipt,
      message_state: STATES[state],
    },
    () => {},
  );
}

function textOf(pdu: Pdu): string {
  const long = pdu.message_payload?.message;
  const short = pdu.short_message?.message ?? '';
  const message = long === undefined || long.length === 0 ? short : long;
  if (typeof message === 'string') return message;
  return pdu.data_coding === UCS2
    ? Buffer.from(message).swap16().toString('utf16le')
    : message.toString('latin1');
}
