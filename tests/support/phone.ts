/**
 * A client of the API for tests and benches: requests with an endpoint's token, and a socket that records what it was
 * told and can wait for it. It acknowledges like a well-behaved app unless told otherwise.
 */
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import type { TestEndpoint } from './world.ts';

const WAIT_MS = 10_000;

export interface Frame {
  readonly type: string;
  readonly seq: number;
  readonly data: Record<string, unknown>;
  /** When it was parsed, performance.now(). */
  readonly at: number;
  /** Which connection of this phone brought it: 1, 2, … */
  readonly connection: number;
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & {
    callId: string;
    state: string;
    reason?: string;
    errcode?: string;
    field?: string;
    invitation: { state: string; reason: string | null; alerting: boolean; invitationId: string };
  };
  readonly headers: Headers;
}

export interface PhoneOptions {
  readonly lastSeq?: number;
  readonly focused?: boolean;
  /** Acknowledge everything at once (default), or nothing. */
  readonly acknowledge?: boolean;
  readonly origin?: string;
  readonly host?: string;
}

export class Phone {
  readonly endpoint: TestEndpoint;
  readonly #publicUrl: string;
  readonly frames: Frame[] = [];
  readonly #waiters = new Set<() => void>();
  #socket: WebSocket | null = null;
  #connections = 0;
  /** Number that the first welcome named: what the log held before this page was opened. */
  startedAt = 0;
  closeCode: number | null = null;
  welcome: { seq: number; resumed: boolean } | null = null;
  acknowledge = true;

  constructor(publicUrl: string, endpoint: TestEndpoint) {
    this.#publicUrl = publicUrl;
    this.endpoint = endpoint;
  }

  /** Opens the socket and waits for the welcome. Rejects when it is closed instead. */
  async connect(options: PhoneOptions = {}): Promise<this> {
    const url = `${this.#publicUrl.replace('http', 'ws')}/_auralink/v1/socket`;
    const socket = new WebSocket(url, {
      perMessageDeflate: false,
      ...(options.origin === undefined ? {} : { origin: options.origin }),
    });
    this.#socket = socket;
    this.#connections += 1;
    const connection = this.#connections;
    this.closeCode = null;
    this.welcome = null;
    this.acknowledge = options.acknowledge ?? true;
    socket.on('open', () =>
      socket.send(
        JSON.stringify({
          type: 'hello',
          token: this.endpoint.token,
          ...(options.lastSeq === undefined ? {} : { lastSeq: options.lastSeq }),
          ...(options.focused === undefined ? {} : { focused: options.focused }),
        }),
      ),
    );
    socket.on('message', (raw) => this.#receive(raw.toString(), socket, connection));
    socket.on('close', (code) => {
      if (connection !== this.#connections) return;
      this.closeCode = code;
      this.#notify();
    });
    socket.on('error', () => {});
    await this.until(() => this.welcome !== null || this.closeCode !== null, 'welcome');
    if (this.welcome === null) throw new Error(`the socket was closed with ${this.closeCode}`);
    return this;
  }

  #receive(text: string, socket: WebSocket, connection: number): void {
    const frame = JSON.parse(text) as Frame & { resumed: boolean };
    if (frame.type === 'welcome') {
      this.welcome = { seq: frame.seq, resumed: frame.resumed };
      if (connection === 1) this.startedAt = frame.seq;
    } else {
      this.frames.push({ ...frame, at: performance.now(), connection });
      if (this.acknowledge) socket.send(JSON.stringify({ type: 'ack', seq: frame.seq }));
    }
    this.#notify();
  }

  #notify(): void {
    for (const waiter of this.#waiters) waiter();
  }

  get isOpen(): boolean {
    return this.welcome !== null && this.closeCode === null && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** The highest number that this page has seen. */
  get lastSeq(): number {
    return Math.max(this.startedAt, ...this.frames.map((frame) => frame.seq));
  }

  send(frame: object): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  ack(seq: number): void {
    this.send({ type: 'ack', seq });
  }

  /** Resolves when `condition` holds; looks again at every frame and close. */
  async until(condition: () => boolean, what: string, withinMs = WAIT_MS): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(check);
        const seen = this.frames.map((f) => `${f.type} ${JSON.stringify(f.data).slice(0, 120)}`).join('\n  ');
        reject(
          new Error(
            `${this.endpoint.person.auraId}/${this.endpoint.appId} waited for ${what}; it has seen\n  ${seen}`,
          ),
        );
      }, withinMs);
      const check = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
    });
  }

  /** The first frame of this type, from `from` on, that fits; waits for it. */
  async frame(
    type: string,
    fits: (data: Frame['data']) => boolean = () => true,
    withinMs = WAIT_MS,
  ): Promise<Frame> {
    const find = () => this.frames.find((frame) => frame.type === type && fits(frame.data));
    await this.until(() => find() !== undefined, type, withinMs);
    return find() as Frame;
  }

  ofType(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** True when the other side answered a ping. */
  async ping(withinMs = WAIT_MS): Promise<boolean> {
    const socket = this.#socket;
    if (socket === null) return false;
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), withinMs);
      socket.once('pong', () => {
        clearTimeout(timer);
        resolve(true);
      });
      socket.ping();
    });
  }

  /** Reads nothing more until `resume`. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Drops the socket without a goodbye. */
  drop(): void {
    this.#socket?.terminate();
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === null || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.close();
    });
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(`${this.#publicUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.endpoint.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === '' ? null : JSON.parse(text),
      headers: response.headers,
    };
  }

  place(to: string, over: { media?: string; app?: string; key?: string } = {}): Promise<Answer> {
    const { key = randomUUID(), ...rest } = over;
    return this.request('POST', '/_auralink/v1/calls', { to, ...rest }, { 'idempotency-key': key });
  }

  answer(ringId: string, key: string = randomUUID()): Promise<Answer> {
    return this.request('POST', `/_auralink/v1/rings/${ringId}/answer`, undefined, {
      'idempotency-key': key,
    });
  }

  decline(ringId: string): Promise<Answer> {
    return this.request('POST', `/_auralink/v1/rings/${ringId}/decline`);
  }

  cancel(callId: string): Promise<Answer> {
    return this.request('POST', `/_auralink/v1/calls/${callId}/cancel`);
  }

  hangUp(callId: string): Promise<Answer> {
    return this.request('POST', `/_auralink/v1/calls/${callId}/hangup`);
  }

  call(callId: string): Promise<Answer> {
    return this.request('GET', `/_auralink/v1/calls/${callId}`);
  }

  mediaToken(callId: string): Promise<Answer> {
    return this.request('POST', `/_auralink/v1/calls/${callId}/media-token`);
  }
}
