/**
 * Two ready-made people, @alice.aura and @bob.aura, for trying it on one's own machine. They are made as any person is:
 * registered by a service with a Dashboard token, first password set on the sign-in page with the one-time code.
 */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isDashboardOurs, makeDashboardToken } from './dashboard-token.ts';
import { FrontDoorError } from './errors.ts';
import type { Layout } from './layout.ts';
import { readJsonFile, writeFileAtomic } from './process.ts';
import type { Progress } from './progress.ts';
import { LAUNCHER_SECRETS, readSecret } from './secrets.ts';
import type { Settings } from './settings.ts';
import type { Person } from './up-record.ts';

const REQUEST_TIMEOUT_MS = 30_000;
const NOTE_FILE = 'people.json';
const PEOPLE = [
  { auraId: '@alice.aura', displayName: 'Alice', secret: LAUNCHER_SECRETS.alicePassword },
  { auraId: '@bob.aura', displayName: 'Bob', secret: LAUNCHER_SECRETS.bobPassword },
] as const;

/** The people of these names with their passwords. */
export function readPeople(layout: Layout, names: readonly string[]): Person[] {
  return PEOPLE.filter((person) => names.includes(person.auraId)).map((person) => ({
    auraId: person.auraId,
    password: readSecret(layout.secretsDir, person.secret),
  }));
}

/** Whether this is somebody's own machine, where what is needed to get in may be shown on the screen. */
export function isForTrying({ PUBLIC_BASE_URL, DEMO_APPS }: Settings['config']): boolean {
  return DEMO_APPS && ['localhost', '127.0.0.1'].includes(new URL(PUBLIC_BASE_URL).hostname);
}

/**
 * Makes them unless they are there. Nobody is made on a server that others can reach, that wants no demo, or that
 * takes registrations from another Dashboard only.
 */
export async function ensurePeople(settings: Settings, progress: Progress): Promise<Person[]> {
  const { config, layout } = settings;
  if (!isForTrying(config)) return [];
  const people = readPeople(
    layout,
    PEOPLE.map((person) => person.auraId),
  );
  const note = join(layout.dataDir, NOTE_FILE);
  const database = `${config.COMM_POSTGRES_HOST}:${config.COMM_POSTGRES_PORT}/${config.COMM_POSTGRES_DB}`;
  if (readJsonFile<{ database: string }>(note)?.database === database) return people;
  if (!isDashboardOurs(settings)) return [];
  await progress.step('two people to try it with', async () => {
    for (const [index, person] of people.entries()) {
      await makePerson(settings, person, PEOPLE[index]?.displayName ?? '');
    }
  });
  writeFileAtomic(note, JSON.stringify({ database }));
  return people;
}

async function makePerson(settings: Settings, person: Person, displayName: string): Promise<void> {
  const base = settings.config.PUBLIC_BASE_URL;
  const token = await makeDashboardToken(settings, 'matrix.register');
  const registered = await send(`${base}/internal/matrix/register`, {
    headers: { authorization: `Bearer ${token}` },
    body: { dashboardUserId: `ready-made-${displayName.toLowerCase()}`, auraId: person.auraId, displayName },
  });
  const answer = (await registered.json()) as { signInCode?: string | null };
  if (!registered.ok) {
    throw new FrontDoorError(
      `${person.auraId} could not be made: ${registered.status} ${JSON.stringify(answer)}`,
    );
  }
  // Without a code she has a password already: an earlier start was killed just before its note.
  if (answer.signInCode === undefined || answer.signInCode === null) return;
  await setFirstPassword(base, answer.signInCode, person.password);
}

/** Goes through the sign-in of the phone as a browser would, as far as the password. */
async function setFirstPassword(base: string, code: string, newPassword: string): Promise<void> {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: 'phone',
    response_type: 'code',
    redirect_uri: `${base}/`,
    scope: 'openid',
    state: 'ready-made',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const begun = await send(`${base}/oidc/auth?${query}`, {});
  const location = begun.headers.get('location') ?? '';
  const uid = /\/interaction\/([^/?]+)/.exec(location)?.[1];
  if (uid === undefined)
    throw new FrontDoorError(`The sign-in page is not offered: ${begun.status} ${location}`);
  const cookies = begun.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0]);
  const set = await send(`${base}/oidc/interaction/${uid}/code`, {
    headers: { cookie: cookies.join('; '), origin: base },
    body: { code, newPassword },
  });
  if (!set.ok) throw new FrontDoorError(`The first password was refused: ${set.status} ${await set.text()}`);
}

function send(url: string, request: { headers?: Record<string, string>; body?: object }): Promise<Response> {
  return fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    headers: { 'content-type': 'application/json', ...request.headers },
    ...(request.body === undefined ? {} : { method: 'POST', body: JSON.stringify(request.body) }),
  });
}
