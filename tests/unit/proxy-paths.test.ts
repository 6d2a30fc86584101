/** No spelling of a closed path passes the door, and no ordinary Matrix path is held back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoginPath, mayReachSynapse } from '../../auralink-communication-service/http/proxy-paths.ts';

const OPEN = [
  '/_matrix/client/versions',
  '/_matrix/client/v3/sync?since=s1_2&timeout=30000',
  '/_matrix/client/r0/register',
  '/_matrix/media/v3/upload?filename=..%2F..%2Fapp.png',
  '/_matrix/client/v3/directory/room/%23alias%3Aserver',
  '/_matrix/client/v3/rooms/!a%3Ab/state/m.room.name/',
  '/_matrix/client/v3/rooms/!a%3Ab/state/app/x',
  '/_matrix/client/v3/profile/%40%C3%A4.aura%3Aserver',
  '/_matrix/client/v3/user/@a:b/account_data/%25',
  '/_matrix/application',
  '/_matrix/federation/v1/version',
  '/_synapse/client/oidc/callback?code=1&state=/../admin',
  '/_matrix/client/v3/rooms/!x/send/m.room.message/...',
];

const CLOSED = [
  '/_matrix/app',
  '/_matrix/app/',
  '/_matrix/app?access_token=x',
  '/_matrix/app/v1/transactions/1',
  '/_matrix//app/v1/ping',
  '/_matrix/%61pp/v1/ping',
  '/_matrix/%2561pp/v1/ping',
  '/_matrix/%2f/app/v1',
  '/_matrix/App/v1/ping',
  '/_matrix/client/../app/v1/ping',
  '/_matrix/client/%2e%2E/app/v1/ping',
  '/_matrix/client/.%2e/app/v1',
  '/_matrix/client/%252e%252e/app/v1',
  '/_matrix/./app/v1',
  '/_matrix/client\\..\\app/v1',
  '/_matrix/client/%5c..%5c../_matrix/app',
  '/_matrix/app;x=1/v1',
  '/_matrix/identity/v2/lookup',
  '/_matrix//identity/v2/lookup',
  '/_matrix/client/%2e%2e/identity/v2',
  '/_synapse/client/../admin/v1/users',
  '/_synapse/client/%2e%2e/admin/v1/users',
  '/_synapse/client/..%2fadmin/v1/users',
  '/_synapse/client/..%2f..%2f_synapse/metrics',
  '/_synapse/admin/v1/users',
  '/_synapse/metrics',
  '/_matrix/../_synapse/admin/v1/users',
  '/_matrix/..%2f_synapse/admin/v1/users',
  '/_SYNAPSE/client/x',
  '//_matrix/client/versions',
  '/_matrix',
  '/health',
  'http://elsewhere/_matrix/client/versions',
];

for (const url of OPEN) test(`open: ${url}`, () => assert.equal(mayReachSynapse(url), true));
for (const url of CLOSED) test(`closed: ${url}`, () => assert.equal(mayReachSynapse(url), false));

test('a login is a login in every version', () => {
  for (const version of ['api/v1', 'r0', 'v3', 'unstable']) {
    assert.equal(isLoginPath(`/_matrix/client/${version}/login`), true);
    assert.equal(isLoginPath(`/_matrix/client/${version}/login?x=1`), true);
    assert.equal(isLoginPath(`/_matrix/client/${version}/login/sso/redirect`), false);
  }
  assert.equal(isLoginPath('/_matrix/client/v9/login'), false);
});
