/**
 * The service as the SDK's `fetch` sees it: discovery, a token endpoint with rotation and reuse detection, and routes
 * that a test adds. It remembers every request.
 */
import { createHash } from 'node:crypto';
import type { Fetch } from '../../auralink-client/index.ts';

export const BASE_URL = 'https://aura.example';
export const ISSUER = `${BASE_URL}/oidc`;
export const APP_ID = 'chat';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Answer = (request: SeenRequest) => Response | Promise<Response>;

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });

export const problem = (status: number, errcode: string, extra: object = {}): Response =>
  json(
    { type: 'about:blank', title: errcode, status, detail: `refused: ${errcode}`, errcode, ...extra },
    status,
  );

function jwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.x`;
}

export class FakeService {
  readonly requests: SeenRequest[] = [];
  /** Claims that the next id token carries instead of the right ones. */
  idTokenClaims: object = {};
  /** Seconds by which the service's clock is ahead of this machine's. */
  clockAheadSeconds = 0;
  expiresInSeconds = 600;
  /** What the authorization request announced; the token endpoint checks the verifier against it. */
  authorization: URLSearchParams | null = null;
  readonly #routes = new Map<string, Answer>();
  #serial = 0;
  #liveRefreshToken: string | null = null;

  constructor() {
    this.on('GET /oidc/.well-known/openid-configuration', () =>
      json({
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/auth`,
        token_endpoint: `${ISSUER}/token`,
        revocation_endpoint: `${ISSUER}/token/revocation`,
      }),
    );
    this.on('POST /oidc/token', (request) => this.#token(new URLSearchParams(request.body)));
    this.on('POST /oidc/token/revocation', () => new Response(null, { status: 200 }));
    this.on('POST /_auralink/v1/endpoint/revoke', () => new Response(null, { status: 204 }));
  }

  on(route: string, answer: Answer): this {
    this.#routes.set(route, answer);
    return this;
  }

  readonly fetch: Fetch = async (url, init) => {
    const { pathname, search } = new URL(url);
    const request: SeenRequest = {
      method: init?.method ?? 'GET',
      path: pathname + search,
      headers: Object.fromEntries(new Headers(init?.headers ?? {})),
      body: String(init?.body ?? ''),
    };
    this.requests.push(request);
    const answer = this.#routes.get(`${request.method} ${pathname}`);
    // As far away as a real one: later than this turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    return answer === undefined ? problem(404, 'M_UNRECOGNIZED') : answer(request);
  };

  seen(route: string): SeenRequest[] {
    return this.requests.filter(({ method, path }) => `${method} ${path.split('?')[0]}` === route);
  }

  #token(form: URLSearchParams): Response {
    if (form.get('grant_type') === 'refresh_token') {
      if (form.get('refresh_token') !== this.#liveRefreshToken) return json({ error: 'invalid_grant' }, 400);
    } else {
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (challenge !== this.authorization?.get('code_challenge'))
        return json({ error: 'invalid_grant' }, 400);
    }
    return json(this.issueTokens());
  }

  issueTokens(): { access_token: string; refresh_token: string; id_token: string; expires_in: number } {
    this.#serial += 1;
    this.#liveRefreshToken = `refresh-${this.#serial}`;
    const nowSeconds = Math.floor(Date.now() / 1000) + this.clockAheadSeconds;
    const claims = { iss: ISSUER, aud: APP_ID, iat: nowSeconds, nonce: this.authorization?.get('nonce') };
    return {
      access_token: `access-${this.#serial}`,
      refresh_token: this.#liveRefreshToken,
      id_token: jwt({ ...claims, ...this.idTokenClaims }),
      expires_in: this.expiresInSeconds,
    };
  }
}
