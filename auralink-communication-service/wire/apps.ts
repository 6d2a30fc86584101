/** The apps that come with the service: the phone always, the three demo apps where the operator wants them. */
import { type App, SCOPES, type Scope } from '../auralink-modules/endpoints/model.ts';
import type { Config } from '../config.ts';
import type { AppId } from '../core/ids.ts';

export const PHONE_APP_ID = 'phone' as AppId;

/** What an app may ask for; only the phone may ask for more. */
export const APP_SCOPES: readonly Scope[] = ['call.place', 'call.receive', 'profile.read'];
const DEMO_APPS: readonly { readonly appId: string; readonly name: string; readonly icon: string }[] = [
  { appId: 'chat', name: 'Chat', icon: '💬' },
  { appId: 'market', name: 'Market', icon: '🛍️' },
  { appId: 'play', name: 'Play', icon: '🎮' },
];

/** APP_HOSTS as appId → host[:port]. Throws when an entry is not `appId=host[:port]`. */
export function parseAppHosts(entries: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    entries.map((entry) => {
      const [appId, host] = entry.split('=');
      if (appId === undefined || host === undefined || host === '') {
        throw new Error(`APP_HOSTS: "${entry}" is not appId=host[:port]`);
      }
      return [appId, host];
    }),
  );
}

export function builtInApps(config: Config): App[] {
  const base = new URL(config.PUBLIC_BASE_URL);
  const phone = appAt(PHONE_APP_ID, 'Phone', '📞', base.origin, SCOPES);
  if (!config.DEMO_APPS) return [phone];
  const hosts = parseAppHosts(config.APP_HOSTS);
  const demos = DEMO_APPS.flatMap(({ appId, name, icon }) => {
    const host = hosts.get(appId);
    return host === undefined
      ? []
      : [appAt(appId as AppId, name, icon, `${base.protocol}//${host}`, APP_SCOPES)];
  });
  return [phone, ...demos];
}

function appAt(appId: AppId, name: string, icon: string, origin: string, scopes: readonly Scope[]): App {
  return { appId, name, icon, origins: [origin], redirectUris: [`${origin}/`], scopes };
}
