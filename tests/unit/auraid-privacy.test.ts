/**
 * The rules of privacy in all their cases: three audiences of the profile, three of the field or right, five viewers.
 * The expectation is written down as the table that people are promised, not as the code computes it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AUDIENCES,
  type Audience,
  allows,
  isThere,
  type Right,
  type Rules,
  type Shown,
  shows,
  VIEWERS,
  type Viewer,
} from '../../auralink-communication-service/auralink-modules/auraid/privacy.ts';
import {
  type TargetFacts,
  viewOf,
} from '../../auralink-communication-service/auralink-modules/auraid/profile-view.ts';
import type { AuraId, PersonId } from '../../auralink-communication-service/core/ids.ts';

const FIELDS: readonly Shown[] = ['name', 'picture', 'about', 'verifications', 'apps', 'presence', 'number'];
const RIGHTS: Readonly<Record<Right, keyof Rules>> = {
  call: 'call',
  message: 'message',
  find_by_email: 'findByEmail',
  find_by_phone: 'findByPhone',
};

function rules(all: Audience, over: Partial<Rules> = {}): Rules {
  return {
    ...{ profile: all, name: all, picture: all, about: all, verifications: all, apps: all },
    ...{ presence: all, call: all, message: all, findByEmail: all, findByPhone: all, number: all },
    ...over,
  };
}

/** Profile, field → who sees it. */
const SEEN_BY: Readonly<Record<string, readonly Viewer[]>> = {
  'public public': ['signed_out', 'stranger', 'friend', 'self'],
  'public friends': ['friend', 'self'],
  'public private': ['self'],
  'friends public': ['friend', 'self'],
  'friends friends': ['friend', 'self'],
  'friends private': ['self'],
  'private public': ['self'],
  'private friends': ['self'],
  'private private': ['self'],
};
/** Profile, right → who has it. */
const LET_IN: Readonly<Record<string, readonly Viewer[]>> = {
  'public public': ['stranger', 'friend', 'self'],
  'public friends': ['friend', 'self'],
  'public private': ['self'],
  'friends public': ['stranger', 'friend', 'self'],
  'friends friends': ['friend', 'self'],
  'friends private': ['self'],
  'private public': ['friend', 'self'],
  'private friends': ['friend', 'self'],
  'private private': ['self'],
};

test('a field is shown to exactly those whom both the profile and the field let in', () => {
  let cases = 0;
  for (const profile of AUDIENCES) {
    for (const own of AUDIENCES) {
      for (const viewer of VIEWERS) {
        for (const field of FIELDS) {
          // Every other rule says the opposite, so that no field answers for another.
          const others = own === 'public' ? 'private' : 'public';
          const found = shows(rules(others, { profile, [field]: own }), viewer, field);
          const wanted = SEEN_BY[`${profile} ${own}`]?.includes(viewer);
          assert.equal(found, wanted, `${profile} ${own} ${viewer} ${field}`);
          cases += 1;
        }
      }
    }
  }
  assert.equal(cases, 3 * 3 * 5 * FIELDS.length);
});

test('a right is given to exactly those whom it lets in; a private person is there for friends', () => {
  for (const profile of AUDIENCES) {
    for (const own of AUDIENCES) {
      for (const viewer of VIEWERS) {
        for (const right of Object.keys(RIGHTS) as Right[]) {
          const others = own === 'public' ? 'private' : 'public';
          const found = allows(rules(others, { profile, [RIGHTS[right]]: own }), viewer, right);
          const wanted = LET_IN[`${profile} ${own}`]?.includes(viewer);
          assert.equal(found, wanted, `${profile} ${own} ${viewer} ${right}`);
        }
      }
    }
  }
});

test('signed out, only a public person exists; signed in, every claimed name does', () => {
  for (const profile of AUDIENCES) {
    for (const viewer of VIEWERS) {
      const wanted = viewer !== 'signed_out' || profile === 'public';
      assert.equal(isThere(rules('public', { profile }), viewer), wanted, `${profile} ${viewer}`);
    }
  }
});

function facts(over: Partial<TargetFacts>): TargetFacts {
  return {
    personId: 'p' as PersonId,
    auraId: '@alice.aura' as AuraId,
    displayName: 'Alice',
    rules: rules('public'),
    online: true,
    verified: ['email_controlled', 'nonsense'],
    apps: ['chat'],
    hasPicture: true,
    aboutEnvelope: null,
    aboutFieldId: null,
    numberEnvelope: null,
    numberFieldId: null,
    ...over,
  };
}
const OPENED = { about: 'About Alice', number: '+4912345' };
const NAME = '@alice.aura' as AuraId;
const NOTHING = {
  auraId: NAME,
  displayName: null,
  about: null,
  pictureUrl: null,
  verifications: [],
  apps: [],
  number: null,
  online: false,
  mayMessage: true,
  known: true,
};

test('whoever is not shown anything gets one and the same view, byte for byte', () => {
  const views = [
    viewOf(facts({ rules: rules('public') }), NAME, 'blocked', OPENED),
    viewOf(facts({ rules: rules('private') }), NAME, 'stranger', OPENED),
    viewOf(facts({ rules: rules('friends') }), NAME, 'stranger', OPENED),
    viewOf(
      facts({ displayName: null, online: false, verified: [], apps: [], hasPicture: false }),
      NAME,
      'stranger',
      { about: null, number: null },
    ),
    viewOf(
      facts({ rules: rules('public', { profile: 'private', message: 'private' }) }),
      NAME,
      'stranger',
      OPENED,
    ),
  ];
  for (const view of views) assert.equal(JSON.stringify(view), JSON.stringify(NOTHING));
});

test('whoever sees everything sees everything, under the address that she asked for', () => {
  const alias = '@old.aura' as AuraId;
  assert.deepEqual(viewOf(facts({}), alias, 'friend', OPENED), {
    auraId: alias,
    displayName: 'Alice',
    about: 'About Alice',
    pictureUrl: '/_auralink/v1/pictures/@old.aura',
    verifications: ['email_controlled'],
    apps: ['chat'],
    number: '+4912345',
    online: true,
    mayMessage: true,
    known: true,
  });
});

test('whether one may write is true to friends only', () => {
  const closed = facts({ rules: rules('public', { message: 'private' }) });
  const answers = VIEWERS.map((viewer) => [viewer, viewOf(closed, NAME, viewer, OPENED).mayMessage]);
  assert.deepEqual(
    answers.filter(([, may]) => may === false),
    [['friend', false]],
  );
});
