/** Links to a person: what is one, what is not, and that what we write we read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AURA_LINK_MAX_LENGTH, auraLink, parseAuraLink } from '../../../auralink-client/deep-link.ts';

test('a link, its browser form and an address as people type it lead to the same person', () => {
  for (const text of [
    'aura:@alice.aura',
    'AURA:@Alice.aura',
    'aura://@alice.aura/',
    'aura:%40alice.aura',
    'web+aura:@alice.aura',
    'web+aura:%40alice.aura',
    ' @alice.aura ',
    'alice',
    'ａｌｉｃｅ.aura',
  ]) {
    assert.equal(parseAuraLink(text), '@alice.aura', text);
  }
});

test('anything else leads nowhere', () => {
  for (const text of [
    '',
    'aura:',
    'aura:@a.aura',
    'aura:@alice.aura?call=1',
    'aura:@alice.aura/settings',
    'aura:%',
    'javascript:alert(1)',
    'https://evil.example/@alice.aura',
    'mailto:alice@example.com',
    'aura:javascript:alert',
    'аlice',
    '@ali\u200dce.aura',
    '@ali\u202ece.aura',
    `aura:${'a'.repeat(AURA_LINK_MAX_LENGTH)}`,
  ]) {
    assert.equal(parseAuraLink(text), null, JSON.stringify(text));
  }
});

test('what is written is read', () => {
  const inner = fc.stringMatching(/^[a-z0-9._-]{1,28}$/);
  const edge = fc.constantFrom(...'abcxyz0189');
  fc.assert(
    fc.property(edge, inner, edge, (first, middle, last) => {
      const address = `@${first}${middle}${last}.aura`;
      // A handle that itself ends in `.aura` is written once more than it is spelled.
      fc.pre(!`${first}${middle}${last}`.endsWith('.aura'));
      assert.equal(parseAuraLink(auraLink(address)), address);
      assert.equal(parseAuraLink(`web+${auraLink(address)}`), address);
    }),
  );
});
