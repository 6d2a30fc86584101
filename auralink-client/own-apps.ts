/** Apps that the person answers for: what they are, their quotas and use, and the keys of their servers. Throws AuraLinkError. */
import type { ApiClient } from './http.ts';

/** How far a quota is used in the window that goes on. */
export interface QuotaUse {
  /** Null: no quota. */
  readonly limit: number | null;
  readonly used: number;
  /** When the window ends; null when none goes on. */
  readonly resetsAt: string | null;
}

export interface OwnApp {
  readonly appId: string;
  readonly name: string;
  /** An emoji, or a path on AuraLink's origin. */
  readonly icon: string;
  readonly origins: readonly string[];
  readonly redirectUris: readonly string[];
  readonly isOn: boolean;
  /** Who switched it off; null: it is on. What the operator switched off, only the operator switches on. */
  readonly offBy: 'operator' | 'owner' | null;
  readonly createdAt: string;
  readonly callsPerDay: QuotaUse;
  readonly requestsPerMinute: QuotaUse;
}

export interface OwnAppData {
  readonly name: string;
  readonly icon: string;
  readonly origins: readonly string[];
  /** Where sign-in may return to; default: the root of each origin. */
  readonly redirectUris?: readonly string[];
}

export interface AppKey {
  readonly keyId: string;
  readonly name: string;
  /** Its last four characters. */
  readonly hint: string;
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  /** After it was replaced: until then it is good beside its successor. */
  readonly endsAt: string | null;
}

export interface NewAppKey extends AppKey {
  /** Told once. */
  readonly key: string;
}

export class OwnApps {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async list(): Promise<readonly OwnApp[]> {
    const apps: OwnApp[] = [];
    for (let after: string | null = null, isFirst = true; isFirst || after !== null; isFirst = false) {
      const query: string = after === null ? '' : `?after=${encodeURIComponent(after)}`;
      const page = await this.#api.request<{ apps: OwnApp[]; next: string | null }>(`/me/own-apps${query}`);
      apps.push(...page.apps);
      after = page.next;
    }
    return apps;
  }

  /** Makes the app or brings it up to date. 409: another app is called so. */
  put(appId: string, data: OwnAppData): Promise<OwnApp> {
    return this.#api.request(pathOf(appId), { method: 'PUT', body: data });
  }

  /** Its users are signed out of it, and its keys open nothing, until it is switched on. */
  disable(appId: string): Promise<OwnApp> {
    return this.#api.request(`${pathOf(appId)}/disable`, { method: 'POST' });
  }

  /** 403 (reason switched_off_by_operator): the operator switched it off. */
  enable(appId: string): Promise<OwnApp> {
    return this.#api.request(`${pathOf(appId)}/enable`, { method: 'POST' });
  }

  /** For good, with its keys; its users are signed out of it. */
  delete(appId: string): Promise<void> {
    return this.#api.request(pathOf(appId), { method: 'DELETE' });
  }

  async keys(appId: string): Promise<readonly AppKey[]> {
    const { keys } = await this.#api.request<{ keys: AppKey[] }>(`${pathOf(appId)}/keys`);
    return keys;
  }

  /** Not repeated over a broken network: a second one would be a second key. */
  issueKey(appId: string, name: string): Promise<NewAppKey> {
    return this.#api.request(`${pathOf(appId)}/keys`, { method: 'POST', body: { name }, giveUpAfterMs: 0 });
  }

  /** A successor; the old key is good for a day yet. */
  replaceKey(appId: string, keyId: string): Promise<NewAppKey> {
    const path = `${pathOf(appId)}/keys/${encodeURIComponent(keyId)}/rotate`;
    return this.#api.request(path, { method: 'POST', body: {}, giveUpAfterMs: 0 });
  }

  /** At once. */
  revokeKey(appId: string, keyId: string): Promise<void> {
    return this.#api.request(`${pathOf(appId)}/keys/${encodeURIComponent(keyId)}`, { method: 'DELETE' });
  }
}

const pathOf = (appId: string): string => `/me/own-apps/${encodeURIComponent(appId)}`;
