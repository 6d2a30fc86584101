/** The Matrix profile's writer against a homeserver in memory: what it uploads, and accounts that leave while it writes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptEnvelopeError } from '../../auralink-communication-service/auralink-modules/auraid/envelope.ts';
import {
  MATRIX_PROFILE_LEFT_TOPIC,
  MATRIX_PROFILE_TOPIC,
  matrixProfileHandlers,
  ProfileRefused,
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
  const state = { attached: true, picture: 'one', spoilt: false, onRead: () => {}, accounts: [userId] };
  /** Accounts that the homeserver refuses for good, or cannot serve now. */
  const refusing = new Map<UserId, Error>();
  const written: UserId[] = [];
  const store: MatrixProfileStore = {
    find: async () => ({
      accounts: state.accounts.map((one) => ({ userId: one, picture: known })),
      displayName: 'Alice',
      picture: { fieldId: 'f', envelope: Buffer.from(state.picture) },
    }),
    note: async (_personId, _userId, shown) => {
      if (state.attached) known = shown.picture;
      return state.attached;
    },
    isAttached: async () => state.attached,
    alone: (_personId, work) => work(),
  };
  const handlers = matrixProfileHandlers({
    store,
    log: { warn: () => {} },
    media: {
      reserve: async () => {
        uploads.push('');
        return `mxc://aura.example/${uploads.length}`;
      },
      fill: async (_userId, url, image) => {
        uploads[Number(url.split('/').at(-1)) - 1] = image.toString();
      },
      delete: async () => {},
    },
    mediaStore: { write: async () => {}, listDue: async () => [], forget: async () => {} },
    vault: {
      open: async (_personId, _place, envelope) => {
        if (state.spoilt) throw new CorruptEnvelopeError('of a test');
        return envelope;
      },
    },
    profiles: {
      getProfile: async (of) => {
        const refusal = refusing.get(of);
        if (refusal !== undefined) throw refusal;
        written.push(of);
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
    },
  });
  const run = async (topic: string, payload: object): Promise<void> => {
    await handlers.get(topic)?.(payload, 'an event');
  };
  return {
    profile,
    uploads,
    writes,
    state,
    refusing,
    written,
    run,
    follow: () => run(MATRIX_PROFILE_TOPIC, { personId: 'p' }),
  };
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

test('an account that is refused, or away, keeps none of the others waiting; only the one that is away is tried again', async () => {
  const { refusing, written, state, follow } = homeserver();
  const [gone, away] = ['@gone:aura.example', '@away:aura.example'] as [UserId, UserId];
  state.accounts = [gone, away, userId];
  refusing.set(gone, new ProfileRefused(new Error('M_FORBIDDEN: this account was deactivated')));
  refusing.set(away, new Error('the homeserver is away'));
  await assert.rejects(follow(), /is away/);
  assert.deepEqual(written, [userId]);
  refusing.delete(away);
  await follow();
  assert.deepEqual(written, [userId, away, userId]);
});
