/** The sign-in service as OpenID Connect Discovery describes it, and requests to its token endpoint. */
import type { Fetch } from './environment.ts';
import { AuraLinkError, errorFromResponse, networkError } from './errors.ts';

/** RFC 8707: the audience that endpoint tokens are asked for. */
export const API_RESOURCE = 'urn:auralink:api';
const REQUEST_TIMEOUT_MS = 10_000;

export interface IssuerMetadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly revocation_endpoint?: string;
}

export interface TokenResponse {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly id_token?: string;
  readonly expires_in: number;
  readonly scope?: string;
}

export class Issuer {
  readonly url: string;
  readonly #fetch: Fetch;
  #metadata: Promise<IssuerMetadata> | null = null;

  constructor(baseUrl: string, fetch: Fetch) {
    this.url = `${baseUrl}/oidc`;
    this.#fetch = fetch;
  }

  /** Read once; a failure is not remembered. Throws AuraLinkError when the document names another issuer. */
  metadata(): Promise<IssuerMetadata> {
    this.#metadata ??= this.#discover().catch((error: unknown) => {
      this.#metadata = null;
      throw error;
    });
    return this.#metadata;
  }

  /** Throws AuraLinkError; `invalid_grant` means that the grant is gone for good. */
  async token(fields: Record<string, string>): Promise<TokenResponse> {
    const { token_endpoint } = await this.metadata();
    const response = await this.#post(token_endpoint, fields);
    return (await response.json()) as TokenResponse;
  }

  async revoke(fields: Record<string, string>): Promise<void> {
    const { revocation_endpoint } = await this.metadata();
    if (revocation_endpoint !== undefined) await this.#post(revocation_endpoint, fields);
  }

  async #discover(): Promise<IssuerMetadata> {
    const response = await this.#send(`${this.url}/.well-known/openid-configuration`, {});
    const metadata = (await response.json()) as IssuerMetadata;
    if (metadata.issuer !== this.url) {
      throw new AuraLinkError(`The sign-in service calls itself ${metadata.issuer}, not ${this.url}.`, {
        status: response.status,
        errcode: 'AURALINK_WRONG_ISSUER',
      });
    }
    return metadata;
  }

  #post(url: string, fields: Record<string, string>): Promise<Response> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#send(url, { method: 'POST', headers, body: new URLSearchParams(fields).toString() });
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    } catch (error) {
      throw networkError(error);
    }
    if (!response.ok) throw await errorFromResponse(response);
    return response;
  }
}
