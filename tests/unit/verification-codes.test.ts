/** Codes: every one as likely as every other, compared by digests, judged in one order. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import {
  isAmong,
  judge,
  makeCode,
  makeToken,
} from '../../auralink-communication-service/auralink-modules/verification/codes.ts';
import { CODE_TRIES_MAX } from '../../auralink-communication-service/auralink-modules/verification/model.ts';

const bytesOf = (...numbers: number[]) => {
  const left = [...numbers];
  return (size: number): Buffer => {
    const bytes = Buffer.alloc(size);
    bytes.writeUInt32BE(left.shift() ?? 0);
    return bytes;
  };
};

test('a code has six digits, zeros in front included, and chance beyond the last whole million is thrown again', () => {
  assert.equal(makeCode(bytesOf(42)), '000042');
  assert.equal(makeCode(bytesOf(1_999_999)), '999999');
  assert.equal(makeCode(bytesOf(2 ** 32 - 1, 4_294_000_000, 7)), '000007');
  assert.equal(makeCode(bytesOf(4_293_999_999)), '999999');
});

test('a token of a link has 256 bits', () => {
  assert.equal(makeToken((size) => Buffer.alloc(size, 255)).length, 43);
});

const digest = (text: string): Buffer => createHmac('sha256', 'key').update(text).digest();

test('a digest is among others, wherever it stands, and what is shorter is none', () => {
  assert.equal(isAmong(digest('a'), [digest('b'), digest('a')]), true);
  assert.equal(isAmong(digest('a'), [digest('b')]), false);
  assert.equal(isAmong(digest('a'), [digest('a').subarray(1)]), false);
  assert.equal(isAmong(digest('a'), []), false);
});

test('the right code helps nobody whose challenge has ended', () => {
  const live = { endReason: null, isOver: false, tries: 0, codeHash: digest('123456') } as const;
  const right = [digest('123456')];
  assert.equal(judge(live, right), 'right');
  assert.equal(judge(live, [digest('654321')]), 'wrong');
  assert.equal(judge({ ...live, isOver: true }, right), 'expired');
  assert.equal(judge({ ...live, endReason: 'expired' }, right), 'expired');
  assert.equal(judge({ ...live, tries: CODE_TRIES_MAX }, right), 'dead');
  assert.equal(judge({ ...live, endReason: 'tries' }, right), 'dead');
  assert.equal(judge({ ...live, endReason: 'replaced' }, right), 'replaced');
  assert.equal(judge({ ...live, endReason: 'withdrawn' }, right), 'replaced');
  assert.equal(judge({ ...live, endReason: 'used' }, right), 'used');
});
