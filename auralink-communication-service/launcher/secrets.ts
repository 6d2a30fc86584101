/**
 * The secrets of a data folder: made at the first start, each in a file of mode 600, and never overwritten. What the
 * service reads is named after its variable; what only the launcher needs has a name of its own.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { KeyRingFile } from '../auralink-modules/auraid/key-ring.ts';
import type { SECRET_VARIABLES } from '../config.ts';
import { writeFileAtomic } from './process.ts';

type SecretVariable = (typeof SECRET_VARIABLES)[number];
/** Agreed on with somebody else: nobody can make them up. */
type AgreedSecret = 'SMTP_URL' | 'SMPP_URL' | 'SMS_GATEWAY_TOKEN';
type MadeSecret = Exclude<SecretVariable, AgreedSecret>;

/** Secrets that are not variables of the service. */
export const LAUNCHER_SECRETS = {
  synapseMacaroon: 'synapse-macaroon-key',
  synapseForm: 'synapse-form-key',
  synapseSigning: 'synapse-signing.key',
  dashboardPrivate: 'dashboard-dev-private.jwk',
  dashboardPublic: 'dashboard-dev-public.jwks',
  alicePassword: 'alice-password',
  bobPassword: 'bob-password',
  keyRing: 'key-ring.json',
} as const;

const RANDOM_BYTES = 32;
/** For people to type: 12 characters without look-alikes, about 60 bits. */
const PASSWORD_LENGTH = 12;
const PASSWORD_ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

export function secretPath(secretsDir: string, name: string): string {
  return join(secretsDir, name);
}

export function readSecret(secretsDir: string, name: string): string {
  return readFileSync(secretPath(secretsDir, name), 'utf8').trim();
}

const random = async (): Promise<string> => randomBytes(RANDOM_BYTES).toString('base64url');

function password(): string {
  return Array.from(randomBytes(PASSWORD_LENGTH), (byte) => {
    return PASSWORD_ALPHABET[byte % PASSWORD_ALPHABET.length];
  }).join('');
}

async function signingJwk(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' };
}

/** A key of the Matrix Identity Service; its id tells nothing and never repeats. */
export async function identityJwk(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const kid = `a${randomBytes(4).toString('hex')}`;
  return { ...(await exportJWK(privateKey)), kid };
}

function publicPart(jwk: JWK): JWK {
  const { d: _private, ...rest } = jwk;
  return rest;
}

/** A key ring with its first key and its first index key (auraid/key-ring.ts). */
async function keyRing(): Promise<string> {
  const file: KeyRingFile = {
    version: 1,
    current: 'k1',
    keys: [{ id: 'k1', key: await random(), createdAt: new Date().toISOString() }],
    indexCurrent: 'i1',
    indexKeys: [{ id: 'i1', key: await random() }],
  };
  return JSON.stringify(file, null, 2);
}

/** Synapse's own format: algorithm, version, unpadded base64 of the seed. */
function matrixSigningKey(): string {
  const seed = randomBytes(RANDOM_BYTES);
  const version = createHash('sha256').update(seed).digest('hex').slice(0, 4);
  return `ed25519 a_${version} ${seed.toString('base64').replace(/=+$/, '')}\n`;
}

const MAKERS: Readonly<Record<MadeSecret, () => Promise<string>>> = {
  MATRIX_REGISTRATION_SECRET: random,
  COMM_POSTGRES_PASSWORD: random,
  COMM_REDIS_PASSWORD: random,
  SYNAPSE_ADMIN_PASSWORD: random,
  APPSERVICE_AS_TOKEN: random,
  APPSERVICE_HS_TOKEN: random,
  // Synapse allows 64 characters of A-Z a-z 0-9 . _ ~ -
  REGISTRATION_TOKEN: random,
  LIVEKIT_API_SECRET: random,
  OIDC_SIGNING_KEYS: async () => JSON.stringify({ keys: [await signingJwk()] }),
  OIDC_COOKIE_KEYS: async () => `${await random()},${await random()}`,
  OIDC_SYNAPSE_CLIENT_SECRET: random,
  DASHBOARD_WEBHOOK_SECRET: random,
  IDENTITY_SIGNING_KEYS: async () => JSON.stringify({ keys: [await identityJwk()] }),
};

/** Variables whose secret is made at the first start. */
// The keys of MAKERS are what its type says.
export const MADE_SECRETS = Object.keys(MAKERS) as readonly MadeSecret[];

/** Makes what is missing; leaves everything that is there as it is. Returns the names that were made. */
export async function ensureSecrets(secretsDir: string): Promise<string[]> {
  mkdirSync(secretsDir, { recursive: true, mode: 0o700 });
  chmodSync(secretsDir, 0o700);
  const made: string[] = [];
  const ensure = async (name: string, make: () => Promise<string> | string): Promise<void> => {
    const path = secretPath(secretsDir, name);
    if (existsSync(path)) return;
    writeFileAtomic(path, await make());
    made.push(name);
  };
  for (const name of MADE_SECRETS) await ensure(name, MAKERS[name]);
  await ensure(LAUNCHER_SECRETS.synapseMacaroon, random);
  await ensure(LAUNCHER_SECRETS.synapseForm, random);
  await ensure(LAUNCHER_SECRETS.synapseSigning, matrixSigningKey);
  await ensure(LAUNCHER_SECRETS.keyRing, keyRing);
  await ensure(LAUNCHER_SECRETS.alicePassword, password);
  await ensure(LAUNCHER_SECRETS.bobPassword, password);
  await ensure(LAUNCHER_SECRETS.dashboardPrivate, async () => JSON.stringify(await signingJwk()));
  const dashboard = JSON.parse(readSecret(secretsDir, LAUNCHER_SECRETS.dashboardPrivate)) as JWK;
  await ensure(LAUNCHER_SECRETS.dashboardPublic, () => JSON.stringify({ keys: [publicPart(dashboard)] }));
  return made;
}
