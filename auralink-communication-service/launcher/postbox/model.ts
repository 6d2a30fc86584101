/** What the development postbox received, and how its servers behave: as a good server, unless a test wants otherwise. */

export interface Received {
  readonly channel: 'email' | 'sms';
  /** Message-ID of an e-mail; the server's name of an SMS. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Null for an SMS. */
  readonly subject: string | null;
  readonly text: string;
  readonly html: string | null;
  /** ISO time. */
  readonly at: string;
}

/** A server's answer that is no yes: an SMTP reply code, or an SMPP command status. */
export interface Refusal {
  readonly code: number;
  readonly words: string;
}

export interface Behaviour {
  /** How the mail server greets who connects. */
  greets: () => Refusal | null;
  /** Asked at MAIL FROM. */
  sender: (from: string) => Refusal | null;
  /** Asked for each recipient, before the text comes. */
  recipient: (to: string) => Refusal | null;
  /** Asked when the whole message is there; waited for, so that a server can be slow. */
  taken: (message: Received) => Refusal | null | Promise<Refusal | null>;
  /** Whether the server says what it said: false, and it cuts the connection instead, though it took the message. */
  answers: (message: Received) => boolean;
  /** What the receipt of an SMS says; null: none comes. */
  receipt: (message: Received) => 'DELIVRD' | 'UNDELIV' | null;
  /** How the SMS server spells its name of an SMS, in its answer and in the receipt. */
  spelling: (id: string) => { readonly answer: string; readonly receipt: string };
  /** Whether the SMS server answers when it is asked whether it is still there (enquire_link). */
  alive: () => boolean;
  /** Whether the SMS server unbinds after its answer; what is still submitted there it refuses, not being bound. */
  unbinds: (message: Received) => boolean;
  /** The answer to that (unbind_resp) came. */
  unbound: () => void;
}

export const wellBehaved = (): Behaviour => ({
  greets: () => null,
  sender: () => null,
  recipient: () => null,
  taken: () => null,
  answers: () => true,
  receipt: () => 'DELIVRD',
  spelling: (id) => ({ answer: id, receipt: id }),
  alive: () => true,
  unbinds: () => false,
  unbound: () => {},
});

/** One of the two servers. */
export interface PostServer {
  /** What goes into SMTP_URL or SMPP_URL. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection too. */
  close(): Promise<void>;
}
