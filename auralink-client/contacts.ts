/** Friends, requests, lists, notes and invitations. Throws AuraLinkError. */
import type { ApiClient } from './http.ts';
import type {
  ContactList,
  FriendRequests,
  FriendsPage,
  Invite,
  NewInvite,
  ProfileView,
} from './identity-types.ts';

export class Contacts {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  /** By address. `after` is the `next` of an earlier page. */
  friends(options: { limit?: number; after?: string } = {}): Promise<FriendsPage> {
    const query = new URLSearchParams({ limit: String(options.limit ?? 100) });
    if (options.after !== undefined) query.set('after', options.after);
    return this.#api.request(`/contacts?${query}`);
  }

  requests(): Promise<FriendRequests> {
    return this.#api.request('/contacts/requests');
  }

  /** Always answered alike, whoever is asked. 404: nobody has that address. 409: already friends. */
  ask(to: string): Promise<{ requestId: string; state: string }> {
    return this.#api.request('/contacts/requests', { method: 'POST', body: { to } });
  }

  accept(requestId: string): Promise<void> {
    return this.#decide(requestId, 'accept');
  }

  /** The asker is not told. */
  decline(requestId: string): Promise<void> {
    return this.#decide(requestId, 'decline');
  }

  withdraw(requestId: string): Promise<void> {
    return this.#api.request(`/contacts/requests/${encodeURIComponent(requestId)}`, { method: 'DELETE' });
  }

  /** The other one is not told. */
  remove(auraId: string): Promise<void> {
    return this.#api.request(`/contacts/${encodeURIComponent(auraId)}`, { method: 'DELETE' });
  }

  /** For the person's own eyes; null takes it away. */
  note(auraId: string, note: string | null): Promise<void> {
    return this.#api.request(`/contacts/${encodeURIComponent(auraId)}/note`, {
      method: 'PUT',
      body: { note },
    });
  }

  async lists(): Promise<readonly ContactList[]> {
    const { lists } = await this.#api.request<{ lists: ContactList[] }>('/lists');
    return lists;
  }

  /** Not repeated over a broken network: a second one would be a second list. */
  makeList(name: string): Promise<ContactList> {
    return this.#api.request('/lists', { method: 'POST', body: { name }, giveUpAfterMs: 0 });
  }

  renameList(listId: string, name: string): Promise<void> {
    return this.#api.request(`/lists/${encodeURIComponent(listId)}`, { method: 'PUT', body: { name } });
  }

  removeList(listId: string): Promise<void> {
    return this.#api.request(`/lists/${encodeURIComponent(listId)}`, { method: 'DELETE' });
  }

  putOnList(listId: string, auraId: string): Promise<void> {
    return this.#api.request(memberPath(listId, auraId), { method: 'PUT', body: {} });
  }

  takeOffList(listId: string, auraId: string): Promise<void> {
    return this.#api.request(memberPath(listId, auraId), { method: 'DELETE' });
  }

  async invites(): Promise<readonly Invite[]> {
    const { invites } = await this.#api.request<{ invites: Invite[] }>('/invites');
    return invites;
  }

  /** Tells the code this once. Not repeated over a broken network: a second one would be a second code. */
  invite(options: { usesMax: number; expiresInHours: number; label?: string }): Promise<NewInvite> {
    return this.#api.request('/invites', { method: 'POST', body: options, giveUpAfterMs: 0 });
  }

  revokeInvite(inviteId: string): Promise<void> {
    return this.#api.request(`/invites/${encodeURIComponent(inviteId)}`, { method: 'DELETE' });
  }

  /** Makes friends with who invited. 404 `bad_invite`: unknown, used up, over or taken back. */
  redeem(code: string): Promise<ProfileView> {
    return this.#api.request('/invites/redeem', { method: 'POST', body: { code } });
  }

  #decide(requestId: string, verb: 'accept' | 'decline'): Promise<void> {
    return this.#api.request(`/contacts/requests/${encodeURIComponent(requestId)}/${verb}`, {
      method: 'POST',
      body: {},
    });
  }
}

function memberPath(listId: string, auraId: string): string {
  return `/lists/${encodeURIComponent(listId)}/members/${encodeURIComponent(auraId)}`;
}
