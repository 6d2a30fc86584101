/**
 * The one call that this tab is in, and the rings that it shows. React only draws this. The service decides everything;
 * here is only which of the person's calls are this tab's, since her other tabs hear of the same ones.
 */
import {
  type AuraLink,
  AuraLinkError,
  type CallMedia,
  type CallView,
  type Media,
  type Person,
  type RingStopped,
  type RingView,
  type StopReason,
} from '../../../auralink-client/index.ts';
import { noteEvent } from '../boot.ts';
import { wordsOf } from '../session.ts';
import { Store } from '../store.ts';
import { findCurrentCall, rememberCurrentCall, rememberRingEnd } from './memory.ts';
import { endWords, lateStopReason, reasonOf, stopWords } from './words.ts';

/** Updates that may arrive before the answer to the request that caused them. */
const EARLY_MAX = 20;

export interface LastEnd {
  readonly callId: string;
  readonly reason: string;
  readonly words: string;
  readonly peer: Person;
}

export interface CallSnapshot {
  /** Oldest first; the first is shown. */
  readonly rings: readonly RingView[];
  /** A placing that is under way. */
  readonly dialing: { readonly peer: Person; readonly media: Media } | null;
  readonly call: CallView | null;
  readonly media: CallMedia | null;
  /** Why the call cannot be heard. */
  readonly mediaError: string | null;
  /** The ring that is being answered or declined right now. */
  readonly acting: string | null;
  /** Why the last dialing did not work. */
  readonly dialError: string | null;
  readonly lastEnd: LastEnd | null;
  /** Grows whenever the history may have changed. */
  readonly historyVersion: number;
  /** A call that rang here and goes on in another app: it enters this app's history when it ends. */
  readonly answeredElsewhere: string | null;
}

const NOTHING: CallSnapshot = {
  rings: [],
  dialing: null,
  call: null,
  media: null,
  mediaError: null,
  acting: null,
  dialError: null,
  lastEnd: null,
  historyVersion: 0,
  answeredElsewhere: null,
};

export class CallController extends Store<CallSnapshot> {
  readonly #auralink: AuraLink;
  readonly #early = new Map<string, CallView>();
  /** A call that ours was merged into, awaited. */
  #successor: string | null = null;

  constructor(auralink: AuraLink) {
    super(NOTHING);
    this.#auralink = auralink;
    auralink.on('ring', (ring) => this.#onRing(ring));
    auralink.on('ringStopped', (stopped) => this.#onRingStopped(stopped));
    auralink.on('callUpdated', (call) => this.#onCall(call));
    auralink.on('session', ({ signedIn }) => {
      if (!signedIn) this.#reset();
    });
    if (auralink.signedIn) void this.#comeBack();
  }

  /** Calls `peer`; what goes wrong is in `dialError`. */
  async dial(peer: Person, media: Media): Promise<void> {
    const { dialing, call } = this.get();
    if (dialing !== null || call !== null) return;
    this.set({ dialing: { peer, media }, dialError: null, lastEnd: null });
    const placing = this.#auralink.calls.place(peer.auraId, { media });
    void this.#auralink.preloadMedia().catch(() => undefined);
    try {
      const placed = await placing;
      this.#take(this.#early.get(placed.callId) ?? placed);
    } catch (error) {
      this.set({ dialError: dialWords(error, peer.auraId) });
    }
    this.set({ dialing: null });
  }

  /** Takes the ring; a call that goes on is hung up first. */
  async answer(ring: RingView): Promise<void> {
    this.set({ acting: ring.ringId, lastEnd: null, dialError: null });
    try {
      if (this.get().call !== null) await this.end();
      const call = await this.#auralink.calls.answer(ring.ringId);
      this.#dropRing(ring.ringId);
      this.#take(this.#early.get(call.callId) ?? call);
    } catch (error) {
      this.#onLate(ring, error);
    }
    this.set({ acting: null });
  }

  async decline(ring: RingView): Promise<void> {
    this.set({ acting: ring.ringId, dialError: null });
    try {
      await this.#auralink.calls.decline(ring.ringId);
      this.#dropRing(ring.ringId);
      rememberRingEnd(ring.callId, 'declined_here');
      this.#showEnd(ring, 'declined_here');
    } catch (error) {
      this.#onLate(ring, error);
    }
    this.set({ acting: null });
  }

  /** Cancels while it rings, hangs up afterwards. The page lets go at once, however long the service takes. */
  async end(): Promise<void> {
    const call = this.get().call;
    if (call === null) return;
    this.#letGo();
    try {
      this.#showCallEnd(await this.#auralink.calls.hangup(call.callId));
    } catch (error) {
      this.set({ dialError: wordsOf(error) });
    }
  }

  async retryMedia(): Promise<void> {
    const call = this.get().call;
    if (call !== null) await this.#join(call);
  }

  clearLastEnd(): void {
    this.set({ lastEnd: null });
  }

  clearDialError(): void {
    this.set({ dialError: null });
  }

  #onRing(ring: RingView): void {
    noteEvent('ring', ring);
    if (this.get().rings.some((one) => one.ringId === ring.ringId)) return;
    this.set({ rings: [...this.get().rings, ring], lastEnd: null, dialError: null });
    void this.#auralink.preloadMedia().catch(() => undefined);
  }

  #onRingStopped(stopped: RingStopped): void {
    const ring = this.get().rings.find((one) => one.ringId === stopped.ringId);
    if (!stopped.byThisTab) rememberRingEnd(stopped.callId, stopped.reason);
    this.set({ historyVersion: this.get().historyVersion + 1 });
    if (stopped.reason === 'answered_elsewhere') this.set({ answeredElsewhere: stopped.callId });
    if (ring === undefined) return;
    this.#dropRing(ring.ringId);
    if (!stopped.byThisTab) this.#showEnd(ring, stopped.reason);
  }

  #onLate(ring: RingView, error: unknown): void {
    if (!(error instanceof AuraLinkError) || (error.status !== 409 && error.status !== 404)) {
      this.set({ dialError: wordsOf(error) });
      return;
    }
    const shown = this.get().rings.some((one) => one.ringId === ring.ringId);
    this.#dropRing(ring.ringId);
    if (shown) this.#showEnd(ring, lateStopReason(error.reason));
  }

  #onCall(call: CallView): void {
    this.#early.delete(call.callId);
    this.#early.set(call.callId, call);
    const oldest = this.#early.keys().next().value;
    if (this.#early.size > EARLY_MAX && oldest !== undefined) this.#early.delete(oldest);
    if (call.state === 'ended') this.set({ historyVersion: this.get().historyVersion + 1 });
    const mine = call.callId === this.get().call?.callId || call.callId === this.#successor;
    if (mine) this.#take(call);
  }

  /** A call of this tab, in whatever state it has got to. */
  #take(call: CallView): void {
    const current = this.get().call;
    if (call.state === 'ended') {
      if (call.mergedIntoCallId !== null) {
        void this.#follow(call.mergedIntoCallId);
        return;
      }
      this.#letGo();
      this.#showCallEnd(call);
      return;
    }
    this.#successor = null;
    this.set({ call });
    rememberCurrentCall(call.callId);
    const joined = current?.callId === call.callId && current.state === 'active';
    if (call.state === 'active' && !joined) void this.#join(call);
  }

  /** They called each other: this tab goes over to the call that goes on. */
  async #follow(callId: string): Promise<void> {
    this.#successor = callId;
    try {
      const call = this.#early.get(callId) ?? (await this.#auralink.calls.get(callId));
      if (this.#successor === callId && call.state !== 'ringing') this.#take(call);
    } catch (error) {
      this.#letGo();
      this.set({ dialError: wordsOf(error) });
    }
  }

  async #join(call: CallView): Promise<void> {
    this.set({ mediaError: null });
    try {
      const media = await this.#auralink.joinCall(call.callId, { video: call.media === 'video' });
      if (this.get().call?.callId !== call.callId) {
        await media.leave();
        return;
      }
      media.on('state', (state) => {
        if (state === 'disconnected' && this.get().media === media) void this.#check(call.callId);
      });
      this.set({ media });
    } catch (error) {
      if (this.get().call?.callId === call.callId) this.set({ mediaError: wordsOf(error) });
    }
  }

  /** The room is gone: is the call over, or is it only our connection? */
  async #check(callId: string): Promise<void> {
    this.set({ media: null });
    try {
      const call = await this.#auralink.calls.get(callId);
      this.#onCall(call);
      if (call.state === 'active') await this.#join(call);
    } catch (error) {
      this.set({ mediaError: wordsOf(error) });
    }
  }

  async #comeBack(): Promise<void> {
    const callId = findCurrentCall();
    if (callId === null) return;
    const call = await this.#auralink.calls.get(callId).catch(() => null);
    if (call === null || call.state === 'ended') rememberCurrentCall(null);
    else if (this.get().call === null) this.#take(call);
  }

  #showCallEnd(call: CallView): void {
    const words = call.endReason === 'hung_up' ? 'Call ended' : endWords(call);
    const lastEnd = { callId: call.callId, reason: reasonOf(call), words, peer: call.peer };
    this.set({ lastEnd, historyVersion: this.get().historyVersion + 1 });
  }

  #showEnd(ring: RingView, reason: StopReason): void {
    const lastEnd = { callId: ring.callId, reason, words: stopWords(reason), peer: ring.from };
    this.set({ lastEnd, historyVersion: this.get().historyVersion + 1 });
  }

  #dropRing(ringId: string): void {
    this.set({ rings: this.get().rings.filter((one) => one.ringId !== ringId) });
  }

  #letGo(): void {
    const { media } = this.get();
    this.#successor = null;
    this.set({ call: null, media: null, mediaError: null });
    rememberCurrentCall(null);
    void media?.leave();
  }

  #reset(): void {
    this.#letGo();
    this.set({ ...NOTHING });
  }
}

function dialWords(error: unknown, auraId: string): string {
  if (!(error instanceof AuraLinkError)) return wordsOf(error);
  if (error.status === 404) return `Nobody has the address ${auraId}.`;
  if (error.status === 429) return 'Too many calls in a short time. Wait a minute.';
  return error.message;
}
