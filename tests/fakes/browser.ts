/**
 * A browser profile as far as sign-in needs one: it keeps cookies by host and path, follows the redirects of an
 * authorization by hand, and speaks to the sign-in page's API. One Browser is one device.
 */
import { createHash, randomBytes } from 'node:crypto';

export const DEFAULT_SCOPE = 'openid offline_access call.place call.receive profile.read';

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
}

/** An app's authorization request under way. */
export interface Authorization {
  readonly verifier: string;
  readonly state: string;
  readonly clientId: string;
  readonly redirectUri: string;
  /** Set while a person must act on the sign-in page. */
  readonly uid: string | null;
  /** Set once it came back to the app. */
  readonly code: string | null;
  /** Set when it came back with a refusal. */
  readonly error: string | null;
}

export interface AppAt {
  readonly clientId: string;
  readonly redirectUri: string;
}

export type WayIn =
  | { readonly login: { readonly user: string; readonly password: string } }
  | { readonly code: { readonly code: string; readonly newPassword: string } }
  | {
      readonly register: {
        readonly auraId: string;
        readonly displayName?: string;
        readonly password: string;
        readonly invitationCode: string;
      };
    }
  | {
      readonly claim: {
        readonly matrixUserId: string;
        readonly password: string;
        readonly auraId: string;
        readonly displayName?: string;
      };
    };

export class Browser {
  readonly baseUrl: string;
  readonly cookies: Cookie[] = [];

  /** `baseUrl`: our origin, PUBLIC_BASE_URL. */
  constructor(baseUrl: string) {
    this.baseUrl = baseUrl;
  }

  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const target = new URL(url, this.baseUrl);
    const headers = new Headers(init.headers);
    const sent = this.cookies.filter(({ path }) => isUnder(target.pathname, path));
    if (sent.length > 0) headers.set('cookie', sent.map((c) => `${c.name}=${c.value}`).join('; '));
    const response = await fetch(target, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf('='));
    const value = pair.slice(pair.indexOf('=') + 1);
    const path = attributes.find((a) => /^path=/i.test(a))?.slice('path='.length) ?? '/';
    const expires = attributes.find((a) => /^expires=/i.test(a))?.slice('expires='.length);
    const index = this.cookies.findIndex((c) => c.name === name && c.path === path);
    if (index >= 0) this.cookies.splice(index, 1);
    const gone = value === '' || (expires !== undefined && Date.parse(expires) < Date.now());
    if (!gone) this.cookies.push({ name, value, path });
  }

  /** Opens the app's authorization request and goes on until a person is asked or the app gets its answer. */
  async authorize(app: AppAt, extra: Record<string, string> = {}): Promise<Authorization> {
    const verifier = randomBytes(32).toString('base64url');
    const state = randomBytes(8).toString('base64url');
    const query = new URLSearchParams({
      client_id: app.clientId,
      redirect_uri: app.redirectUri,
      response_type: 'code',
      scope: DEFAULT_SCOPE,
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...extra,
    });
    const begun = { verifier, state, ...app, uid: null, code: null, error: null };
    return this.follow(begun, `${this.baseUrl}/oidc/auth?${query}`);
  }

  /** Follows redirects from `url` until a person is asked or the app gets its answer. */
  async follow(authorization: Authorization, url: string): Promise<Authorization> {
    let next = url;
    for (let hops = 0; hops < 10; hops++) {
      if (next.startsWith(`${authorization.redirectUri}?`)) {
        const answer = new URL(next).searchParams;
        if (answer.get('state') !== authorization.state) throw new Error('the state came back changed');
        return { ...authorization, uid: null, code: answer.get('code'), error: answer.get('error') };
      }
      const uid = /\/oidc\/interaction\/([^/?]+)$/.exec(next)?.[1];
      if (uid !== undefined) return { ...authorization, uid };
      let response = await this.fetch(next);
      // A page that sends its form by itself, as the provider does between two people's sessions.
      if (response.status === 200) response = await this.#submitForm(await response.text());
      const location = response.headers.get('location');
      if (location === null) throw new Error(`${next} answered ${response.status}: ${await response.text()}`);
      next = new URL(location, next).href;
    }
    throw new Error('too many redirects');
  }

  #submitForm(html: string): Promise<Response> {
    const action = /<form[^>]* action="([^"]+)"/.exec(html)?.[1];
    if (action === undefined) throw new Error(`there is no form in ${html}`);
    const fields = [...html.matchAll(/<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"/g)];
    const body = new URLSearchParams(
      fields.map(([, name = '', value = '']): [string, string] => [name, value]),
    );
    return this.fetch(action, { method: 'POST', body });
  }

  /** What the sign-in page does when its form is sent; the answer may be a refusal. */
  act(authorization: Authorization, way: WayIn, headers: Record<string, string> = {}): Promise<Response> {
    const [name, body] = Object.entries(way)[0] ?? [];
    return this.fetch(`/oidc/interaction/${authorization.uid}/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: this.baseUrl, ...headers },
      body: JSON.stringify(body),
    });
  }

  async redeem(authorization: Authorization): Promise<Response> {
    return this.token({
      grant_type: 'authorization_code',
      client_id: authorization.clientId,
      redirect_uri: authorization.redirectUri,
      code: authorization.code ?? '',
      code_verifier: authorization.verifier,
    });
  }

  refresh(clientId: string, refreshToken: string): Promise<Response> {
    return this.token({ grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken });
  }

  /** The app's own request: apps send no cookies of ours. */
  token(fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.baseUrl}/oidc/token`, {
      method: 'POST',
      headers,
      body: new URLSearchParams(fields),
    });
  }

  /** The whole way: authorize, sign in on the page if asked, redeem. Throws with the answer when refused. */
  async signIn(app: AppAt, way: WayIn, extra: Record<string, string> = {}): Promise<Tokens> {
    let authorization = await this.authorize(app, extra);
    if (authorization.uid !== null) {
      const answer = await this.act(authorization, way);
      if (!answer.ok) throw new Error(`sign-in answered ${answer.status}: ${await answer.text()}`);
      const { redirectTo } = (await answer.json()) as { redirectTo: string };
      authorization = await this.follow(authorization, redirectTo);
    }
    const answer = await this.redeem(authorization);
    if (!answer.ok) throw new Error(`the token endpoint answered ${answer.status}: ${await answer.text()}`);
    return readTokens(answer);
  }
}

export async function readTokens(answer: Response): Promise<Tokens> {
  const body = (await answer.json()) as { access_token: string; refresh_token: string; id_token: string };
  return { accessToken: body.access_token, refreshToken: body.refresh_token, idToken: body.id_token };
}

function isUnder(pathname: string, path: string): boolean {
  return path === '/' || pathname === path || pathname.startsWith(`${path}/`);
}
