/**
 * Tokens of the development Dashboard: what the real Dashboard would sign, signed with a key pair that was made at the
 * first start and whose public half the service trusts. For local use only.
 */
import { randomUUID } from 'node:crypto';
import { importJWK, type JWK, SignJWT } from 'jose';
import { LAUNCHER_SECRETS, readSecret, secretPath } from './secrets.ts';
import type { Settings } from './settings.ts';

/** How long a token of the development key is valid. */
export const DEFAULT_TTL_SECONDS = 300;

/** Whether the service believes the development key: not where the operator named another Dashboard. */
export function isDashboardOurs({ config, layout }: Pick<Settings, 'config' | 'layout'>): boolean {
  const ours = secretPath(layout.secretsDir, LAUNCHER_SECRETS.dashboardPublic);
  return config.DASHBOARD_JWKS_URL === '' && config.DASHBOARD_JWKS_FILE === ours;
}

/** `scope`: scopes separated by blanks. */
export async function makeDashboardToken(
  settings: Pick<Settings, 'config' | 'layout'>,
  scope: string,
  ttlSeconds: number = DEFAULT_TTL_SECONDS,
  subject = 'aura-launcher',
): Promise<string> {
  const { config, layout } = settings;
  const jwk = JSON.parse(readSecret(layout.secretsDir, LAUNCHER_SECRETS.dashboardPrivate)) as JWK;
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...(jwk.kid === undefined ? {} : { kid: jwk.kid }) })
    .setIssuer(config.DASHBOARD_ISSUER)
    .setAudience(config.DASHBOARD_AUDIENCE)
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + ttlSeconds)
    .sign(await importJWK(jwk, 'ES256'));
}
