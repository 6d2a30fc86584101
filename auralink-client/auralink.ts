/** Puts the parts of the SDK together: one object is one endpoint, that is one app of one person on one device. */
import { Account } from './account.ts';
import { Calls } from './calls.ts';
import { Contacts } from './contacts.ts';
import { Documents, Reviews } from './documents.ts';
import { Emitter } from './emitter.ts';
import {
  detectEnvironment,
  type Environment,
  type Fetch,
  type KeyValueStorage,
  type SocketConstructor,
} from './environment.ts';
import { AuraLinkError } from './errors.ts';
import type { AuraLinkEvents } from './events.ts';
import { API_PATH, ApiClient } from './http.ts';
import { Identity } from './identity.ts';
import type { ProfileView } from './identity-types.ts';
import { Issuer } from './issuer.ts';
import type { CallMedia, JoinOptions } from './media.ts';
import { createLock } from './mutex.ts';
import { OwnApps } from './own-apps.ts';
import { Privacy } from './privacy.ts';
import { RingTracker } from './rings.ts';
import { DEFAULT_SCOPE, SignIn } from './sign-in.ts';
import { EventSocket, type SocketEvent } from './socket.ts';
import { type Session, TokenStore } from './token-store.ts';
import type {
  CallView,
  ConnectionState,
  Me,
  MediaToken,
  RingNotice,
  RingStopped,
  RingView,
  ServiceConfig,
} from './types.ts';

export interface AuraLinkOptions {
  /** Origin of the AuraLink service, such as `https://auralink.network`. */
  readonly baseUrl: string;
  /** As the operator registered the app. */
  readonly appId: string;
  /** One of the app's registered redirect URIs. */
  readonly redirectUri: string;
  /** Space-separated; the default suits an app that calls and is called. */
  readonly scope?: string;
  /** Where the session is kept: localStorage in a page, memory elsewhere. */
  readonly storage?: KeyValueStorage;
  readonly fetch?: Fetch;
  readonly WebSocket?: SocketConstructor;
}

/** The service's names of events about people, and the SDK's. */
const EVENT_NAMES = {
  'contact.updated': 'contactUpdated',
  'contact.request': 'contactRequest',
  'privacy.updated': 'privacyUpdated',
  'me.updated': 'meUpdated',
  'verification.updated': 'verificationUpdated',
  'verification.superseded': 'verificationSuperseded',
  'document.updated': 'documentUpdated',
  'reviews.updated': 'reviewsUpdated',
} as const;

/** An endpoint of the person who signed in. Make one per page, with `createAuraLink`. */
export class AuraLink {
  readonly baseUrl: string;
  readonly appId: string;
  readonly calls: Calls;
  readonly identity: Identity;
  readonly privacy: Privacy;
  readonly contacts: Contacts;
  readonly account: Account;
  readonly ownApps: OwnApps;
  readonly documents: Documents;
  /** For reviewers; others find nothing there. */
  readonly reviews: Reviews;
  readonly #environment: Environment;
  readonly #emitter: Emitter<AuraLinkEvents>;
  readonly #issuer: Issuer;
  readonly #tokens: TokenStore;
  readonly #signIn: SignIn;
  readonly #api: ApiClient;
  readonly #rings: RingTracker;
  readonly #socket: EventSocket;

  constructor(options: AuraLinkOptions) {
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.appId = options.appId;
    this.#environment = detectEnvironment(options);
    const { storage, locks, fetch } = this.#environment;
    this.#emitter = new Emitter((error) => void this.#emitter.emit('fault', error));
    this.#issuer = new Issuer(this.baseUrl, fetch);
    this.#tokens = new TokenStore({
      appId: this.appId,
      storage,
      issuer: this.#issuer,
      withLock: createLock(locks),
      onChange: (signedIn) => this.#onSession(signedIn),
    });
    this.#signIn = new SignIn({
      appId: this.appId,
      redirectUri: options.redirectUri,
      scope: options.scope ?? DEFAULT_SCOPE,
      environment: this.#environment,
      issuer: this.#issuer,
      tokens: this.#tokens,
    });
    this.#api = new ApiClient(this.baseUrl, fetch, this.#tokens);
    this.#rings = new RingTracker({
      storage,
      storageKey: `auralink:${this.appId}:rings`,
      nowMs: () => Date.now() + (this.#tokens.findSession()?.clockOffsetMs ?? 0),
      show: (ring) => this.#emitter.emit('ring', ring),
      stop: (stopped) => this.#emitter.emit('ringStopped', stopped),
      settle: (seq) => this.#socket.settle(seq),
    });
    this.calls = new Calls(this.#api, this.#rings);
    this.identity = new Identity(this.#api);
    this.privacy = new Privacy(this.#api);
    this.contacts = new Contacts(this.#api);
    this.account = new Account(this.#api);
    this.ownApps = new OwnApps(this.#api);
    this.documents = new Documents(this.#api);
    this.reviews = new Reviews(this.#api);
    this.#socket = this.#createSocket();
    this.#watchOtherTabs();
  }

  /** Returns the function that takes the handler off again. */
  on<K extends keyof AuraLinkEvents>(type: K, handler: (data: AuraLinkEvents[K]) => unknown): () => void {
    const off = this.#emitter.on(type, handler);
    if (type === 'ring') void this.#rings.showWaiting();
    return off;
  }

  get signedIn(): boolean {
    return this.#tokens.findSession() !== null;
  }

  get state(): ConnectionState {
    return this.#socket.state;
  }

  /** Rings of this moment, for an app that draws itself anew. */
  get liveRings(): readonly RingView[] {
    return this.#rings.live;
  }

  /** Leaves the page for the sign-in page of the person's server. */
  async signIn(): Promise<void> {
    const url = await this.#signIn.url();
    if (this.#environment.page === null) throw new Error(`There is no page to leave; open ${url}`);
    this.#environment.page.location.assign(url);
  }

  /** The address that `signIn` would go to, for apps that open it themselves. */
  signInUrl(): Promise<string> {
    return this.#signIn.url();
  }

  /** Call it once at start. True if the page was the way back from a sign-in. Throws AuraLinkError. */
  handleRedirect(href = this.#environment.page?.location.href ?? ''): Promise<boolean> {
    return href === '' ? Promise.resolve(false) : this.#signIn.handleRedirect(href);
  }

  /** For apps that got their tokens in another way: a native shell, a test. */
  adoptSession(session: Session): void {
    this.#tokens.set(session);
  }

  /** Ends this endpoint at the service and forgets its tokens here, whether or not the service can be reached. */
  async signOut(): Promise<void> {
    const session = this.#tokens.findSession();
    if (session === null) return;
    this.#socket.disconnect();
    const ended = this.#api.request('/endpoint/revoke', { method: 'POST', body: {} });
    await ended.catch(() => undefined);
    this.#signIn.askNextTime();
    this.#tokens.clear();
    if (session.refreshToken === null) return;
    const revoked = this.#issuer.revoke({ token: session.refreshToken, client_id: this.appId });
    await revoked.catch(() => undefined);
  }

  /** Begins to listen; comes back by itself after every break. */
  connect(): void {
    this.#socket.connect();
  }

  disconnect(): void {
    this.#socket.disconnect();
  }

  me(): Promise<Me> {
    return this.#api.request('/me');
  }

  /** Who has this address. Throws AuraLinkError with status 404 when nobody does. */
  resolve(address: string): Promise<ProfileView> {
    return this.identity.resolve(address);
  }

  config(): Promise<ServiceConfig> {
    return this.#api.request('/config', { authenticated: false });
  }

  /** Which app rings on this device; null leaves the choice to the service. */
  async setRingingApp(appId: string | null): Promise<void> {
    await this.#api.request('/devices/current/app', { method: 'PUT', body: { appId } });
  }

  /** Joins an answered call with sound and picture. Throws AuraLinkError, or what LiveKit throws. */
  async joinCall(callId: string, options: JoinOptions = {}): Promise<CallMedia> {
    const path = `/calls/${encodeURIComponent(callId)}/media-token`;
    const [media, token] = await Promise.all([
      import('./media.ts'),
      this.#api.request<MediaToken>(path, { method: 'POST', body: {} }),
    ]);
    return media.joinCall(token, options);
  }

  /** Fetches the media code ahead of an answer, while it rings. */
  async preloadMedia(): Promise<void> {
    const media = await import('./media.ts');
    await media.preload();
  }

  #createSocket(): EventSocket {
    return new EventSocket({
      url: `${this.baseUrl.replace(/^http/, 'ws')}${API_PATH}/socket`,
      WebSocket: this.#environment.WebSocket,
      page: this.#environment.page,
      accessToken: () => this.#tokens.accessToken(),
      renewToken: (token) => this.#tokens.renew(token),
      onEvent: (event) => this.#onEvent(event),
      onState: (state) => void this.#emitter.emit('state', state),
      onWelcome: (resumed) => {
        if (!resumed) void this.#rings.check((ringId) => this.#askRing(ringId));
      },
      onSignedOut: () => this.#tokens.clear(),
    });
  }

  async #onEvent(event: SocketEvent): Promise<boolean> {
    switch (event.type) {
      case 'ring':
        return this.#rings.add(event.data as RingView, event.seq);
      case 'ring.stopped':
        await this.#rings.stop(event.data as Omit<RingStopped, 'byThisTab'>);
        return true;
      case 'ring.notice':
        await this.#emitter.emit('ringNotice', event.data as RingNotice);
        return true;
      case 'call.updated':
        await this.#emitter.emit('callUpdated', event.data as CallView);
        return true;
      case 'contact.updated':
      case 'contact.request':
      case 'privacy.updated':
      case 'me.updated':
      case 'verification.updated':
      case 'verification.superseded':
      case 'document.updated':
      case 'reviews.updated':
        await this.#emitter.emit(EVENT_NAMES[event.type], event.data as never);
        return true;
      default:
        // A newer service may say more than this SDK knows.
        return true;
    }
  }

  /** Null when the service cannot say; a ring that it does not know is over. */
  async #askRing(ringId: string): ReturnType<Parameters<RingTracker['check']>[0]> {
    try {
      return await this.calls.ring(ringId);
    } catch (error) {
      if (!(error instanceof AuraLinkError) || error.status !== 404) return null;
      return { ringId, live: false, state: 'stopped' };
    }
  }

  #onSession(signedIn: boolean): void {
    if (!signedIn) {
      this.#socket.disconnect();
      this.#socket.forget();
      this.#rings.clear();
    }
    void this.#emitter.emit('session', { signedIn });
  }

  #watchOtherTabs(): void {
    this.#environment.page?.addEventListener('storage', (event) => {
      const { key, newValue } = event as { key: string | null; newValue: string | null };
      if (key === this.#tokens.key && newValue === null) this.#onSession(false);
    });
  }
}

export function createAuraLink(options: AuraLinkOptions): AuraLink {
  return new AuraLink(options);
}
