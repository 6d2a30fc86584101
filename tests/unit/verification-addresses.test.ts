/** Normal forms of addresses: one mailbox or line is one subject however it is typed, and what is none is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  masked,
  normalAddress,
} from '../../auralink-communication-service/auralink-modules/verification/addresses.ts';
import { normalForm } from '../../auralink-communication-service/auralink-modules/auraid/blind-index.ts';

test('an e-mail address is one however it is typed', () => {
  const forms: readonly (readonly [string, string])[] = [
    ['Anna@Example.ORG', 'anna@example.org'],
    ['  anna+tag@example.org ', 'anna+tag@example.org'],
    ['jürgen@bücher.example', 'jürgen@xn--bcher-kva.example'],
    ['ju\u0308rgen@BÜCHER.example', 'jürgen@xn--bcher-kva.example'],
    ["o'neill@mail.example.co.uk", "o'neill@mail.example.co.uk"],
  ];
  for (const [typed, normal] of forms) assert.equal(normalAddress('email', typed), normal, typed);
});

test('what is no e-mail address is refused', () => {
  for (const typed of [
    ...[
      '',
      'anna',
      '@example.org',
      'anna@',
      'anna@localhost',
      'anna@127.0.0.1',
      'anna@[::1]',
      'a b@example.org',
    ],
    ...['anna@example..org', '.anna@example.org', 'anna.@example.org', 'an..na@example.org', 'anna@-x.org'],
    ...[
      'anna@example.org/x',
      'anna@example.org:25',
      'anna@user@example.org:1',
      'anna\r\nBcc: x@example.org',
      '"a"@x.org',
    ],
    ...[
      `${'a'.repeat(65)}@example.org`,
      `a@${'b'.repeat(300)}.org`,
      'an\u200bna@example.org',
      'a<b@example.org',
    ],
  ]) {
    assert.equal(normalAddress('email', typed), null, typed);
  }
});

test('numbers that cost more than others, to the gain of whoever has them, are none', () => {
  for (const typed of ['+49 900 1234567', '+44 871 712 3456', '+49 180 512345']) {
    assert.equal(normalAddress('phone', typed), null, typed);
  }
});

test('a number is one however it is typed, and only one that may exist', () => {
  for (const typed of ['+49 (30) 123-4567', '+49301234567', '0049 30 1234567', ' +49.30.1234567 ']) {
    assert.equal(normalAddress('phone', typed), '+49301234567', typed);
  }
  for (const typed of [
    '030 1234567',
    '+49',
    '+1 555',
    '+999 1234567',
    'hello',
    '+49 30 1234567 ext. 5',
    '+1212555012345',
  ]) {
    assert.equal(normalAddress('phone', typed), null, typed);
  }
});

test('the digest of a personal field is made of the same normal form', () => {
  for (const [method, typed] of [
    ['email', 'Anna@Example.ORG'],
    ['phone', '+49 (30) 123-4567'],
  ] as const) {
    const normal = normalAddress(method, typed) ?? '';
    assert.equal(normalForm(method, normal), normal);
  }
});

test('a masked address tells its owner enough and others little', () => {
  assert.equal(masked('email', 'anna@example.org'), 'a…@example.org');
  assert.equal(masked('phone', '+49301234567'), '+49 … 67');
});
