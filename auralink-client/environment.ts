/**
 * What the SDK uses of the world around it, as small structural types, so that it runs in a browser, in Node and over
 * fakes alike. Nothing else in the SDK but media.ts touches a browser object.
 */

export interface KeyValueStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface SocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number }) => void): void;
}
export type SocketConstructor = new (url: string) => SocketLike;
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

interface Listening {
  addEventListener(type: string, listener: (event: unknown) => void): void;
}

/** The parts of `window` that the SDK looks at; absent in Node. */
export interface PageLike extends Listening {
  readonly location: { readonly href: string; assign(url: string): void };
  readonly history: { replaceState(data: unknown, unused: string, url: string): void };
  readonly document: Listening & { readonly visibilityState: string; hasFocus(): boolean };
}

/** Web Locks, where the browser has them. */
export interface LocksLike {
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export interface Environment {
  readonly fetch: Fetch;
  readonly WebSocket: SocketConstructor;
  readonly storage: KeyValueStorage;
  readonly page: PageLike | null;
  readonly locks: LocksLike | null;
}

/** Keeps things for as long as the page lives. */
export function memoryStorage(): KeyValueStorage {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

interface BrowserGlobals {
  readonly window?: PageLike;
  readonly navigator?: { readonly locks?: LocksLike };
}

/** The world as this page or process has it, with what the app gave instead of it. */
export function detectEnvironment(given: {
  storage?: KeyValueStorage | undefined;
  fetch?: Fetch | undefined;
  WebSocket?: SocketConstructor | undefined;
}): Environment {
  const globals = globalThis as unknown as BrowserGlobals;
  return {
    fetch: given.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    WebSocket: given.WebSocket ?? (globalThis.WebSocket as unknown as SocketConstructor),
    storage: given.storage ?? findLocalStorage() ?? memoryStorage(),
    page: globals.window ?? null,
    locks: globals.navigator?.locks ?? null,
  };
}

function findLocalStorage(): KeyValueStorage | null {
  // Only a page has one that means "this browser profile"; merely reading it may throw where cookies are blocked.
  const globals = globalThis as unknown as { window?: { localStorage: KeyValueStorage } };
  try {
    return globals.window?.localStorage ?? null;
  } catch {
    return null;
  }
}
