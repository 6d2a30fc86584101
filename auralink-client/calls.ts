/** What an app can do with calls. Every method throws AuraLinkError when the service refuses. */
import { ACTION_GIVE_UP_AFTER_MS, type ApiClient } from './http.ts';
import type { RingTracker } from './rings.ts';
import type { CallView, HistoryPage, Media, RingStatus } from './types.ts';

export interface PlaceOptions {
  readonly media?: Media;
  /** App that should ring, if the callee has it. */
  readonly app?: string;
  /** One for each tap on "call"; made here unless the app must repeat a placing across a reload. */
  readonly idempotencyKey?: string;
}

export class Calls {
  readonly #api: ApiClient;
  readonly #rings: RingTracker;

  constructor(api: ApiClient, rings: RingTracker) {
    this.#api = api;
    this.#rings = rings;
  }

  /** Rings `to` (`@bob.aura`, or just `bob`). 404: nobody has that address. 400: it is your own. */
  place(to: string, options: PlaceOptions = {}): Promise<CallView> {
    return this.#api.request('/calls', {
      method: 'POST',
      idempotencyKey: options.idempotencyKey ?? crypto.randomUUID(),
      body: {
        to,
        media: options.media ?? 'audio',
        ...(options.app === undefined ? {} : { app: options.app }),
      },
    });
  }

  get(callId: string): Promise<CallView> {
    return this.#api.request(`/calls/${encodeURIComponent(callId)}`);
  }

  /** The caller gives up while it rings. 409 once it was answered. */
  cancel(callId: string): Promise<CallView> {
    return this.#end(callId, 'cancel');
  }

  /** Ends an answered call, or cancels one that the caller's side placed. */
  hangup(callId: string): Promise<CallView> {
    return this.#end(callId, 'hangup');
  }

  /** 409 with `reason` `already_answered`, `already_declined`, `cancelled`, `timed_out` or `merged`: too late. */
  answer(ringId: string): Promise<CallView> {
    return this.#act(ringId, 'answer');
  }

  /** Declines for every app and device of this person. */
  decline(ringId: string): Promise<CallView> {
    return this.#act(ringId, 'decline');
  }

  /** Is this ring still live? For an app that was woken by a push. */
  ring(ringId: string): Promise<RingStatus> {
    return this.#api.request(`/rings/${encodeURIComponent(ringId)}`);
  }

  /** Newest first. `before` is the `next` of an earlier page. */
  history(options: { limit?: number; before?: string } = {}): Promise<HistoryPage> {
    const query = new URLSearchParams({ limit: String(options.limit ?? 50) });
    if (options.before !== undefined) query.set('before', options.before);
    return this.#api.request(`/history?${query}`);
  }

  #end(callId: string, verb: 'cancel' | 'hangup'): Promise<CallView> {
    return this.#api.request(`/calls/${encodeURIComponent(callId)}/${verb}`, {
      method: 'POST',
      body: {},
      giveUpAfterMs: ACTION_GIVE_UP_AFTER_MS,
    });
  }

  async #act(ringId: string, verb: 'answer' | 'decline'): Promise<CallView> {
    const undo = this.#rings.act(ringId);
    try {
      return await this.#api.request<CallView>(`/rings/${encodeURIComponent(ringId)}/${verb}`, {
        method: 'POST',
        idempotencyKey: crypto.randomUUID(),
        body: {},
        giveUpAfterMs: ACTION_GIVE_UP_AFTER_MS,
      });
    } catch (error) {
      undo();
      throw error;
    }
  }
}
