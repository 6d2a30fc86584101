/** A WebSocket whose other end is the test: it records what the SDK sends and says what the test wants. */
import type { SocketConstructor, SocketLike } from '../../auralink-client/environment.ts';

type Listener = (event: never) => void;

export class FakeSocket implements SocketLike {
  readonly url: string;
  readonly sent: Record<string, unknown>[] = [];
  /** The SDK let go of it. */
  closedByClient = false;
  readonly #listeners = new Map<string, Listener[]>();

  constructor(url: string) {
    this.url = url;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(): void {
    this.closedByClient = true;
  }

  open(): void {
    this.#fire('open', {});
  }

  receive(frame: object): void {
    this.#fire('message', { data: JSON.stringify(frame) });
  }

  drop(code: number): void {
    this.#fire('close', { code });
  }

  /** Opens and welcomes, as a service would. */
  welcome(seq: number, resumed = false): void {
    this.open();
    this.receive({ type: 'welcome', endpointId: 'endpoint-1', seq, resumed });
  }

  acknowledged(): number[] {
    return this.sent.filter((frame) => frame.type === 'ack').map((frame) => frame.seq as number);
  }

  #fire(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

/** A constructor for the SDK, and every socket that it made. */
export function fakeSockets(): { WebSocket: SocketConstructor; sockets: FakeSocket[] } {
  const sockets: FakeSocket[] = [];
  class Recorded extends FakeSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
  }
  return { WebSocket: Recorded, sockets };
}
