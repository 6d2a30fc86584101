/** Addresses: who has one, which are free, and the person's own names and Matrix accounts. Throws AuraLinkError. */
import type { ApiClient } from './http.ts';
import type { MatrixAccount, NameCheck, OwnNames, ProfileView } from './identity-types.ts';

/** Addresses in one request of `resolveMany`. */
export const RESOLVE_MANY_MAX = 100;

export class Identity {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  /** Who has this address, as this person may see her. 404: nobody has it. */
  resolve(address: string): Promise<ProfileView> {
    return this.#api.request(`/resolve/${encodeURIComponent(address)}`);
  }

  /** In the order of the addresses; null where nobody has one. */
  async resolveMany(addresses: readonly string[]): Promise<(ProfileView | null)[]> {
    const people: (ProfileView | null)[] = [];
    for (let start = 0; start < addresses.length; start += RESOLVE_MANY_MAX) {
      const auraIds = addresses.slice(start, start + RESOLVE_MANY_MAX);
      const answer = await this.#api.request<{ people: (ProfileView | null)[] }>('/resolve', {
        method: 'POST',
        body: { auraIds },
      });
      people.push(...answer.people);
    }
    return people;
  }

  /**
   * People who proved this e-mail address or number (`+49…`) and let this person find them by it, as she may see them;
   * none where nobody did, and where somebody does not want to be found.
   */
  async findPeople(by: { email: string } | { phone: string }): Promise<readonly ProfileView[]> {
    const { people } = await this.#api.request<{ people: ProfileView[] }>('/find', {
      method: 'POST',
      body: by,
    });
    return people;
  }

  /** What anybody may see, signed in or not. 404: nobody, or nobody who shows herself to all. */
  publicProfile(address: string): Promise<ProfileView> {
    return this.#api.request(`/profiles/${encodeURIComponent(address)}`, { authenticated: false });
  }

  /** Free, taken, or why it is not allowed. */
  checkName(name: string): Promise<NameCheck> {
    return this.#api.request(`/names/${encodeURIComponent(name)}`, { authenticated: false });
  }

  /** Where the QR code of an address is drawn; it says nothing about whether somebody has it. */
  qrUrl(auraId: string): string {
    return this.#api.urlOf(`/names/${encodeURIComponent(auraId)}/qr.svg`);
  }

  names(): Promise<OwnNames> {
    return this.#api.request('/me/names');
  }

  /** 409 `taken` brings `suggestions`; the old name rings on as an alias until `aliasUntil` (null: nothing changed). */
  rename(auraId: string): Promise<{ auraId: string; aliasUntil: string | null }> {
    return this.#api.request('/me/name', { method: 'PUT', body: { auraId } });
  }

  /** Gives the name back and signs her out everywhere. */
  release(currentPassword: string): Promise<void> {
    return this.#api.request('/me/name', { method: 'DELETE', body: { currentPassword } });
  }

  async accounts(): Promise<readonly MatrixAccount[]> {
    const { accounts } = await this.#api.request<{ accounts: MatrixAccount[] }>('/me/matrix-accounts');
    return accounts;
  }

  /**
   * Attaches another Matrix account, proved by its own password, or by an OpenID token that its homeserver gave it
   * (`POST /_matrix/client/v3/user/{userId}/openid/request_token`): accounts that sign in elsewhere have no password.
   */
  attachAccount(
    proof: { matrixUserId: string; currentPassword: string } & (
      | { password: string }
      | { openIdToken: string }
    ),
  ): Promise<void> {
    return this.#api.request('/me/matrix-accounts', { method: 'POST', body: proof });
  }

  /** Her password is that account's from then on. */
  makePrimary(proof: { matrixUserId: string; password: string; currentPassword: string }): Promise<void> {
    return this.#api.request('/me/matrix-accounts/primary', { method: 'PUT', body: proof });
  }

  detachAccount(userId: string, currentPassword: string): Promise<void> {
    return this.#api.request(`/me/matrix-accounts/${encodeURIComponent(userId)}`, {
      method: 'DELETE',
      body: { currentPassword },
    });
  }
}
