/** The Matrix profile's writer against a homeserver in memory: what it uploads, and accounts that leave while it writes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptEnvelopeError } from '../../auralink-communication-service/auralink-modules/auraid/envelope.ts';
import {
  MATRIX_PROFILE_LEFT_TOPIC,
  MATRIX_PROFILE_TOPIC,
  matrixProfileHandlers,
} from '../../auralink-communication-service/auralink-modules/auraid/matrix-profile.ts';
import type {
  MatrixProfileStore,
  UploadedPicture,
} from '../../auralink-communication-service/auralink-modules/auraid/ports-privacy.ts';
import type { UserId } from '../../auralink-communication-service/core/ids.ts';

const userId = '@alice:aura.example' as UserId;

function homeserver() {
  const profile: { displayName: string | null; avatarUrl: string | null } = {
    displayName: null,
    avatarUrl: null,
  };
  const uploads: string[] = [];
  const writes: string[] = [];
  let known: UploadedPicture | null = null;
  const state = { attached: true, picture: 'one', spoilt: false, onRead: () => {} };
  const store: MatrixProfileStore = {
    find: async () => ({
      accounts: [{ userId, picture: known }],
      displayName: 'Alice',
      picture: { fieldId: 'f', envelope: Buffer.from(state.picture) },
    }),
    note: async (_personId, _userId, shown) => {
      if (state.attached) known = shown.picture;
      return state.attached;
    },
    isAttached: async () => state.attached,
  };
  const handlers = matrixProfileHandlers({
    store,
    vault: {
      open: async (_personId, _place, envelope) => {
        if (state.spoilt) throw new CorruptEnvelopeError('of a test');
        return envelope;
      },
    },
    profiles: {
      getProfile: async () => {
        const now = { ...profile };
        state.onRead();
        return now;
      },
      setDisplayName: async (_userId, name) => {
        writes.push(`name ${name}`);
        profile.displayName = name;
      },
      setAvatar: async (_userId, url) => {
        writes.push(`avatar ${url}`);
        profile.avatarUrl = url;
      },
      upload: async (_userId, image) => {
        uploads.push(image.toString());
        return `mxc://aura.example/${uploads.length}`;
      },
    },
  });
  const run = async (topic: string, payload: object): Promise<void> => {
    await handlers.get(topic)?.(payload, 'an event');
  };
  return { profile, uploads, writes, state, run, follow: () => run(MATRIX_PROFILE_TOPIC, { personId: 'p' }) };
}

test('the same picture is uploaded once, another one anew, and a repeat writes nothing', async () => {
  const { uploads, writes, state, follow } = homeserver();
  await follow();
  await follow();
  assert.deepEqual(uploads, ['one']);
  assert.deepEqual(writes, ['name Alice', 'avatar mxc://aura.example/1']);
  state.picture = 'two';
  await follow();
  assert.deepEqual(uploads, ['one', 'two']);
});

test('a picture that cannot be opened is as one that is not there: the name is written, and nothing waits', async () => {
  const { profile, state, follow } = homeserver();
  await follow();
  assert.equal(profile.avatarUrl, 'mxc://aura.example/1');
  state.spoilt = true;
  profile.displayName = null;
  await follow();
  assert.deepEqual(profile, { displayName: 'Alice', avatarUrl: null });
});

test('an account that leaves while its profile is being written keeps nothing of it', async () => {
  const { profile, state, follow } = homeserver();
  state.onRead = () => {
    state.attached = false;
  };
  await follow();
  assert.deepEqual(profile, { displayName: null, avatarUrl: null });
});

test('what stands there and is not ours stays, and so does all of an account that is somebody’s again', async () => {
  const { profile, state, run } = homeserver();
  Object.assign(profile, { displayName: 'Her own', avatarUrl: 'mxc://aura.example/ours' });
  const was = { userId, displayName: 'Alice', avatarUrl: 'mxc://aura.example/ours' };
  await run(MATRIX_PROFILE_LEFT_TOPIC, was);
  assert.equal(profile.avatarUrl, 'mxc://aura.example/ours');
  state.attached = false;
  await run(MATRIX_PROFILE_LEFT_TOPIC, was);
  assert.deepEqual(profile, { displayName: 'Her own', avatarUrl: null });
});
