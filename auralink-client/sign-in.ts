/** "Sign in with AuraLink" for a page: authorization code with PKCE (RFC 7636), state, nonce and issuer checks. */
import type { Environment } from './environment.ts';
import { AuraLinkError } from './errors.ts';
import { API_RESOURCE, type Issuer, type TokenResponse } from './issuer.ts';
import { challengeOf, randomToken, readJwt } from './pkce.ts';
import type { TokenStore } from './token-store.ts';

export const DEFAULT_SCOPE = 'openid offline_access call.place call.receive profile.read';
/** Sign-ins begun in several tabs at once that are remembered. */
const PENDING_MAX = 5;
const PENDING_TTL_MS = 60 * 60 * 1000;

interface Pending {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly startedAtMs: number;
}

export class SignIn {
  readonly #appId: string;
  readonly #redirectUri: string;
  readonly #scope: string;
  readonly #environment: Environment;
  readonly #issuer: Issuer;
  readonly #tokens: TokenStore;

  constructor(options: {
    appId: string;
    redirectUri: string;
    scope: string;
    environment: Environment;
    issuer: Issuer;
    tokens: TokenStore;
  }) {
    this.#appId = options.appId;
    this.#redirectUri = options.redirectUri;
    this.#scope = options.scope;
    this.#environment = options.environment;
    this.#issuer = options.issuer;
    this.#tokens = options.tokens;
  }

  /** Where to send the person. After a sign-out she is asked again, even if her browser still knows her. */
  async url(): Promise<string> {
    const { authorization_endpoint } = await this.#issuer.metadata();
    const pending: Pending = {
      state: randomToken(),
      nonce: randomToken(),
      verifier: randomToken(),
      startedAtMs: Date.now(),
    };
    this.#writePending([pending, ...this.#readPending()].slice(0, PENDING_MAX));
    const url = new URL(authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: this.#appId,
      redirect_uri: this.#redirectUri,
      response_type: 'code',
      scope: this.#scope,
      resource: API_RESOURCE,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await challengeOf(pending.verifier),
      code_challenge_method: 'S256',
      ...(this.#environment.storage.getItem(this.#askKey) === null ? {} : { prompt: 'login' }),
    }).toString();
    return url.href;
  }

  /**
   * Finishes a sign-in if `href` is the address that the sign-in service sent the person back to: false if it is
   * not. Throws AuraLinkError if the answer is a refusal, is not for a sign-in begun here, or does not check out.
   */
  async handleRedirect(href: string): Promise<boolean> {
    const url = new URL(href);
    const parameters = url.searchParams;
    const state = parameters.get('state');
    if (state === null || !(parameters.has('code') || parameters.has('error'))) return false;
    const pending = this.#takePending(state);
    for (const name of ['code', 'state', 'iss', 'error', 'error_description', 'session_state']) {
      parameters.delete(name);
    }
    this.#environment.page?.history.replaceState(null, '', url.href);
    // The page's own address still holds the answer: read it from the first copy.
    const answer = new URL(href).searchParams;
    if (pending === null) throw refused('invalid_state', 'This sign-in was not begun here, or long ago.');
    if ((answer.get('iss') ?? this.#issuer.url) !== this.#issuer.url) {
      throw refused('wrong_issuer', 'The answer came from another sign-in service.');
    }
    const error = answer.get('error');
    if (error !== null) throw refused(error, answer.get('error_description') ?? 'The sign-in was refused.');
    await this.#redeem(answer.get('code') ?? '', pending);
    return true;
  }

  /** The next sign-in asks for the password again. */
  askNextTime(): void {
    this.#environment.storage.setItem(this.#askKey, '1');
  }

  async #redeem(code: string, pending: Pending): Promise<void> {
    const response = await this.#issuer.token({
      grant_type: 'authorization_code',
      code,
      client_id: this.#appId,
      redirect_uri: this.#redirectUri,
      code_verifier: pending.verifier,
      resource: API_RESOURCE,
    });
    this.#assertIdToken(response, pending.nonce);
    this.#environment.storage.removeItem(this.#askKey);
    this.#tokens.accept(response, null);
  }

  #assertIdToken(response: TokenResponse, nonce: string): void {
    const claims = readJwt(response.id_token ?? '');
    const audience = Array.isArray(claims?.aud) ? claims.aud : [claims?.aud];
    if (claims?.nonce !== nonce) throw refused('invalid_nonce', 'The sign-in does not match its request.');
    if (claims.iss !== this.#issuer.url || !audience.includes(this.#appId)) {
      throw refused('invalid_id_token', 'The sign-in is for another app.');
    }
  }

  get #pendingKey(): string {
    return `auralink:${this.#appId}:pending`;
  }

  get #askKey(): string {
    return `auralink:${this.#appId}:ask`;
  }

  #readPending(): Pending[] {
    const text = this.#environment.storage.getItem(this.#pendingKey);
    if (text === null) return [];
    const all = JSON.parse(text) as Pending[];
    return all.filter((one) => Date.now() - one.startedAtMs < PENDING_TTL_MS);
  }

  #writePending(all: Pending[]): void {
    this.#environment.storage.setItem(this.#pendingKey, JSON.stringify(all));
  }

  /** Each can be used once. */
  #takePending(state: string): Pending | null {
    const all = this.#readPending();
    this.#writePending(all.filter((one) => one.state !== state));
    return all.find((one) => one.state === state) ?? null;
  }
}

function refused(reason: string, message: string): AuraLinkError {
  return new AuraLinkError(message, { status: 400, errcode: 'AURALINK_SIGN_IN', reason });
}
