/** The sign-in page's conversation with the service: one interaction, named by the page's own address. */

import { errorFromResponse, networkError } from '../../../auralink-client/errors.ts';
import { type AppInfo, AuraLinkError, type NameCheck } from '../../../auralink-client/index.ts';

export interface Interaction {
  readonly app: AppInfo;
  /** What the app suggests as the user. */
  readonly loginHint?: string;
}

export interface Registration {
  readonly auraId: string;
  readonly displayName?: string;
  readonly password: string;
  readonly invitationCode: string;
}

export interface Claim {
  readonly matrixUserId: string;
  readonly password: string;
  readonly auraId: string;
  readonly displayName?: string;
}

/** Null if the page was opened without one. */
export function findInteractionId(path: string): string | null {
  return /^\/sign-in\/([\w-]+)\/?$/.exec(path)?.[1] ?? null;
}

export class SignInApi {
  readonly #path: string;

  constructor(interactionId: string) {
    this.#path = `/oidc/interaction/${interactionId}`;
  }

  interaction(): Promise<Interaction> {
    return send(this.#path);
  }

  login(user: string, password: string): Promise<void> {
    return this.#finish('login', { user, password });
  }

  code(code: string, newPassword: string): Promise<void> {
    return this.#finish('code', { code, newPassword });
  }

  register(registration: Registration): Promise<void> {
    return this.#finish('register', registration);
  }

  /** An address for a Matrix account that has none yet. */
  claim(claim: Claim): Promise<void> {
    return this.#finish('claim', claim);
  }

  /** Asks for a code to a confirmed address; answers the same whether it is one. */
  async forgotten(user: string, address: string): Promise<string> {
    const { resetId } = await send<{ resetId: string }>(`${this.#path}/forgotten`, { user, address });
    return resetId;
  }

  /** A new password by that code; all sessions end. */
  reset(resetId: string, code: string, newPassword: string): Promise<void> {
    return this.#finish('reset', { resetId, code, newPassword });
  }

  abort(): Promise<void> {
    return this.#finish('abort', {});
  }

  checkName(name: string): Promise<NameCheck> {
    return send(`/_auralink/v1/names/${encodeURIComponent(name)}`);
  }

  /** Leaves the page when it succeeds. Throws AuraLinkError. */
  async #finish(verb: string, body: object): Promise<void> {
    const { redirectTo } = await send<{ redirectTo: string }>(`${this.#path}/${verb}`, body);
    location.assign(redirectTo);
  }
}

async function send<T>(path: string, body?: object): Promise<T> {
  const init: RequestInit =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    throw networkError(error);
  }
  if (!response.ok) throw await errorFromResponse(response);
  return (await response.json()) as T;
}

/** Errors whose own words are for programs get words for people. */
export function signInWords(error: unknown): string {
  if (!(error instanceof AuraLinkError)) return String(error);
  if (error.status === 429) return 'Too many tries. Wait a moment, then try again.';
  if (error.status === 404 || error.status === 410)
    return 'This sign-in has expired. Go back to the app and begin again.';
  return error.message;
}
