/** What the person proves: addresses by codes and links, and what she proved otherwise. Throws AuraLinkError. */
import type { ApiClient } from './http.ts';
import type { LinkedProof, VerificationList, VerificationView } from './identity-types.ts';

export class Verifications {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  /**
   * Hers, the newest first: all that is pending or holds, and a page of what ended; with `after` older ones that ended.
   * What each level claims; which methods the server offers.
   */
  list({ after }: { readonly after?: string } = {}): Promise<VerificationList> {
    const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
    return this.#api.request(`/me/verifications${query}`);
  }

  /** Sends a code. Not repeated over a broken network: it would be another code. */
  start(method: 'email' | 'phone', address: string): Promise<VerificationView> {
    const body = { method, address };
    return this.#api.request('/me/verifications', { method: 'POST', body, giveUpAfterMs: 0 });
  }

  /** Reasons: wrong_code, code_expired, code_dead, code_replaced, already_verified. */
  submit(verificationId: string, code: string): Promise<VerificationView> {
    return this.#act(verificationId, 'submit', { code });
  }

  /** The same code while it lives, else another. Reasons: resend_pause, sent_often. */
  resend(verificationId: string): Promise<VerificationView> {
    return this.#act(verificationId, 'resend', {});
  }

  /** Takes a proof back, or gives one up that was begun. */
  withdraw(verificationId: string): Promise<void> {
    return this.#api.request(`/me/verifications/${encodeURIComponent(verificationId)}`, { method: 'DELETE' });
  }

  /** What confirming the link of an e-mail would prove; needs no sign-in and proves nothing. 404: it has lapsed. */
  lookAtLink(token: string): Promise<LinkedProof> {
    const request = { method: 'POST', body: { token }, authenticated: false } as const;
    return this.#api.request('/verifications/link/look', request);
  }

  /** Proves the address. Needs no sign-in. 404: it has lapsed, or was used. */
  confirmLink(token: string): Promise<LinkedProof> {
    const request = { method: 'POST', body: { token }, authenticated: false, giveUpAfterMs: 0 } as const;
    return this.#api.request('/verifications/link', request);
  }

  #act(verificationId: string, verb: string, body: object): Promise<VerificationView> {
    const path = `/me/verifications/${encodeURIComponent(verificationId)}/${verb}`;
    return this.#api.request(path, { method: 'POST', body, giveUpAfterMs: 0 });
  }
}
