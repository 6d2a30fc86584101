/** Who sees, finds, calls and writes to the person; for the phone only. Throws AuraLinkError. */
import type { ApiClient } from './http.ts';
import type { Block, PrivacyRules, SeenAs, SeenProfile } from './identity-types.ts';

export class Privacy {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  rules(): Promise<PrivacyRules> {
    return this.#api.request('/me/privacy');
  }

  /** Changes what is given and answers all of them. */
  change(rules: Partial<PrivacyRules>): Promise<PrivacyRules> {
    return this.#api.request('/me/privacy', { method: 'PATCH', body: rules });
  }

  /** Her own profile by the very rules that another viewer meets. */
  seenAs(viewer: SeenAs): Promise<SeenProfile> {
    return this.#api.request(`/me/profile/as/${viewer}`);
  }

  async blocks(): Promise<readonly Block[]> {
    const { blocks } = await this.#api.request<{ blocks: Block[] }>('/blocks');
    return blocks;
  }

  /** Ends a friendship too; the other one is not told. */
  block(auraId: string): Promise<void> {
    return this.#api.request(`/blocks/${encodeURIComponent(auraId)}`, { method: 'PUT', body: {} });
  }

  unblock(auraId: string): Promise<void> {
    return this.#api.request(`/blocks/${encodeURIComponent(auraId)}`, { method: 'DELETE' });
  }
}
