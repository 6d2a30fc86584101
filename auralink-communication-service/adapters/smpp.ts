/**
 * SMS over SMPP 3.4: one bound connection a process (transceiver), kept alive by enquire_link and made anew when it breaks;
 * an SMS is one submit_sm, its receipt one deliver_sm. A long text goes as message_payload, so that one request stands for
 * one message and its outcome is one answer.
 */
import smpp, { type Pdu, type Session } from 'smpp';
import { SEND_TIMEOUT_SECONDS } from '../auralink-modules/messages/delivery.ts';
import type { OutgoingSms, Sender, SendOutcome } from '../auralink-modules/messages/ports.ts';
import { codeSms } from '../auralink-modules/messages/sms-text.ts';
import type { Log } from '../core/log.ts';

/** A server has so long to accept the connection and the login. */
export const SMPP_BIND_TIMEOUT_MS = 10_000;
/** How often the server is asked whether it is still there. */
export const SMPP_ENQUIRE_MS = 15_000;
/** Without an answer for so long the connection is given up. */
export const SMPP_SILENCE_TIMEOUT_MS = 5_000;
/** How often a receipt looks for its message, whose sending may not have been written down yet. */
export const SMPP_RECEIPT_TRIES = 10;
const RECEIPT_AGAIN_MS = 200;
const SMPP_3_4 = 0x34;
const INTERNATIONAL = 1;
const ALPHANUMERIC = 5;
const UNKNOWN = 0;
const ISDN = 1;
const DEFAULT_ALPHABET = 0;
const UCS2 = 8;
const RECEIPT_WANTED = 1;
const ESM_RECEIPT = 0x04;
/** A number of 64 bits has no more digits. */
const SPELLED_MAX_LENGTH = 20;
/** Of a counter that has just begun one message's hexadecimal name is another's decimal one. */
const SPELLED_MIN_LENGTH = 7;
/** To this length servers fill their hexadecimal names with zeros. */
const HEX_NAME_LENGTH = 8;
/** Octets of short_message (SMPP 3.4, 4.4.1). */
const SHORT_MESSAGE_MAX_BYTES = 140;
/** ESME_RINVBNDSTS: it holds this connection for unbound. */
const NOT_BOUND = 0x04;
/** SMPP 3.4, 5.1.3: it may well take this message later. */
const LATER = new Set([NOT_BOUND, 0x08, 0x14, 0x58, 0x64]);
/** Among them, what says that it takes nothing at the moment: not bound, queue full, throttled. */
const BUSY = new Set([NOT_BOUND, 0x14, 0x58]);
const DELIVERED = new Set(['DELIVRD', 'ACCEPTD']);
const UNDELIVERED = new Set(['UNDELIV', 'EXPIRED', 'DELETED', 'REJECTD']);
/** SMPP 3.4, 5.2.28, to the words of Appendix B. */
const STATES: Readonly<Record<number, string>> = {
  2: 'DELIVRD',
  3: 'EXPIRED',
  4: 'DELETED',
  5: 'UNDELIV',
  6: 'ACCEPTD',
  8: 'REJECTD',
};

/** Settles what a receipt says; false: there is no such message (yet). */
export type OnReceipt = (
  providerId: string,
  state: 'delivered' | 'failed',
  reason: string | null,
) => Promise<boolean>;

export interface SmppServer {
  /** smpp://system-id:password@host:port, ssmpp:// for TLS. */
  readonly url: string;
  /** A number or a name; empty: the server's own. */
  readonly sender: string;
  readonly onReceipt: OnReceipt;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface SmppSender extends Sender<OutgoingSms> {
  /** Binds if it is not bound: receipts come only to who is. */
  keepBound(): Promise<void>;
}

export function createSmpp(server: SmppServer, log: Pick<Log, 'info' | 'warn'>): SmppSender {
  const client = new SmppClient(server, log);
  return {
    send: (message) => client.submit(message),
    keepBound: async () => {
      await client.bound().catch(() => {});
    },
    close: () => client.close(),
  };
}

class SmppClient {
  readonly #server: SmppServer;
  readonly #log: Pick<Log, 'info' | 'warn'>;
  #session: Promise<Session> | null = null;
  #isClosed = false;

  constructor(server: SmppServer, log: Pick<Log, 'info' | 'warn'>) {
    this.#server = server;
    this.#log = log;
  }

  /** The bound connection; made if there is none. Rejects when the server cannot be reached or refuses the login. */
  bound(): Promise<Session> {
    if (this.#isClosed) return Promise.reject(new Error('it is being stopped'));
    if (this.#session === null) {
      const session = this.#bind();
      this.#session = session;
      session.catch(() => this.#forget(session));
    }
    return this.#session;
  }

  async submit(message: OutgoingSms): Promise<SendOutcome> {
    const binding = this.bound();
    let session: Session;
    try {
      session = await binding;
    } catch (error) {
      const reason = (error as Error).message;
      this.#log.warn({ reason }, 'the SMS server takes nothing');
      return { kind: 'later', reason, away: true };
    }
    return await new Promise((resolve) => {
      let written = false;
      const finish = (outcome: SendOutcome): void => {
        clearTimeout(late);
        session.off('close', lost);
        resolve(outcome);
      };
      const lost = (): void =>
        finish(
          written
            ? { kind: 'unknown', reason: 'the connection broke' }
            : { kind: 'later', reason: 'the connection broke', away: true },
        );
      const late = setTimeout(lost, SEND_TIMEOUT_SECONDS * 1_000);
      session.once('close', lost);
      written = session.submit_sm(fieldsOf(message, this.#server.sender), (answer) => {
        if (answer.command_status === NOT_BOUND) this.#leave(binding, session);
        finish(outcomeOf(answer));
      });
      if (!written) lost();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const session = await this.#session?.catch(() => null);
    session?.close();
  }

  #forget(session: Promise<Session>): void {
    if (this.#session === session) this.#session = null;
  }

  /** Nothing more goes by this connection; what it still has to answer may come. */
  #leave(binding: Promise<Session>, session: Session): void {
    if (this.#session !== binding) return;
    this.#forget(binding);
    const late = setTimeout(() => session.destroy(), SMPP_SILENCE_TIMEOUT_MS);
    session.once('close', () => clearTimeout(late));
  }

  #bind(): Promise<Session> {
    const url = new URL(this.#server.url);
    const tls = url.protocol === 'ssmpp:';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const session = smpp.connect({ host, port: Number(url.port || (tls ? 3550 : 2775)), tls });
    const binding = new Promise<Session>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error('the SMS server does not answer'));
        session.destroy();
      }, SMPP_BIND_TIMEOUT_MS);
      // Errors carry addresses of ours only, and end in `close`.
      session.on('error', (error: NodeJS.ErrnoException) =>
        reject(new Error(`no connection (${error.code})`)),
      );
      session.on('close', () => {
        clearTimeout(late);
        reject(new Error('the connection broke'));
        this.#forget(binding);
      });
      session.on(tls ? 'secureConnect' : 'connect', () => {
        const login = {
          system_id: decodeURIComponent(url.username),
          password: decodeURIComponent(url.password),
        };
        session.bind_transceiver({ ...login, interface_version: SMPP_3_4 }, (answer) => {
          clearTimeout(late);
          if (answer.command_status === 0) resolve(session);
          else reject(new Error(`the login was refused (${nameOf(answer.command_status)})`));
        });
      });
      session.on('enquire_link', (pdu: Pdu) => session.send(pdu.response()));
      session.on('unbind', (pdu: Pdu) => {
        session.send(pdu.response());
        this.#leave(binding, session);
      });
      session.on('deliver_sm', (pdu: Pdu) => void this.#deliver(session, pdu));
    });
    void binding.then(
      () => this.#keepAlive(session),
      () => session.destroy(),
    );
    return binding;
  }

  #keepAlive(session: Session): void {
    this.#log.info({}, 'bound to the SMS server');
    let silent: NodeJS.Timeout | undefined;
    const timer = setInterval(() => {
      clearTimeout(silent);
      silent = setTimeout(() => session.destroy(), SMPP_SILENCE_TIMEOUT_MS);
      session.enquire_link({}, () => clearTimeout(silent));
    }, SMPP_ENQUIRE_MS);
    session.once('close', () => {
      clearTimeout(silent);
      clearInterval(timer);
    });
  }

  /** Answered when its message is settled, so that a receipt that we lose is sent again. */
  async #deliver(session: Session, pdu: Pdu): Promise<void> {
    const receipt = receiptIn(pdu);
    if (receipt !== null) {
      try {
        await this.#settle(receipt);
      } catch {
        // The database is away: let it come again.
        session.send(pdu.response({ command_status: smpp.errors.ESME_RX_T_APPN }));
        return;
      }
    }
    session.send(pdu.response());
  }

  async #settle({ id, state, reason }: Receipt): Promise<void> {
    for (let attempt = 1; attempt <= SMPP_RECEIPT_TRIES; attempt++) {
      // The other spellings late: they could be the names of others while our own is not yet written down.
      const names = attempt > SMPP_RECEIPT_TRIES / 2 ? [id, ...otherSpellings(id)] : [id];
      for (const name of names) if (await this.#server.onReceipt(name, state, reason)) return;
      await this.#server.sleep(RECEIPT_AGAIN_MS);
    }
    this.#log.warn({ state }, 'a receipt came for no message of ours');
  }
}

function fieldsOf({ to, content }: OutgoingSms, sender: string): object {
  const { alphabet, bytes } = codeSms(content.text);
  const isNumber = /^\+?\d+$/.test(sender);
  return {
    source_addr_ton: sender === '' ? UNKNOWN : isNumber ? INTERNATIONAL : ALPHANUMERIC,
    source_addr_npi: isNumber ? ISDN : UNKNOWN,
    source_addr: sender.replace('+', ''),
    dest_addr_ton: INTERNATIONAL,
    dest_addr_npi: ISDN,
    destination_addr: to.slice(1),
    registered_delivery: RECEIPT_WANTED,
    data_coding: alphabet === 'gsm7' ? DEFAULT_ALPHABET : UCS2,
    ...(septetBytes(alphabet, bytes.length) <= SHORT_MESSAGE_MAX_BYTES
      ? { short_message: bytes }
      : { short_message: Buffer.alloc(0), message_payload: bytes }),
  };
}

/** Octets on the air: eight septets in seven. */
const septetBytes = (alphabet: 'gsm7' | 'ucs2', length: number): number =>
  alphabet === 'gsm7' ? Math.ceil((length * 7) / 8) : length;

function outcomeOf(answer: Pdu): SendOutcome {
  const status = answer.command_status;
  if (status === 0) return { kind: 'sent', providerId: answer.message_id ?? null };
  const reason = nameOf(status);
  if (!LATER.has(status)) return { kind: 'refused', reason };
  return { kind: 'later', reason, away: BUSY.has(status) };
}

/** Such as ESME_RINVDSTADR. */
function nameOf(status: number): string {
  const known = Object.entries(smpp.errors).find(([, code]) => code === status);
  return known?.[0] ?? `status ${status}`;
}

interface Receipt {
  readonly id: string;
  readonly state: 'delivered' | 'failed';
  readonly reason: string | null;
}

/** Many servers name a message in hexadecimal digits when they take it, and in decimal ones in its receipt; or conversely. */
function otherSpellings(id: string): readonly string[] {
  if (id.length < SPELLED_MIN_LENGTH || id.length > SPELLED_MAX_LENGTH || !/^[\da-f]+$/i.test(id)) return [];
  const spelled = /^\d+$/.test(id) ? hexOf(BigInt(id).toString(16)) : [];
  return [...new Set([...spelled, BigInt(`0x${id}`).toString()])].filter((name) => name !== id);
}

const hexOf = (digits: string): readonly string[] =>
  [digits, digits.padStart(HEX_NAME_LENGTH, '0')].flatMap((name) => [name, name.toUpperCase()]);

/** SMPP 3.4, 5.3.2.12 and 5.3.2.35, or the text of Appendix B. Null for whatever says nothing final. */
function receiptIn(pdu: Pdu): Receipt | null {
  if (((pdu.esm_class ?? 0) & ESM_RECEIPT) === 0) return null;
  const text = String(pdu.short_message?.message ?? '');
  const id = pdu.receipted_message_id ?? /\bid:(\S+)/.exec(text)?.[1];
  const said = STATES[pdu.message_state ?? 0] ?? /\bstat:([A-Z]+)/.exec(text)?.[1] ?? '';
  if (id === undefined) return null;
  if (DELIVERED.has(said)) return { id, state: 'delivered', reason: null };
  if (!UNDELIVERED.has(said)) return null;
  const code = /\berr:(\w{1,10})/.exec(text)?.[1];
  return { id, state: 'failed', reason: code === undefined ? said : `${said} ${code}` };
}
