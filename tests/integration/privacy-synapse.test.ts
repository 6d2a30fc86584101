/**
 * Matrix by the same rules, with a real Synapse behind the real proxy: profiles, the directory of users, free names,
 * federation and presence tell of a private or blocking person what they tell of one who shows nothing, and the
 * profile at Synapse follows what she shows in AuraLink.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { createSynapseProfiles } from '../../auralink-communication-service/adapters/synapse-profile.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import type { UserId } from '../../auralink-communication-service/core/ids.ts';
import { createProxyPrivacy } from '../../auralink-communication-service/http/proxy-privacy.ts';
import { privacyStore } from '../../auralink-communication-service/store/privacy.ts';
import { constellation } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { openPrivacyDoor } from '../support/privacy-door.ts';
import { type Account, matrixSide, PIXEL } from '../support/privacy-matrix.ts';
import { openProxy } from '../support/proxy-door.ts';

const { config } = constellation();
const door = await openPrivacyDoor();
const profiles = createSynapseProfiles({ url: config.SYNAPSE_URL, asToken: config.APPSERVICE_AS_TOKEN });
const { url: proxyUrl } = await openProxy({
  synapseUrl: config.SYNAPSE_URL,
  privacy: createProxyPrivacy({ profiles, store: privacyStore(door.db.pool), clock: systemClock }),
});
after(() => profiles.close());

interface Matrix {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of a body is what it asserts
  readonly body: any;
  /** Status, headers and body as one text, without what tells nothing. */
  readonly whole: string;
}

async function matrix(method: string, path: string, token?: string, body?: object): Promise<Matrix> {
  const response = await fetch(`${proxyUrl}${path}`, {
    method,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const headers = [...response.headers].filter(([name]) => name !== 'date' && name !== 'x-request-id');
  return {
    status: response.status,
    text,
    body: JSON.parse(text),
    whole: JSON.stringify([response.status, headers.sort(), text]),
  };
}

const set = async (one: Account, rules: object): Promise<void> => {
  assert.equal((await one.person.ask('PATCH', '/me/privacy', rules)).status, 200);
  await door.deliver();
};
const { account, putPicture, accounts, names } = matrixSide(door, config);
const profileOf = (of: { userId: string } | string, rest = '', version = 'v3') =>
  `/_matrix/client/${version}/profile/${encodeURIComponent(typeof of === 'string' ? of : of.userId)}${rest}`;
const unclaimed = () => `@u${randomBytes(16).toString('hex')}:${config.SYNAPSE_SERVER_NAME}`;

const [viewer, outsider, open, hidden, blocking] = await Promise.all(
  Array.from({ length: 5 }, () => account()),
);
if (!viewer || !outsider || !open || !hidden || !blocking) throw new Error('five accounts');
const sharing = [open, hidden, blocking];
const made = await matrix('POST', '/_matrix/client/v3/createRoom', viewer.token, { preset: 'public_chat' });
const room = encodeURIComponent(made.body.room_id as string);
for (const one of sharing) {
  await set(one, { profile: one === hidden ? 'private' : 'public' });
  assert.equal((await matrix('POST', `/_matrix/client/v3/join/${room}`, one.token, {})).status, 200);
}
assert.equal((await blocking.person.ask('PUT', `/blocks/${viewer.person.auraId}`)).status, 204);

describe('a profile at Synapse', () => {
  it('is refused alike to whom is not signed in', async () => {
    const answers = await Promise.all([open, hidden, unclaimed()].map((of) => matrix('GET', profileOf(of))));
    assert.equal(answers[0]?.status, 401);
    assert.equal(new Set(answers.map((one) => one.whole)).size, 1);
  });

  it('is refused alike to whom shares no room, as one that is not there', async () => {
    const answers = await Promise.all(
      [open, hidden, blocking, unclaimed()].map((of) => matrix('GET', profileOf(of), outsider.token)),
    );
    assert.equal(answers[0]?.status, 403);
    assert.equal(new Set(answers.map((one) => one.whole)).size, 1);
  });

  it('shows the name of who is public, and nothing of who is private or blocking', async () => {
    const seen = await matrix('GET', profileOf(open), viewer.token);
    assert.equal(seen.body.displayname, `Name of ${open.person.auraId}`);
    for (const version of ['r0', 'v3']) {
      for (const rest of ['', '/displayname', '/avatar_url', '/m.tz']) {
        const pair: Matrix[] = await Promise.all(
          [hidden, blocking].map(
            (of): Promise<Matrix> => matrix('GET', profileOf(of, rest, version), viewer.token),
          ),
        );
        const [bareOne, kept] = pair;
        assert.equal(kept?.whole, bareOne?.whole, `${version}${rest}`);
        assert.ok(!kept?.text.includes('Name of'), kept?.text);
      }
    }
    const doubled = profileOf(blocking).replace('%40', '%2540');
    assert.ok(!(await matrix('GET', doubled, viewer.token)).text.includes('Name of'));
    // Somebody whom she has not blocked does see her.
    assert.match((await matrix('GET', profileOf(blocking), open.token)).text, /Name of/);
  });

  it('follows her settings, and her name', async () => {
    const nameAt = async (of: Account) =>
      (await matrix('GET', profileOf(of), viewer.token)).body.displayname as string | undefined;
    const one = await account();
    await matrix('POST', `/_matrix/client/v3/join/${room}`, one.token, {});
    await set(one, { name: 'public' });
    assert.equal(await nameAt(one), `Name of ${one.person.auraId}`);
    await set(one, { name: 'friends' });
    assert.equal(await nameAt(one), undefined);
    await set(one, { name: 'public' });
    assert.equal(await nameAt(one), `Name of ${one.person.auraId}`);
    await set(one, { profile: 'friends' });
    assert.equal(await nameAt(one), undefined);
  });

  it('has her picture, uploaded once, while it is public', async () => {
    const one = await account();
    const avatarOf = async () =>
      (await matrix('GET', profileOf(one), one.token)).body.avatar_url as string | undefined;
    await putPicture(one.person);
    const url = await avatarOf();
    assert.match(url ?? '', /^mxc:\/\//);
    const media = `${config.SYNAPSE_URL}/_matrix/client/v1/media/download/${url?.slice('mxc://'.length)}`;
    const response = await fetch(media, { headers: { authorization: `Bearer ${one.token}` } });
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'image/png']);
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(PIXEL));
    await one.person.ask('PUT', '/me/profile', { displayName: 'Another name' });
    await putPicture(one.person);
    assert.equal(await avatarOf(), url, 'the same picture stays where it is');
    await set(one, { picture: 'friends' });
    assert.equal(await avatarOf(), undefined);
    await set(one, { picture: 'public' });
    assert.match((await avatarOf()) ?? '', /^mxc:\/\//);
    await set(one, { profile: 'private' });
    assert.equal(await avatarOf(), undefined);
  });

  it('loses what we wrote when its account is detached, and keeps what is its own', async () => {
    const her = await account();
    const [work, own] = [await account(her.person), await account(her.person)];
    await putPicture(her.person);
    const shown = async (of: Account) => (await matrix('GET', profileOf(of), of.token)).body;
    for (const one of [her, work, own])
      assert.equal((await shown(one)).displayname, `Name of ${her.person.auraId}`);
    await profiles.setDisplayName(own.userId as UserId, 'Her own');
    for (const { userId } of [work, own]) await accounts.detach(her.person.personId, userId as UserId);
    await door.deliver();
    assert.deepEqual(
      [(await shown(work)).displayname, (await shown(work)).avatar_url],
      [undefined, undefined],
    );
    assert.deepEqual([(await shown(own)).displayname, (await shown(own)).avatar_url], ['Her own', undefined]);
    assert.match((await shown(her)).avatar_url, /^mxc:/);
  });

  it('loses what we wrote when its owner gives her name back, and has it again when she comes back', async () => {
    const her = await account();
    await putPicture(her.person);
    const shown = async () => (await matrix('GET', profileOf(her), her.token)).body;
    const before = await shown();
    assert.equal(before.displayname, `Name of ${her.person.auraId}`);
    await names.release(her.person.personId);
    await door.deliver();
    assert.deepEqual([(await shown()).displayname, (await shown()).avatar_url], [undefined, undefined]);
    await names.claimForAccount(her.userId as UserId, 'right', her.person.auraId, null, '127.0.0.1');
    await door.deliver();
    assert.deepEqual(
      [(await shown()).displayname, typeof (await shown()).avatar_url],
      [before.displayname, 'string'],
    );
  });

  it('keeps what is its own when the name is given back, and shows nothing once the release overtakes a write', async () => {
    const her = await account();
    await set(her, { name: 'public' });
    await profiles.setDisplayName(her.userId as UserId, 'Her own');
    await her.person.ask('PUT', '/me/profile', { displayName: 'Another' });
    // The write for the new name and the taking back wait together.
    await names.release(her.person.personId);
    await door.deliver();
    assert.equal((await matrix('GET', profileOf(her), her.token)).body.displayname, 'Her own');
  });

  it('cannot be changed there, by any spelling', async () => {
    for (const version of ['r0', 'v3']) {
      const path = profileOf(open, '/displayname', version);
      const refused = await matrix('PUT', path, open.token, { displayname: 'Somebody else' });
      assert.deepEqual([refused.status, refused.body.errcode], [403, 'M_FORBIDDEN']);
    }
    const custom = `/_matrix/client/unstable/uk.tcpip.msc4133/profile/${encodeURIComponent(open.userId)}/m.tz`;
    assert.equal((await matrix('PUT', custom, open.token, { 'm.tz': 'x' })).status, 403);
    const seen = await matrix('GET', profileOf(open), viewer.token);
    assert.equal(seen.body.displayname, `Name of ${open.person.auraId}`);
  });
});

describe('Synapse’s other surfaces', () => {
  it('the directory finds who is public, and neither who is private nor who blocks', async () => {
    const search = async (token: string): Promise<string[]> => {
      const found = await matrix('POST', '/_matrix/client/v3/user_directory/search', token, {
        search_term: 'Name',
        limit: 50,
      });
      return found.body.results.map((one: { user_id: string }) => one.user_id);
    };
    // The directory is written behind the events.
    await eventually(async () => {
      const seen = await search(open.token);
      assert.ok(seen.includes(blocking.userId), seen.join());
    });
    const found = await search(viewer.token);
    assert.ok(found.includes(open.userId), found.join());
    assert.ok(!found.includes(blocking.userId) && !found.includes(hidden.userId), found.join());
  });

  it('the directory finds nobody by her Matrix id who shows nothing, is private or blocks', async () => {
    const isFound = async (of: string, token: string): Promise<boolean> => {
      const localpart = of.slice(1, of.indexOf(':'));
      const found = await matrix('POST', '/_matrix/client/v3/user_directory/search', token, {
        search_term: localpart,
        limit: 10,
      });
      assert.equal(found.status, 200, found.text);
      return found.body.results.some((one: { user_id: string }) => one.user_id === of);
    };
    const [bare, nobodys] = await Promise.all([account(), account()]);
    await set(bare, { profile: 'friends' });
    await door.db.pool.query('DELETE FROM matrix_user_mappings WHERE matrix_user_id = $1', [nobodys.userId]);
    // A first profile puts her into the directory; this one is empty.
    assert.equal(
      (await matrix('PUT', profileOf(nobodys, '/displayname'), nobodys.token, { displayname: '' })).status,
      200,
    );
    for (const one of [bare, nobodys])
      assert.equal((await matrix('POST', `/_matrix/client/v3/join/${room}`, one.token, {})).status, 200);
    // The directory is written behind the events, in their order.
    await eventually(async () => assert.ok(await isFound(nobodys.userId, viewer.token)));
    for (const one of [bare, hidden, blocking]) assert.ok(!(await isFound(one.userId, viewer.token)));
    assert.ok(await isFound(blocking.userId, open.token), 'whom she has not blocked');
  });

  it('a localpart is free to whoever asks, taken or not', async () => {
    const available = (userId: string) =>
      matrix(
        'GET',
        `/_matrix/client/v3/register/available?username=${encodeURIComponent(userId.slice(1, userId.indexOf(':')))}`,
      );
    const answers = await Promise.all([open.userId, hidden.userId, unclaimed()].map(available));
    assert.equal(new Set(answers.map((one) => one.whole)).size, 1, answers.map((one) => one.text).join());
  });

  it('presence says nothing of anybody', async () => {
    const answers = await Promise.all(
      [open, hidden, blocking].map((of) =>
        matrix('GET', `/_matrix/client/v3/presence/${encodeURIComponent(of.userId)}/status`, viewer.token),
      ),
    );
    assert.equal(new Set(answers.map((one) => one.whole)).size, 1, answers.map((one) => one.text).join());
  });

  it('federation gets no profile, by our door or at Synapse itself', async () => {
    for (const origin of [proxyUrl, config.SYNAPSE_URL]) {
      const answers: string[] = await Promise.all(
        [open.userId, hidden.userId, unclaimed()].map(async (userId) => {
          const path = `/_matrix/federation/v1/query/profile?user_id=${encodeURIComponent(userId)}`;
          const response = await fetch(`${origin}${path}`);
          return [response.status, await response.text()].join(' ');
        }),
      );
      assert.equal(new Set(answers).size, 1, answers.join());
      assert.ok(!answers[0]?.startsWith('200'), answers[0]);
    }
  });

  it('asks nobody’s leave where nobody could be hidden: an unknown token is Synapse’s to refuse', async () => {
    const refused = await matrix('GET', profileOf(open), 'syt_nonsense');
    assert.deepEqual([refused.status, refused.body.errcode], [401, 'M_UNKNOWN_TOKEN']);
  });
});
