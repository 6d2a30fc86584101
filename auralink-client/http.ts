/**
 * Requests to `/_auralink/v1`. Every route there may be repeated safely (what creates something carries an
 * Idempotency-Key), so a request that met a broken network or a restarting service is sent again.
 */
import { backoffMs, wait } from './backoff.ts';
import type { Fetch } from './environment.ts';
import { AuraLinkError, errorFromResponse, networkError } from './errors.ts';
import type { TokenStore } from './token-store.ts';

export const API_PATH = '/_auralink/v1';
const REQUEST_TIMEOUT_MS = 10_000;
/** A person waits: no pause between two tries is longer. */
const PAUSE_MAX_MS = 2_000;
/** How long a request is repeated; a longer wait is for the person to know, not for us to sit out. */
const GIVE_UP_AFTER_MS = 4_000;
/** For what a person did and expects to hold, such as answering: longer than a restart of the service takes. */
export const ACTION_GIVE_UP_AFTER_MS = 20_000;

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON; a Blob as it is, under its own type. */
  readonly body?: object;
  /** How the answer is read; JSON unless told otherwise. */
  readonly answer?: 'json' | 'blob';
  readonly idempotencyKey?: string;
  /** False for the few routes that anyone may ask. */
  readonly authenticated?: boolean;
  readonly giveUpAfterMs?: number;
  readonly timeoutMs?: number;
}

export class ApiClient {
  readonly #baseUrl: string;
  readonly #fetch: Fetch;
  readonly #tokens: TokenStore;

  constructor(baseUrl: string, fetch: Fetch, tokens: TokenStore) {
    this.#baseUrl = baseUrl;
    this.#fetch = fetch;
    this.#tokens = tokens;
  }

  /** Where it is on the service's origin, for what a page fetches by itself. */
  urlOf(path: string): string {
    return `${this.#baseUrl}${API_PATH}${path}`;
  }

  /** `path` begins behind `/_auralink/v1`. Answers undefined for 204. Throws AuraLinkError. */
  async request<T>(path: string, request: ApiRequest = {}): Promise<T> {
    const giveUpAtMs = Date.now() + (request.giveUpAfterMs ?? GIVE_UP_AFTER_MS);
    let renewed = false;
    for (let attempt = 0; ; attempt += 1) {
      const token = request.authenticated === false ? null : await this.#tokens.accessToken();
      const error = await this.#attempt<T>(path, request, token);
      if (!(error instanceof AuraLinkError)) return error;
      if (error.status === 401 && token !== null && !renewed) {
        renewed = true;
        await this.#tokens.renew(token);
        continue;
      }
      const delayMs = error.retryAfterMs ?? Math.min(PAUSE_MAX_MS, backoffMs(attempt));
      if (!isPassing(error) || Date.now() + delayMs > giveUpAtMs) throw error;
      await wait(delayMs);
    }
  }

  async #attempt<T>(path: string, request: ApiRequest, token: string | null): Promise<T | AuraLinkError> {
    const { body } = request;
    const asBlob = request.answer === 'blob';
    const headers: Record<string, string> = { accept: asBlob ? '*/*' : 'application/json' };
    if (token !== null) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = body instanceof Blob ? body.type : 'application/json';
    if (request.idempotencyKey !== undefined) headers['idempotency-key'] = request.idempotencyKey;
    try {
      const response = await this.#fetch(`${this.#baseUrl}${API_PATH}${path}`, {
        method: request.method ?? 'GET',
        headers,
        ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
        signal: AbortSignal.timeout(request.timeoutMs ?? REQUEST_TIMEOUT_MS),
      });
      if (!response.ok) return await errorFromResponse(response);
      if (response.status === 204) return undefined as T;
      return (asBlob ? await response.blob() : await response.json()) as T;
    } catch (error) {
      return networkError(error);
    }
  }
}

function isPassing(error: AuraLinkError): boolean {
  return [0, 429, 502, 503, 504].includes(error.status);
}
