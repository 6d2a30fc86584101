/**
 * Rings as this page knows them: each is shown once, falls silent once, and never rings past its deadline even if the
 * service cannot say so any more. The ids of live rings are kept in storage, so that a reloaded page, or a second tab,
 * rings too.
 */
import type { KeyValueStorage } from './environment.ts';
import type { RingStatus, RingStopped, RingView } from './types.ts';

/** Stopped rings that are remembered, to know late news about them. */
const STOPPED_MAX = 200;
/** `setTimeout` and clocks on other machines are never to be trusted beyond this. */
const RING_MAX_MS = 180_000;

interface LiveRing {
  readonly ring: RingView;
  /** Number of its event in the log; null when it was asked for instead. */
  readonly seq: number | null;
  readonly timer: ReturnType<typeof setTimeout>;
  shown: boolean;
}

export interface RingTrackerOptions {
  readonly storage: KeyValueStorage;
  readonly storageKey: string;
  /** The service's time, as well as this machine knows it. */
  nowMs(): number;
  /** True when the app shows it. */
  show(ring: RingView): Promise<boolean>;
  stop(stopped: RingStopped): Promise<unknown>;
  /** The event `seq` needs no more attention. */
  settle(seq: number): void;
}

export class RingTracker {
  readonly #options: RingTrackerOptions;
  readonly #live = new Map<string, LiveRing>();
  readonly #stopped = new Set<string>();
  /** Rings that this tab answers or declines. */
  readonly #acting = new Set<string>();

  constructor(options: RingTrackerOptions) {
    this.#options = options;
  }

  get live(): readonly RingView[] {
    return [...this.#live.values()].map((one) => one.ring);
  }

  /** A ring arrived. True when there is nothing left to do about it. */
  async add(ring: RingView, seq: number | null): Promise<boolean> {
    if (this.#stopped.has(ring.ringId)) return true;
    const remainingMs = Date.parse(ring.deadlineAt) - this.#options.nowMs();
    if (remainingMs <= 0) return true;
    let live = this.#live.get(ring.ringId);
    if (live === undefined) {
      const timer = setTimeout(() => this.#expire(ring), Math.min(remainingMs, RING_MAX_MS));
      live = { ring, seq, timer, shown: false };
      this.#live.set(ring.ringId, live);
      this.#remember();
    }
    return this.#show(live);
  }

  /** The app can show rings now: those that came before are handed over. */
  async showWaiting(): Promise<void> {
    for (const live of [...this.#live.values()]) {
      if (live.shown) continue;
      if ((await this.#show(live)) && live.seq !== null) this.#options.settle(live.seq);
    }
  }

  async stop(data: Omit<RingStopped, 'byThisTab'>): Promise<void> {
    if (this.#stopped.has(data.ringId)) return;
    const byThisTab = this.#acting.delete(data.ringId) && data.reason.endsWith('_here');
    this.#forget(data.ringId);
    await this.#options.stop({ ...data, byThisTab });
  }

  /** This tab answers or declines: the stop that follows is its own doing. Call the result if that failed. */
  act(ringId: string): () => void {
    this.#acting.add(ringId);
    return () => void this.#acting.delete(ringId);
  }

  /**
   * Asks about every ring that is live here or was when the page was left: for a page that is new, or that was away
   * for longer than the service keeps its events.
   */
  async check(ask: (ringId: string) => Promise<RingStatus | null>): Promise<void> {
    const ids = new Set([...this.#live.keys(), ...this.#readRemembered()]);
    for (const ringId of ids) {
      const status = await ask(ringId);
      const known = this.#live.get(ringId)?.ring;
      if (status === null) continue;
      if (status.live && status.ring !== undefined) await this.add(status.ring, null);
      else if (!status.live && known !== undefined)
        await this.stop(stopOf(known, status.reason ?? 'timeout'));
    }
    this.#remember();
  }

  /** Silence without news: the person signed out. */
  clear(): void {
    for (const ringId of [...this.#live.keys()]) this.#forget(ringId);
  }

  async #show(live: LiveRing): Promise<boolean> {
    if (!live.shown) live.shown = await this.#options.show(live.ring);
    return live.shown;
  }

  #expire(ring: RingView): void {
    void this.stop(stopOf(ring, 'timeout'));
  }

  #forget(ringId: string): void {
    const live = this.#live.get(ringId);
    if (live !== undefined) {
      clearTimeout(live.timer);
      this.#live.delete(ringId);
      if (!live.shown && live.seq !== null) this.#options.settle(live.seq);
    }
    this.#stopped.add(ringId);
    const oldest = this.#stopped.values().next().value;
    if (this.#stopped.size > STOPPED_MAX && oldest !== undefined) this.#stopped.delete(oldest);
    this.#remember();
  }

  #remember(): void {
    const { storage, storageKey } = this.#options;
    if (this.#live.size === 0) storage.removeItem(storageKey);
    else storage.setItem(storageKey, JSON.stringify([...this.#live.keys()]));
  }

  #readRemembered(): string[] {
    const text = this.#options.storage.getItem(this.#options.storageKey);
    return text === null ? [] : (JSON.parse(text) as string[]);
  }
}

function stopOf(ring: RingView, reason: RingStopped['reason']): Omit<RingStopped, 'byThisTab'> {
  return { ringId: ring.ringId, callId: ring.callId, invitationId: ring.invitationId, reason };
}
