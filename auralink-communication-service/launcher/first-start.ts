/**
 * What Synapse's database needs once: the administrator account, with which the service sets first passwords, and the
 * registration token. Done again without harm; a note in the data folder spares later starts the asking.
 */
import { createHash, createHmac } from 'node:crypto';
import { join } from 'node:path';
import { FrontDoorError } from './errors.ts';
import { readJsonFile, writeFileAtomic } from './process.ts';
import type { Progress } from './progress.ts';
import type { Settings } from './settings.ts';

export const ADMIN_LOCALPART = 'auralink-admin';
const REQUEST_TIMEOUT_MS = 30_000;
const NOTE_FILE = 'first-start.json';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Throws FrontDoorError when Synapse refuses. */
export async function runFirstStart(settings: Settings, progress: Progress): Promise<void> {
  const { config, layout } = settings;
  const path = join(layout.dataDir, NOTE_FILE);
  // Another database, password or token is another first start.
  const wanted = createHash('sha256')
    .update(
      JSON.stringify([
        config.SYNAPSE_SERVER_NAME,
        config.COMM_POSTGRES_HOST,
        config.COMM_POSTGRES_SYNAPSE_DB,
        config.SYNAPSE_ADMIN_PASSWORD,
        config.REGISTRATION_TOKEN,
      ]),
    )
    .digest('hex');
  if (readJsonFile<{ done: string }>(path)?.done === wanted) return;
  await progress.step('the administrator account and the invitation code', async () => {
    await ensureAdmin(settings);
    await ensureRegistrationToken(settings);
  });
  writeFileAtomic(path, JSON.stringify({ done: wanted }));
}

async function call(
  settings: Settings,
  method: string,
  path: string,
  body?: object,
  token?: string,
): Promise<Answer> {
  const response = await fetch(`${settings.config.SYNAPSE_URL}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function refused(what: string, answer: Answer): FrontDoorError {
  return new FrontDoorError(`Synapse refused ${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

/** Shared-secret registration; an account that is there already is fine. */
async function ensureAdmin(settings: Settings): Promise<void> {
  const { config } = settings;
  const path = '/_synapse/admin/v1/register';
  const { body } = await call(settings, 'GET', path);
  const nonce = String(body.nonce);
  const mac = createHmac('sha1', config.MATRIX_REGISTRATION_SECRET)
    .update([nonce, ADMIN_LOCALPART, config.SYNAPSE_ADMIN_PASSWORD, 'admin'].join('\0'))
    .digest('hex');
  const answer = await call(settings, 'POST', path, {
    nonce,
    username: ADMIN_LOCALPART,
    password: config.SYNAPSE_ADMIN_PASSWORD,
    admin: true,
    inhibit_login: true,
    mac,
  });
  const exists = answer.status === 400 && answer.body.errcode === 'M_USER_IN_USE';
  if (answer.status !== 200 && !exists) throw refused('the administrator account', answer);
}

async function ensureRegistrationToken(settings: Settings): Promise<void> {
  const { config } = settings;
  const login = await call(settings, 'POST', '/_matrix/client/v3/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: ADMIN_LOCALPART },
    password: config.SYNAPSE_ADMIN_PASSWORD,
    initial_device_display_name: 'launcher',
  });
  if (login.status !== 200) throw refused("the administrator's log-in", login);
  const token = String(login.body.access_token);
  try {
    const path = `/_synapse/admin/v1/registration_tokens/new`;
    const made = await call(settings, 'POST', path, { token: config.REGISTRATION_TOKEN }, token);
    const exists = made.status === 400 && /already exists/i.test(String(made.body.error));
    if (made.status !== 200 && !exists) throw refused('the invitation code', made);
  } finally {
    await call(settings, 'POST', '/_matrix/client/v3/logout', {}, token);
  }
}
