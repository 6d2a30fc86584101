/** Names: the skeleton's fold, the grammar's faults by name, reserved words, suggestions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  candidatesNear,
  checkName,
} from '../../auralink-communication-service/auralink-modules/auraid/names.ts';
import {
  parseReservedNames,
  reservedSkeletons,
} from '../../auralink-communication-service/auralink-modules/auraid/reserved-names.ts';
import { skeletonOf } from '../../auralink-communication-service/auralink-modules/auraid/skeleton.ts';
import { findAuraId, handleOf } from '../../auralink-communication-service/core/aura-id.ts';

const reserved = reservedSkeletons(['acme']);

const handles = fc
  .string({
    unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789._-'),
    minLength: 3,
    maxLength: 30,
  })
  .map((text) => findAuraId(text))
  .filter((auraId) => auraId !== null)
  .map(handleOf);

test('look-alikes share a skeleton', () => {
  const pairs = [
    ['alice', 'al1ce'],
    ['alice', 'a1ice'],
    ['bob', 'b0b'],
    ['will', 'vvill'],
    ['modern', 'rnodern'],
    ['mom', 'rnorn'],
    ['alice', 'al.ice'],
    ['alice', 'a-l_ice'],
    ['alice', 'аlісе'], // Cyrillic а, і, с, е
    ['paypal', 'раураl'],
    ['vwv', 'wvv'],
    ['straße', 'straße'],
  ] as const;
  for (const [a, b] of pairs) assert.equal(skeletonOf(a), skeletonOf(b), `${a} ~ ${b}`);
});

test('different names have different skeletons', () => {
  const names = [
    'alice',
    'alicia',
    'bob',
    'bobby',
    'carol',
    'karol',
    'dave',
    'eve',
    'nina',
    'mina',
    'uma',
    'vera',
  ];
  assert.equal(new Set(names.map(skeletonOf)).size, names.length);
});

test('the skeleton is stable: a second application changes nothing', () => {
  fc.assert(fc.property(handles, (handle) => skeletonOf(skeletonOf(handle)) === skeletonOf(handle)));
});

test('any number of confusable replacements keeps the skeleton', () => {
  const swaps: Record<string, readonly string[]> = {
    l: ['1', 'i'],
    i: ['1', 'l'],
    '1': ['l', 'i'],
    o: ['0'],
    '0': ['o'],
    w: ['vv'],
    m: ['rn'],
  };
  fc.assert(
    fc.property(handles, fc.infiniteStream(fc.nat(3)), (handle, choices) => {
      const altered = [...handle]
        .map((letter) => {
          const options = [letter, ...(swaps[letter] ?? [])];
          return options[(choices.next().value ?? 0) % options.length];
        })
        .join('');
      return skeletonOf(altered) === skeletonOf(handle);
    }),
  );
});

test('what is not allowed says why', () => {
  const faults = {
    al: 'too_short',
    '': 'too_short',
    ['a'.repeat(31)]: 'too_long',
    'al ice': 'bad_character',
    аlice: 'bad_character',
    'ali\u200bce': 'bad_character',
    'ali\u202ece': 'bad_character',
    '.alice': 'bad_edge',
    'alice-': 'bad_edge',
    'al..ice': 'repeated_separator',
    '12345': 'digits_only',
    admin: 'reserved',
    supp0rt: 'reserved',
    'sup.port': 'reserved',
    acme: 'reserved',
  };
  for (const [text, fault] of Object.entries(faults)) {
    const name = checkName(text, reserved);
    assert.ok(!name.ok, `${text} was allowed`);
    assert.equal(name.fault, fault, text);
  }
});

test('every spelling of an allowed name is one address', () => {
  for (const text of ['alice', '@alice', 'alice.aura', '@Alice.AURA', ' ALICE ']) {
    const name = checkName(text, reserved);
    assert.ok(name.ok);
    assert.equal(name.auraId, '@alice.aura');
  }
});

test('suggestions are allowed, and no two of them look alike', () => {
  fc.assert(
    fc.property(handles, (handle) => {
      const found = candidatesNear(handle, reserved);
      assert.equal(new Set(found.map((c) => c.skeleton)).size, found.length);
      for (const candidate of found) assert.ok(checkName(candidate.auraId, reserved).ok, candidate.auraId);
    }),
  );
  assert.ok(candidatesNear('alice', reserved).length >= 3);
});

test("an operator's list: one name a line, comments and ends are left out", () => {
  assert.deepEqual(parseReservedNames('# ours\n@Acme.aura\n\nwidgets # the product\n'), ['acme', 'widgets']);
});
