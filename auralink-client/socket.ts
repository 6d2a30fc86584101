/**
 * The endpoint's socket: hello, welcome, events in order, acknowledgements, and coming back after a break without
 * missing anything. The service's log has no gaps, so one number (`seq`) says all that this page has dealt with.
 * Liveness is the service's part (it pings); a page only learns of a dead connection by `offline` or by its close.
 */
import { backoffMs } from './backoff.ts';
import type { PageLike, SocketConstructor, SocketLike } from './environment.ts';
import { AuraLinkError } from './errors.ts';
import type { ConnectionState } from './types.ts';

/** Welcome must have come by then, or the next attempt begins. */
export const WELCOME_TIMEOUT_MS = 10_000;

// The service's close codes that mean more than "try again".
/** The token is not valid any more: renew it. */
export const CLOSE_UNAUTHENTICATED = 4401;
/** This origin or app may not listen. */
export const CLOSE_FORBIDDEN = 4403;
/** Newer tabs of this endpoint took its place. */
export const CLOSE_TOO_MANY_SOCKETS = 4429;
/** The endpoint was signed out elsewhere. */
export const CLOSE_SIGNED_OUT = 4440;

export interface SocketEvent {
  readonly type: string;
  readonly seq: number;
  readonly data: unknown;
}

interface Welcome {
  readonly type: 'welcome';
  readonly endpointId: string;
  readonly seq: number;
  readonly resumed: boolean;
}

export interface SocketOptions {
  readonly url: string;
  readonly WebSocket: SocketConstructor;
  readonly page: PageLike | null;
  /** Throws AuraLinkError with status 401 when signed out. */
  accessToken(): Promise<string>;
  /** The service refused `token`; the next attempt asks accessToken again. */
  renewToken(token: string): Promise<unknown>;
  /** False: not dealt with yet; nothing from `seq` on is acknowledged until `settle(seq)`. Must not reject. */
  onEvent(event: SocketEvent): Promise<boolean>;
  onState(state: ConnectionState): void;
  /** `resumed` false: events may have been missed, or this page is new. */
  onWelcome(resumed: boolean): void;
  /** The service ended this endpoint. */
  onSignedOut(): void;
}

export class EventSocket {
  readonly #options: SocketOptions;
  #wanted = false;
  #state: ConnectionState = 'offline';
  #socket: SocketLike | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  /** Tells callbacks of an earlier connection that they are late. */
  #generation = 0;
  #token = '';
  #queue: Promise<void> = Promise.resolve();
  #processedSeq: number | null = null;
  #acknowledgedSeq = 0;
  readonly #unsettled = new Set<number>();

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#watchPage();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  connect(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempt = 0;
    void this.#open();
  }

  disconnect(): void {
    this.#wanted = false;
    this.#drop();
    this.#setState('offline');
  }

  /** Another person signed in, or nobody: the numbers of the old endpoint mean nothing any more. */
  forget(): void {
    this.#processedSeq = null;
    this.#acknowledgedSeq = 0;
    this.#unsettled.clear();
  }

  /** An event that `onEvent` had not dealt with now is. */
  settle(seq: number): void {
    if (this.#unsettled.delete(seq)) this.#acknowledge();
  }

  async #open(): Promise<void> {
    this.#drop();
    const generation = this.#generation;
    this.#setState('connecting');
    try {
      this.#token = await this.#options.accessToken();
    } catch (error) {
      if (generation !== this.#generation) return;
      if (error instanceof AuraLinkError && error.status === 401) this.disconnect();
      else this.#retry();
      return;
    }
    if (generation !== this.#generation) return;
    const socket = new this.#options.WebSocket(this.#options.url);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#onClose(generation, 0), WELCOME_TIMEOUT_MS);
    socket.addEventListener('open', () => this.#hello(generation));
    socket.addEventListener('message', (event) => this.#onMessage(generation, event.data));
    socket.addEventListener('close', (event) => this.#onClose(generation, event.code));
  }

  /** Leaves the connection of now, if any, and whatever it might still say. */
  #drop(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = null;
  }

  #retry(): void {
    this.#drop();
    this.#setState('connecting');
    this.#timer = setTimeout(() => void this.#open(), backoffMs(this.#attempt));
    this.#attempt += 1;
  }

  #send(frame: object): void {
    if (this.#state === 'online') this.#socket?.send(JSON.stringify(frame));
  }

  #hello(generation: number): void {
    if (generation !== this.#generation) return;
    const lastSeq = this.#handledSeq();
    const frame = { type: 'hello', token: this.#token, focused: this.#isFocused() };
    this.#socket?.send(JSON.stringify(lastSeq === null ? frame : { ...frame, lastSeq }));
  }

  #onMessage(generation: number, data: unknown): void {
    if (generation !== this.#generation || typeof data !== 'string') return;
    const frame = JSON.parse(data) as Welcome | SocketEvent;
    if (frame.type === 'welcome') {
      this.#onWelcome(frame as Welcome);
      return;
    }
    this.#queue = this.#queue.then(() => this.#process(frame as SocketEvent));
  }

  #onWelcome(frame: Welcome): void {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    // Behind the events that are still being handled, so that they cannot move the new number back.
    this.#queue = this.#queue.then(() => {
      if (!frame.resumed || this.#processedSeq === null) {
        this.#unsettled.clear();
        this.#processedSeq = frame.seq;
      }
      this.#acknowledgedSeq = Math.min(frame.seq, this.#processedSeq);
    });
    this.#setState('online');
    this.#options.onWelcome(frame.resumed);
  }

  async #process(event: SocketEvent): Promise<void> {
    const known = this.#processedSeq !== null && event.seq <= this.#processedSeq;
    if (!known || this.#unsettled.has(event.seq)) {
      const handled = await this.#options.onEvent(event);
      if (handled) this.#unsettled.delete(event.seq);
      else this.#unsettled.add(event.seq);
      this.#processedSeq = Math.max(this.#processedSeq ?? 0, event.seq);
    }
    this.#acknowledge();
  }

  /** Everything up to here has been dealt with; null on a page that has seen nothing. */
  #handledSeq(): number | null {
    if (this.#unsettled.size === 0) return this.#processedSeq;
    return Math.min(...this.#unsettled) - 1;
  }

  #acknowledge(): void {
    const seq = this.#handledSeq();
    if (seq === null || seq <= this.#acknowledgedSeq || this.#state !== 'online') return;
    this.#acknowledgedSeq = seq;
    this.#send({ type: 'ack', seq });
  }

  #onClose(generation: number, code: number): void {
    if (generation !== this.#generation || !this.#wanted) return;
    switch (code) {
      case CLOSE_SIGNED_OUT:
        this.disconnect();
        this.#options.onSignedOut();
        return;
      case CLOSE_FORBIDDEN:
        this.#stay('refused');
        return;
      case CLOSE_TOO_MANY_SOCKETS:
        this.#stay('replaced');
        return;
      case CLOSE_UNAUTHENTICATED:
        void this.#renew(generation);
        return;
      default:
        this.#retry();
    }
  }

  async #renew(generation: number): Promise<void> {
    // A renewal that fails shows itself at the next accessToken.
    await this.#options.renewToken(this.#token).catch(() => undefined);
    if (generation === this.#generation && this.#wanted) this.#retry();
  }

  #stay(state: ConnectionState): void {
    this.#drop();
    this.#setState(state);
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState(state);
  }

  #isFocused(): boolean {
    const document = this.#options.page?.document;
    return document !== undefined && document.visibilityState === 'visible' && document.hasFocus();
  }

  #watchPage(): void {
    const page = this.#options.page;
    if (page === null) return;
    let reported: boolean | null = null;
    const report = (): void => {
      const focused = this.#isFocused();
      if (focused && this.#state === 'replaced' && this.#wanted) void this.#open();
      if (focused === reported) return;
      reported = focused;
      this.#send({ type: 'focus', focused });
    };
    page.addEventListener('focus', report);
    page.addEventListener('blur', report);
    page.document.addEventListener('visibilitychange', report);
    // Back on the network: no reason to sit out the back-off.
    page.addEventListener('online', () => {
      if (this.#wanted && this.#state === 'connecting') void this.#open();
    });
    page.addEventListener('offline', () => {
      if (this.#wanted && this.#state === 'online') this.#retry();
    });
  }
}
