/** The measure of the identity bench, on sets whose answer is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rankAuc, separation } from '../../bench/auc.ts';

test('classes that never overlap are told apart for certain, in either direction', () => {
  assert.equal(rankAuc([4, 5, 6], [1, 2, 3]), 1);
  assert.equal(rankAuc([1, 2, 3], [4, 5, 6]), 0);
  assert.equal(separation([1, 2, 3], [4, 5, 6]), 1);
});

test('what is always the same tells nothing', () => {
  assert.equal(rankAuc([200, 200, 200], [200, 200]), 0.5);
});

test('it is the share of pairs in which the one is greater, ties counting half', () => {
  const ones = [1, 3, 3, 7, 8, 8];
  const others = [2, 3, 5, 8];
  let won = 0;
  for (const one of ones) for (const other of others) won += one > other ? 1 : one === other ? 0.5 : 0;
  assert.equal(rankAuc(ones, others), won / (ones.length * others.length));
});

test('a status that differs in one answer of ten is seen', () => {
  const mostly = Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? 404 : 200));
  const always = Array.from({ length: 100 }, () => 200);
  assert.ok(Math.abs(separation(mostly, always) - 0.55) < 1e-9);
});

test('a class without members is refused', () => {
  assert.throws(() => rankAuc([], [1]), /without members/);
});
