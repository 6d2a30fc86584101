/**
 * The endpoint's tokens: kept in storage, renewed before they expire, one renewal at a time. Refresh tokens rotate and
 * a second use of one revokes the whole grant, so tabs of one app take turns and look first whether another tab has
 * renewed already.
 */
import type { KeyValueStorage } from './environment.ts';
import { AuraLinkError } from './errors.ts';
import { API_RESOURCE, type Issuer, type TokenResponse } from './issuer.ts';
import type { WithLock } from './mutex.ts';
import { readJwt } from './pkce.ts';

/** Renewed this long before the end, so that a request under way does not meet an expired token. */
export const RENEW_BEFORE_MS = 60_000;
/** A smaller difference between the clocks is only the time that the answer travelled. */
const CLOCK_OFFSET_MIN_MS = 2_000;

export interface Session {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** By this machine's clock. */
  readonly expiresAtMs: number;
  readonly scope: string;
  /** What to add to this machine's clock to have the service's. */
  readonly clockOffsetMs: number;
}

export class TokenStore {
  readonly key: string;
  readonly #appId: string;
  readonly #storage: KeyValueStorage;
  readonly #issuer: Issuer;
  readonly #withLock: WithLock;
  readonly #onChange: (signedIn: boolean) => void;

  constructor(options: {
    appId: string;
    storage: KeyValueStorage;
    issuer: Issuer;
    withLock: WithLock;
    onChange: (signedIn: boolean) => void;
  }) {
    this.#appId = options.appId;
    this.key = `auralink:${options.appId}:session`;
    this.#storage = options.storage;
    this.#issuer = options.issuer;
    this.#withLock = options.withLock;
    this.#onChange = options.onChange;
  }

  findSession(): Session | null {
    const text = this.#storage.getItem(this.key);
    if (text === null) return null;
    try {
      return JSON.parse(text) as Session;
    } catch {
      return null;
    }
  }

  set(session: Session): void {
    this.#storage.setItem(this.key, JSON.stringify(session));
    this.#onChange(true);
  }

  clear(): void {
    this.#storage.removeItem(this.key);
    this.#onChange(false);
  }

  /** Keeps what the token endpoint answered. */
  accept(response: TokenResponse, previous: Session | null): Session {
    const now = Date.now();
    const issuedAt = readJwt(response.id_token ?? response.access_token)?.iat;
    const offset = typeof issuedAt === 'number' ? issuedAt * 1000 - now : 0;
    const session: Session = {
      accessToken: response.access_token,
      refreshToken: response.refresh_token ?? previous?.refreshToken ?? null,
      expiresAtMs: now + response.expires_in * 1000,
      scope: response.scope ?? previous?.scope ?? '',
      clockOffsetMs: Math.abs(offset) < CLOCK_OFFSET_MIN_MS ? 0 : offset,
    };
    this.set(session);
    return session;
  }

  /** A token that is good for at least a minute. Throws AuraLinkError (401 `M_MISSING_TOKEN`) when signed out. */
  async accessToken(): Promise<string> {
    const session = this.findSession();
    if (session === null) throw signedOutError();
    if (session.expiresAtMs - Date.now() > RENEW_BEFORE_MS) return session.accessToken;
    return this.renew(session.accessToken);
  }

  /**
   * A token other than `refused`, which the service no longer takes. A grant that is gone ends the session;
   * a service that is away does not. Throws AuraLinkError.
   */
  renew(refused: string): Promise<string> {
    return this.#withLock(`${this.key}:renew`, async () => {
      const session = this.findSession();
      if (session === null) throw signedOutError();
      if (session.accessToken !== refused) return session.accessToken;
      if (session.refreshToken === null) return this.#endSession();
      try {
        const response = await this.#issuer.token({
          grant_type: 'refresh_token',
          refresh_token: session.refreshToken,
          client_id: this.#appId,
          resource: API_RESOURCE,
        });
        // Signed out meanwhile: what just came must not bring the session back.
        if (this.findSession() === null) throw signedOutError();
        return this.accept(response, session).accessToken;
      } catch (error) {
        if (error instanceof AuraLinkError && error.errcode === 'invalid_grant') return this.#endSession();
        throw error;
      }
    });
  }

  #endSession(): never {
    this.clear();
    throw signedOutError();
  }
}

function signedOutError(): AuraLinkError {
  return new AuraLinkError('Sign in first.', { status: 401, errcode: 'M_MISSING_TOKEN' });
}
