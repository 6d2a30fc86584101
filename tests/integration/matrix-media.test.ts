/**
 * Pictures in Synapse's media store: each of ours is deleted there once no account shows it, whatever the reason, also
 * when the process that uploaded it has died; what the account itself uploaded stays.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createSynapseProfiles } from '../../auralink-communication-service/adapters/synapse-profile.ts';
import {
  MATRIX_MEDIA_RESERVED_SECONDS,
  uploadPicture,
} from '../../auralink-communication-service/auralink-modules/auraid/matrix-media.ts';
import type { UserId } from '../../auralink-communication-service/core/ids.ts';
import { matrixMediaStore } from '../../auralink-communication-service/store/matrix-media.ts';
import { constellation } from '../harness.ts';
import { png } from '../support/pictures.ts';
import { openPrivacyDoor } from '../support/privacy-door.ts';
import { type Account, matrixSide, PIXEL } from '../support/privacy-matrix.ts';

const { config } = constellation();
const door = await openPrivacyDoor();
const { account, putPicture, accounts, names } = matrixSide(door, config);
const profiles = createSynapseProfiles({ url: config.SYNAPSE_URL, asToken: config.APPSERVICE_AS_TOKEN });
after(() => profiles.close());
const mediaStore = matrixMediaStore(door.db.pool);
const viewer = await account();

const set = async (one: Account, rules: object): Promise<void> => {
  assert.equal((await one.person.ask('PATCH', '/me/privacy', rules)).status, 200);
  await door.deliver();
};

async function shownBy(one: Account): Promise<string> {
  const sql = 'SELECT shown_picture_url FROM matrix_user_mappings WHERE matrix_user_id = $1';
  const { rows } = await door.db.pool.query(sql, [one.userId]);
  assert.match(rows[0]?.shown_picture_url ?? '', /^mxc:/);
  return rows[0].shown_picture_url;
}

/** With which status somebody else downloads it, and its thumbnail. */
async function statusOf(mxcUrl: string): Promise<number> {
  const place = mxcUrl.slice('mxc://'.length);
  const base = `${config.SYNAPSE_URL}/_matrix/client/v1/media`;
  const init = { headers: { authorization: `Bearer ${viewer.token}` } };
  const { status } = await fetch(`${base}/download/${place}`, init);
  const thumbnail = await fetch(`${base}/thumbnail/${place}?width=32&height=32&method=crop`, init);
  // A picture of one pixel may be too small for a thumbnail; one that is gone has none.
  if (status !== 200) assert.equal(thumbnail.status, status);
  return status;
}

async function shown(one: Account): Promise<string> {
  await set(one, { profile: 'public' });
  await putPicture(one.person);
  const url = await shownBy(one);
  assert.equal(await statusOf(url), 200);
  return url;
}

const CASES: Readonly<Record<string, (one: Account) => Promise<unknown>>> = {
  'it is not public any more': (one) => set(one, { picture: 'friends' }),
  'its owner is not public any more': (one) => set(one, { profile: 'private' }),
  'another one has taken its place': (one) => putPicture(one.person, png(2, 2)),
  'it was taken away': (one) => one.person.ask('DELETE', '/me/picture'),
  'its owner gave her name back': (one) => names.release(one.person.personId),
};

describe('a picture of ours at Synapse is deleted when', () => {
  for (const [reason, happens] of Object.entries(CASES)) {
    it(reason, async () => {
      const one = await account();
      const url = await shown(one);
      await happens(one);
      await door.deliver();
      assert.equal(await statusOf(url), 404);
      const { rows } = await door.db.pool.query('SELECT FROM matrix_media WHERE mxc_url = $1', [url]);
      assert.equal(rows.length, 0);
    });
  }

  it('its account is detached; that of the other account stays', async () => {
    const her = await account();
    const work = await account(her.person);
    const url = await shown(her);
    const detached = await shownBy(work);
    await accounts.detach(her.person.personId, work.userId as UserId);
    await door.deliver();
    assert.deepEqual([await statusOf(detached), await statusOf(url)], [404, 200]);
  });

  it('the process that uploaded it has died before anybody was shown it', async () => {
    const one = await account();
    const media = { ...profiles, delete: async () => {} };
    const userId = one.userId as UserId;
    const url = await uploadPicture({ media, mediaStore }, userId, PIXEL, 'image/png');
    const dies = { ...media, fill: () => Promise.reject(new Error('killed')) };
    await assert.rejects(uploadPicture({ media: dies, mediaStore }, userId, PIXEL, 'image/png'), /killed/);
    const chore = door.part.chores.find(({ job }) => job === 'identity.matrix_media');
    await chore?.run();
    assert.equal(await statusOf(url), 200, 'another process may be about to show it');
    const pass =
      'UPDATE matrix_media SET delete_at = delete_at - make_interval(secs => $2) WHERE matrix_user_id = $1';
    await door.db.pool.query(pass, [userId, MATRIX_MEDIA_RESERVED_SECONDS]);
    await chore?.run();
    assert.equal(await statusOf(url), 404);
    const { rows } = await door.db.pool.query('SELECT FROM matrix_media WHERE matrix_user_id = $1', [userId]);
    assert.equal(rows.length, 0);
  });
});

describe('what is not ours', () => {
  it('stays: a picture that the account itself uploaded', async () => {
    const one = await account();
    const upload = await fetch(`${config.SYNAPSE_URL}/_matrix/media/v3/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${one.token}`, 'content-type': 'image/png' },
      body: new Uint8Array(PIXEL),
    });
    const { content_uri: own } = (await upload.json()) as { content_uri: string };
    const ours = await shown(one);
    await set(one, { profile: 'private' });
    assert.deepEqual([await statusOf(ours), await statusOf(own)], [404, 200]);
  });
});
