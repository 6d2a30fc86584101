/**
 * Requests to `/_auralink/v1`. Every route there may be repeated safely (what creates something carries an
 * Idempotency-Key), so a request that met a broken network or a restarting service is sent again.
 */
import { backoffMs, wait } from './backoff.ts';
import type { Fetch } from './environment.ts';
import { AuraLinkError, errorFromResponse, networkError } from './errors.ts';
import type { TokenStore } from './token-store.ts';

export const API_PATH = '/_auralink/v1';
const ATTEMPTS_MAX = 4;
const REQUEST_TIMEOUT_MS = 10_000;
/** Being told to wait longer than this is for the person to know, not for us to sit out. */
const PATIENCE_MS = 3_000;

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly body?: object;
  readonly idempotencyKey?: string;
  /** False for the few routes that anyone may ask. */
  readonly authenticated?: boolean;
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

  /** `path` begins behind `/_auralink/v1`. Answers undefined for 204. Throws AuraLinkError. */
  async request<T>(path: string, request: ApiRequest = {}): Promise<T> {
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
      const delayMs = error.retryAfterMs ?? backoffMs(attempt);
      if (!isPassing(error) || attempt + 1 >= ATTEMPTS_MAX || delayMs > PATIENCE_MS) throw error;
      await wait(delayMs);
    }
  }

  async #attempt<T>(path: string, request: ApiRequest, token: string | null): Promise<T | AuraLinkError> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (token !== null) headers.authorization = `Bearer ${token}`;
    if (request.body !== undefined) headers['content-type'] = 'application/json';
    if (request.idempotencyKey !== undefined) headers['idempotency-key'] = request.idempotencyKey;
    try {
      const response = await this.#fetch(`${this.#baseUrl}${API_PATH}${path}`, {
        method: request.method ?? 'GET',
        headers,
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (!response.ok) return await errorFromResponse(response);
      return (response.status === 204 ? undefined : await response.json()) as T;
    } catch (error) {
      return networkError(error);
    }
  }
}

function isPassing(error: AuraLinkError): boolean {
  return [0, 429, 502, 503, 504].includes(error.status);
}
