/**
 * What the launcher does to a real Synapse and a real PostgreSQL: the administrator, the invitation code, registration
 * only with it, the databases on a server that is not ours, repeated without harm.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startConstellation } from '../../auralink-communication-service/launcher/constellation.ts';
import { ADMIN_LOCALPART, runFirstStart } from '../../auralink-communication-service/launcher/first-start.ts';
import { findFreePortBase } from '../../auralink-communication-service/launcher/free-ports.ts';
import { layoutOf } from '../../auralink-communication-service/launcher/layout.ts';
import { silentProgress } from '../../auralink-communication-service/launcher/progress.ts';
import type { Settings } from '../../auralink-communication-service/launcher/settings.ts';
import { constellation, postgresAddress, testDataDir, withClient } from '../harness.ts';

const shared = constellation();
const settings: Settings = {
  layout: layoutOf(shared.dataDir),
  ports: shared.ports,
  processes: 0,
  managed: { postgres: true, redis: true, mail: false, sms: false },
  config: shared.config,
  serviceEnv: shared.serviceEnv,
};

/** The fields that these tests look at; which are there depends on the request. */
interface Body {
  readonly access_token: string;
  readonly user_id: string;
  readonly errcode: string;
  readonly session: string;
  readonly flows: readonly { readonly stages: readonly string[] }[];
}

async function synapse(path: string, body?: object, token?: string): Promise<{ status: number; body: Body }> {
  const response = await fetch(`${shared.urls.synapse}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Body };
}

function login(user: string, password: string) {
  const identifier = { type: 'm.id.user', user };
  return synapse('/_matrix/client/v3/login', { type: 'm.login.password', identifier, password });
}

test('the administrator is there, and is one', async () => {
  const { status, body } = await login(ADMIN_LOCALPART, shared.config.SYNAPSE_ADMIN_PASSWORD);
  assert.equal(status, 200);
  const path = `/_synapse/admin/v1/users/@${ADMIN_LOCALPART}:${shared.config.SYNAPSE_SERVER_NAME}/admin`;
  assert.deepEqual((await synapse(path, undefined, body.access_token)).body, { admin: true });
});

test('registering through Matrix takes the invitation code, and nothing else will do', async () => {
  const username = `guest-${randomBytes(4).toString('hex')}`;
  const account = { username, password: 'a good long password', inhibit_login: true };
  const path = '/_matrix/client/r0/register';
  const flows = await synapse(path, account);
  assert.equal(flows.status, 401);
  for (const flow of flows.body.flows) assert.ok(flow.stages.includes('m.login.registration_token'));
  const session = flows.body.session;
  const auth = (token: string) => ({ type: 'm.login.registration_token', token, session });
  assert.equal((await synapse(path, { ...account, auth: auth('not-the-code') })).status, 401);
  const half = await synapse(path, { ...account, auth: auth(shared.config.REGISTRATION_TOKEN) });
  const done =
    half.status === 401
      ? await synapse(path, { ...account, auth: { type: 'm.login.dummy', session } })
      : half;
  assert.equal(done.status, 200, JSON.stringify(done.body));
  assert.equal((await login(username, account.password)).status, 200);
});

test('a name of the exclusive namespace is not for registering', async () => {
  const { status, body } = await synapse('/_matrix/client/v3/register', {
    username: 'mallory.aura',
    password: 'a good long password',
  });
  assert.equal(status, 400);
  assert.equal(body.errcode, 'M_EXCLUSIVE');
});

test('a first start that is done again changes nothing', async () => {
  rmSync(join(shared.dataDir, 'first-start.json'));
  await runFirstStart(settings, silentProgress);
  assert.equal((await login(ADMIN_LOCALPART, shared.config.SYNAPSE_ADMIN_PASSWORD)).status, 200);
});

test('application-service registration: Synapse knows us by our token, and the extensions are on', async () => {
  const { status, body } = await synapse(
    '/_matrix/client/v3/account/whoami',
    undefined,
    shared.config.APPSERVICE_AS_TOKEN,
  );
  assert.equal(status, 200);
  assert.equal(body.user_id, `@auralink:${shared.config.SYNAPSE_SERVER_NAME}`);
  const path = '/_matrix/client/unstable/io.element.msc4512/appservice/fed_proxy';
  const proxied = await synapse(path, {}, shared.config.APPSERVICE_AS_TOKEN);
  assert.notEqual(proxied.body.errcode, 'M_UNRECOGNIZED');
});

test("the operator's PostgreSQL is used, not started; Synapse's database is made there in locale C", async () => {
  const server = await postgresAddress();
  const suffix = randomBytes(4).toString('hex');
  const names = { service: `their_comm_${suffix}`, synapse: `their_synapse_${suffix}` };
  after(() =>
    withClient(server, async (client) => {
      for (const name of Object.values(names))
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }),
  );
  const theirs = await startConstellation({
    dataDir: testDataDir('external'),
    portBase: await findFreePortBase(),
    processes: 0,
    redis: false,
    without: ['livekit'],
    env: {
      COMM_POSTGRES_HOST: server.host,
      COMM_POSTGRES_PORT: String(server.port),
      COMM_POSTGRES_USER: server.user,
      COMM_POSTGRES_PASSWORD: server.password,
      COMM_POSTGRES_DB: names.service,
      COMM_POSTGRES_SYNAPSE_DB: names.synapse,
    },
  });
  try {
    assert.deepEqual(Object.keys(theirs.parts()), ['synapse']);
    const found = await withClient(server, (client) =>
      client.query(
        'SELECT datname, datcollate, datctype FROM pg_database WHERE datname = ANY($1) ORDER BY 1',
        [Object.values(names)],
      ),
    );
    assert.deepEqual(found.rows, [
      { datname: names.service, datcollate: 'C', datctype: 'C' },
      { datname: names.synapse, datcollate: 'C', datctype: 'C' },
    ]);
    const tables = await withClient({ ...server, database: names.synapse }, (client) =>
      client.query("SELECT to_regclass('users') IS NOT NULL AS here"),
    );
    assert.equal(tables.rows[0].here, true, 'Synapse lives there');
  } finally {
    await theirs.stop();
  }
});
