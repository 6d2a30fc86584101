/** The person's own account: profile, personal fields, sessions, password, export, erasure. Throws AuraLinkError. */
import type { ApiClient } from './http.ts';
import { Verifications } from './verifications.ts';
import type {
  AuditEntry,
  ConnectedApp,
  ErasureTerms,
  FieldKind,
  ListedField,
  PersonalField,
  SessionList,
} from './identity-types.ts';

/** An export gathers all that there is. */
const EXPORT_TIMEOUT_MS = 60_000;

export class Account {
  /** What she proves. */
  readonly verifications: Verifications;
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
    this.verifications = new Verifications(api);
  }

  /** Null takes a text away. */
  writeProfile(profile: { displayName?: string | null; about?: string | null }): Promise<void> {
    return this.#api.request('/me/profile', { method: 'PUT', body: profile });
  }

  /** PNG, JPEG or WebP of at most 256 KiB. */
  async setPicture(picture: Blob): Promise<void> {
    await this.#api.request('/me/picture', { method: 'PUT', body: picture });
  }

  removePicture(): Promise<void> {
    return this.#api.request('/me/picture', { method: 'DELETE' });
  }

  /** Somebody's picture, as far as this person may see it. 404: none. */
  picture(auraId: string): Promise<Blob> {
    return this.#api.request(`/pictures/${encodeURIComponent(auraId)}`, { answer: 'blob' });
  }

  async fields(): Promise<readonly ListedField[]> {
    const { fields } = await this.#api.request<{ fields: ListedField[] }>('/me/fields');
    return fields;
  }

  /** Not repeated over a broken network: a second one would be a second field. */
  addField(kind: FieldKind, value: string): Promise<PersonalField> {
    return this.#api.request('/me/fields', { method: 'POST', body: { kind, value }, giveUpAfterMs: 0 });
  }

  /** Its kind stays. */
  changeField(fieldId: string, kind: FieldKind, value: string): Promise<PersonalField> {
    const path = `/me/fields/${encodeURIComponent(fieldId)}`;
    return this.#api.request(path, { method: 'PUT', body: { kind, value } });
  }

  removeField(fieldId: string): Promise<void> {
    return this.#api.request(`/me/fields/${encodeURIComponent(fieldId)}`, { method: 'DELETE' });
  }

  sessions(): Promise<SessionList> {
    return this.#api.request('/me/sessions');
  }

  revokeSession(sessionId: string): Promise<void> {
    return this.#api.request(`/me/sessions/${encodeURIComponent(sessionId)}`, { method: 'DELETE' });
  }

  /** All but this one. */
  async revokeOtherSessions(): Promise<void> {
    await this.#api.request('/me/sessions/revoke-all', { method: 'POST', body: {} });
  }

  async apps(): Promise<readonly ConnectedApp[]> {
    const { apps } = await this.#api.request<{ apps: ConnectedApp[] }>('/me/apps');
    return apps;
  }

  /** Signs that app out on all devices. */
  removeApp(appId: string): Promise<void> {
    return this.#api.request(`/me/apps/${encodeURIComponent(appId)}`, { method: 'DELETE' });
  }

  changePassword(change: {
    currentPassword: string;
    newPassword: string;
    signOutOthers?: boolean;
  }): Promise<void> {
    return this.#api.request('/account/password', { method: 'POST', body: change, giveUpAfterMs: 0 });
  }

  /** All that the service has about her: for programs (JSON), or as a page to read. Two a minute. */
  export(form: 'json' | 'html'): Promise<Blob> {
    const path = form === 'json' ? '/account/export' : '/account/export.html';
    return this.#api.request(path, { answer: 'blob', timeoutMs: EXPORT_TIMEOUT_MS, giveUpAfterMs: 0 });
  }

  erasureTerms(): Promise<ErasureTerms> {
    return this.#api.request('/account/erasure');
  }

  /** Cannot be undone. `confirmation` as the terms say. */
  async erase(confirmation: string, currentPassword: string): Promise<void> {
    await this.#api.request('/account/erasure', { method: 'POST', body: { confirmation, currentPassword } });
  }

  /** What was done to her identity, newest first. */
  async audit(): Promise<readonly AuditEntry[]> {
    const { entries } = await this.#api.request<{ entries: AuditEntry[] }>('/account/audit');
    return entries;
  }
}
