/** What of messages can be said without a server: parts of an SMS, prices, prefixes, and words that quote nobody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  prefixOf,
  priceOf,
  smsPricesSchema,
} from '../../auralink-communication-service/auralink-modules/messages/routes.ts';
import { codeSms } from '../../auralink-communication-service/auralink-modules/messages/sms-text.ts';
import { saidWithout } from '../../auralink-communication-service/auralink-modules/messages/words.ts';

for (const [text, alphabet, parts] of [
  ['a'.repeat(160), 'gsm7', 1],
  ['a'.repeat(161), 'gsm7', 2],
  ['a'.repeat(306), 'gsm7', 2],
  ['a'.repeat(307), 'gsm7', 3],
  ['€'.repeat(80), 'gsm7', 1],
  ['€'.repeat(81), 'gsm7', 2],
  // 152 septets and an escape: the € goes whole into the second part.
  [`${'a'.repeat(152)}€${'a'.repeat(151)}`, 'gsm7', 2],
  [`${'a'.repeat(152)}€${'a'.repeat(152)}`, 'gsm7', 3],
  ['я'.repeat(70), 'ucs2', 1],
  ['я'.repeat(71), 'ucs2', 2],
  ['🙂'.repeat(35), 'ucs2', 1],
  // 33 pairs and a half do not share a part.
  ['🙂'.repeat(67), 'ucs2', 3],
] as const) {
  test(`${text.length} of ${alphabet} beginning with ${text.slice(0, 2)}: ${parts} parts`, () => {
    const coded = codeSms(text);
    assert.deepEqual([coded.alphabet, coded.parts], [alphabet, parts]);
  });
}

test('whatever the text: it is coded without loss, and parts grow with it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (text) => {
      const { alphabet, bytes, parts } = codeSms(text);
      if (alphabet === 'ucs2') assert.equal(Buffer.from(bytes).swap16().toString('utf16le'), text);
      else assert.ok(bytes.every((septet) => septet < 128));
      assert.ok(parts >= 1 && parts <= codeSms(`${text}a`).parts);
    }),
  );
});

test('the longest prefix has the price; without one nothing is sent there', () => {
  const prices = smsPricesSchema.parse({ currency: 'EUR', prices: { '+49': 0.07, '+4915': 0.05 } });
  assert.deepEqual(
    [priceOf(prices, '+4930123456'), priceOf(prices, '+4915123456'), priceOf(prices, '+33123456')],
    [70_000, 50_000, null],
  );
  assert.equal(priceOf({ ...prices, default: 0.5 }, '+33123456'), 500_000);
  assert.equal(priceOf(null, '+33123456'), 0);
});

test('a prefix is the country and three digits', () => {
  for (const [number, prefix] of [
    ['+12015550123', '+1201'],
    ['+79161234567', '+7916'],
    ['+4915112345678', '+49151'],
    ['+351912345678', '+351912'],
    ['+8801712345678', '+880171'],
    ['+201001234567', '+20100'],
  ] as const) {
    assert.equal(prefixOf(number), prefix);
  }
});

test("a server's words are kept without the address, in whatever form, and without codes and numbers", () => {
  const to = 'Alice.Smith@mail.example';
  for (const [words, kept] of [
    ['550 5.1.1 <alice.smith@MAIL.example>: unknown', '550 5.1.1 <…>: unknown'],
    ['550 no mailbox alice.smith here', '550 no mailbox … here'],
    ['550 forwards to other@elsewhere.example', '550 forwards to …'],
    ['554 text has 123456 in it', '554 text has … in it'],
    ['550 two\r\nlines\u0000', '550 two lines'],
  ] as const) {
    assert.equal(saidWithout(to, words), kept);
  }
  assert.equal(saidWithout('+4915112345678', 'no route to +49 151 12345678'), 'no route to …');
  assert.equal(saidWithout('', 'closing, call 123456'), 'closing, call …', 'about no message');
  assert.equal(saidWithout('+4915112345678', 'no route to 004915112345678'), 'no route to …');
});

test('of whatever address there is nothing left in the words', () => {
  const local = fc.stringMatching(/^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{3,20}$/);
  fc.assert(
    fc.property(local, fc.stringMatching(/^[a-z0-9-]{1,20}$/), (name, host) => {
      const to = `${name}@${host}.example`;
      assert.ok(!saidWithout(to, `550 <${to.toUpperCase()}> is unknown`).toLowerCase().includes(`${name}@`));
    }),
  );
});
