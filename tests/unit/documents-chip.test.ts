/** Passive authentication: what states sign is taken, and every way in which it is not theirs is told apart. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { authenticateChip } from '../../auralink-communication-service/auralink-modules/documents/passive-authentication.ts';
import {
  readTrustList,
  type TrustFile,
} from '../../auralink-communication-service/auralink-modules/documents/trust-list.ts';
import { td3 } from '../support/mrz-lines.ts';
import {
  authority,
  type CertificateOptions,
  type ChipOptions,
  dg1,
  dg2,
  ecKeys,
  masterList,
  pem,
  revocationList,
  rsaKeys,
  type Signer,
  securityObject,
  seq,
  signedMessage,
  signer,
  sod,
  tlv,
} from '../support/travel-pki.ts';

const NOW = new Date('2026-11-23T10:00:00Z');
const LINES = td3();
const GROUPS = { 1: dg1(LINES), 2: dg2() };
const UTOPIA = authority();
const SIGNER = signer(UTOPIA);

const trustIn = (...files: readonly Buffer[]) =>
  readTrustList(
    files.map((bytes, index): TrustFile => ({ name: `file ${index}`, bytes })),
    NOW,
  );
function judge(
  files: readonly Buffer[],
  trusted: readonly Buffer[] = [UTOPIA.der],
  lines = LINES,
  issuingState = 'UTO',
) {
  const { trust, faults } = trustIn(...trusted);
  assert.deepEqual(faults, []);
  return authenticateChip(files, { trust, now: NOW, lines, issuingState });
}
const filesBy = (by: Signer, options: ChipOptions = {}): Buffer[] => [
  sod(GROUPS, by, options),
  GROUPS[1],
  GROUPS[2],
];
const refusalOf = (...args: Parameters<typeof judge>): string | null => judge(...args).refusal;

test('a chip that a country signed is proven, in any order of its files, and with EF.COM and fewer groups', () => {
  const judged = judge(filesBy(SIGNER));
  assert.deepEqual(judged, {
    refusal: null,
    evidence: {
      country: 'UT',
      hash: 'sha256',
      signature: 'ecdsa',
      signerSerial: '07',
      revocation: 'no_list',
      dataGroups: 2,
    },
  });
  assert.equal(refusalOf(filesBy(SIGNER).reverse()), null);
  assert.equal(refusalOf([sod(GROUPS, SIGNER), GROUPS[1], tlv(0x60, tlv(0x5c, Buffer.of(0x61)))]), null);
});

const ALGORITHMS: [string, CertificateOptions][] = [
  ['RSA PKCS #1 v1.5', { keys: rsaKeys(), how: { kind: 'rsa', hash: 'sha256' } }],
  ['RSA-PSS', { keys: rsaKeys(), how: { kind: 'rsa-pss', hash: 'sha256' } }],
  ['ECDSA with SHA-384 on secp384r1', { keys: ecKeys('secp384r1'), how: { kind: 'ecdsa', hash: 'sha384' } }],
  [
    'ECDSA with SHA-512 on brainpoolP512r1',
    { keys: ecKeys('brainpoolP512r1'), how: { kind: 'ecdsa', hash: 'sha512' } },
  ],
  [
    'ECDSA with SHA-224 on brainpoolP224r1',
    { keys: ecKeys('brainpoolP224r1'), how: { kind: 'ecdsa', hash: 'sha224' } },
  ],
  ['ECDSA with the curve written out', { keys: ecKeys('brainpoolP256r1', 'explicit') }],
];
for (const [what, options] of ALGORITHMS) {
  test(`${what}: signer and authority`, () => {
    const country = authority(options);
    const hash = options.how?.hash ?? 'sha256';
    assert.equal(judge(filesBy(signer(country, options), { hash }), [country.der]).refusal, null);
    const other = authority({ ...options, keys: options.how?.kind.startsWith('rsa') ? rsaKeys() : ecKeys() });
    assert.equal(refusalOf(filesBy(signer(country, options), { hash }), [other.der]), 'unknown_authority');
  });
}

test('what openssl made of the same is proven too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'auralink-chip-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  const csca = [
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '3650',
    '-subj',
    '/C=ut/CN=CSCA',
  ];
  openssl(...csca, '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  openssl('req', ...key, '-keyout', 'ds.key', '-out', 'ds.csr', '-subj', '/C=UT/CN=DS');
  writeFileSync(join(folder, 'ds.ext'), 'keyUsage=critical,digitalSignature\n');
  openssl(
    'x509',
    '-req',
    '-in',
    'ds.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-set_serial',
    '77',
    '-days',
    '3650',
    '-extfile',
    'ds.ext',
    '-out',
    'ds.pem',
  );
  writeFileSync(join(folder, 'lds'), securityObject(GROUPS));
  openssl(
    'cms',
    '-sign',
    '-binary',
    '-nodetach',
    '-nosmimecap',
    '-econtent_type',
    '2.23.136.1.1.1',
    '-in',
    'lds',
    '-signer',
    'ds.pem',
    '-inkey',
    'ds.key',
    '-md',
    'sha256',
    '-keyopt',
    'rsa_padding_mode:pss',
    '-outform',
    'DER',
    '-out',
    'sod',
  );
  const made = tlv(0x77, readFileSync(join(folder, 'sod')));
  const { trust, faults } = trustIn(readFileSync(join(folder, 'ca.pem')));
  assert.deepEqual(faults, []);
  const judged = authenticateChip([made, GROUPS[1]], {
    trust,
    now: new Date(),
    lines: LINES,
    issuingState: 'UTO',
  });
  assert.equal(judged.refusal, null, JSON.stringify(judged));
});

test('signed by the wrong country: signer, authority and document must agree', () => {
  const [germany, france] = [authority({ country: 'DE' }), authority({ country: 'FR' })];
  const lines = td3({ state: 'D', nationality: 'D' });
  const groups = { 1: dg1(lines) };
  const by = (one: Signer) => [sod(groups, one), groups[1]];
  assert.equal(refusalOf(by(signer(germany)), [germany.der], lines, 'D'), null);
  assert.equal(refusalOf(by(signer(france)), [germany.der, france.der], lines, 'D'), 'wrong_country');
  assert.equal(refusalOf(by(signer(france, { country: 'DE' })), [france.der], lines, 'D'), 'wrong_country');
  assert.equal(refusalOf(by(signer(germany, { country: 'FR' })), [germany.der], lines, 'D'), 'wrong_country');
  assert.equal(refusalOf(by(signer(germany)), [france.der], lines, 'D'), 'unknown_authority');
  assert.equal(refusalOf(by(signer(germany)), [], lines, 'D'), 'unknown_authority');
});

test('a signer who took an authority’s name is not appointed', () => {
  const pretender = authority();
  assert.equal(refusalOf(filesBy(signer(pretender))), 'unknown_authority');
});

test('an altered, added or missing data group', () => {
  const all = filesBy(SIGNER);
  const altered = Buffer.from(GROUPS[2]);
  altered[5] = (altered[5] ?? 0) ^ 1;
  assert.deepEqual(judge([all[0] ?? altered, GROUPS[1], altered]), {
    refusal: 'data_group_altered',
    why: 'DG2',
  });
  assert.equal(
    refusalOf([...all, tlv(0x6b, Buffer.from('a DG11 that nobody signed'))]),
    'data_group_altered',
  );
  assert.equal(refusalOf([all[0] ?? altered, GROUPS[2]]), 'missing_dg1');
  assert.equal(refusalOf([GROUPS[1]]), 'missing_sod');
  assert.equal(refusalOf([]), 'missing_sod');
  assert.equal(refusalOf([...all, GROUPS[2]]), 'malformed');
});

test('other lines than those that were typed', () => {
  assert.equal(refusalOf(filesBy(SIGNER), [UTOPIA.der], td3({ number: 'L898902C4' })), 'mrz_differs');
});

test('expired, not yet valid, or not valid when it signed', () => {
  const expired = signer(UTOPIA, { until: new Date('2026-11-23T09:59:59Z') });
  assert.equal(refusalOf(filesBy(expired)), 'certificate_expired');
  assert.equal(
    refusalOf(filesBy(signer(UTOPIA, { from: new Date('2026-11-24T00:00:00Z') }))),
    'certificate_expired',
  );
  assert.equal(
    refusalOf(filesBy(SIGNER, { signedAt: new Date('2023-12-31T00:00:00Z') })),
    'certificate_expired',
  );
  assert.equal(refusalOf(filesBy(SIGNER, { signedAt: new Date('2025-01-01T00:00:00Z') })), null);
  const old = authority({ until: new Date('2026-01-01T00:00:00Z') });
  assert.equal(refusalOf(filesBy(signer(old)), [old.der]), 'certificate_expired');
});

test('a revoked signer, by the list of her own authority only', () => {
  const files = filesBy(SIGNER);
  assert.equal(refusalOf(files, [UTOPIA.der, revocationList(UTOPIA, [3, 7])]), 'certificate_revoked');
  const revocationBy = (...lists: Buffer[]) => {
    const judged = judge(files, [UTOPIA.der, ...lists]);
    return judged.refusal ?? judged.evidence.revocation;
  };
  assert.equal(revocationBy(pem('X509 CRL', revocationList(UTOPIA, [8]))), 'checked');
  assert.equal(revocationBy(revocationList(UTOPIA, [], new Date('2026-11-01T00:00:00Z'))), 'stale');
  const { faults, trust } = trustIn(UTOPIA.der, revocationList(authority(), [7]));
  assert.deepEqual([faults.length, trust.revocations.length], [1, 0], 'signed by one who has only the name');
});

test('a renewed authority counts by whichever certificate is valid, in any order of the files', () => {
  const { keys } = UTOPIA;
  const ended = authority({ keys, until: new Date('2026-01-01T00:00:00Z') });
  for (const trusted of [
    [ended.der, UTOPIA.der],
    [UTOPIA.der, ended.der],
  ]) {
    assert.equal(judge(filesBy(SIGNER), trusted).refusal, null);
  }
  assert.equal(judge(filesBy(SIGNER), [ended.der]).refusal, 'certificate_expired');
});

test('an old weak key of the same authority does not stand in the way of its new one', () => {
  const weak = authority({ keys: ecKeys('prime192v1') });
  for (const trusted of [
    [weak.der, UTOPIA.der],
    [UTOPIA.der, weak.der],
  ]) {
    assert.equal(judge(filesBy(SIGNER), trusted).refusal, null);
  }
});

test('a revoked signer is found under every name and every key that her authority has or had', () => {
  const { keys } = UTOPIA;
  const renamed = authority({ keys, common: 'Another CSCA' });
  const rekeyed = authority({});
  const foreign = authority({ country: 'XX' });
  const all = [renamed.der, UTOPIA.der, rekeyed.der, foreign.der];
  for (const trusted of [all, all.toReversed()]) {
    for (const by of [UTOPIA, renamed, rekeyed]) {
      const files = [...trusted, revocationList(by, [SIGNER.serial])];
      assert.equal(judge(filesBy(SIGNER), files).refusal, 'certificate_revoked');
    }
    const judged = judge(filesBy(SIGNER), [...trusted, revocationList(foreign, [SIGNER.serial])]);
    assert.equal(judged.refusal, null);
    assert.equal(judged.refusal === null && judged.evidence.revocation, 'no_list');
  }
});

test('weak hashes and keys, wherever they stand', () => {
  const weak = { kind: 'ecdsa', hash: 'sha1' } as const;
  assert.equal(refusalOf(filesBy(SIGNER, { hash: 'sha1' })), 'weak_algorithm');
  assert.equal(refusalOf(filesBy(SIGNER, { hash: 'md5' })), 'weak_algorithm');
  assert.equal(refusalOf(filesBy(signer(UTOPIA, { how: weak }))), 'weak_algorithm');
  const old = authority({ how: weak });
  assert.equal(refusalOf(filesBy(signer(old)), [old.der]), 'weak_algorithm');
  const short = signer(UTOPIA, { keys: rsaKeys(1_024), how: { kind: 'rsa', hash: 'sha256' } });
  assert.equal(refusalOf(filesBy(short)), 'weak_algorithm');
  assert.equal(refusalOf(filesBy(signer(UTOPIA, { keys: ecKeys('secp256k1') }))), 'unsupported_algorithm');
});

test('who may not sign documents: authorities, signers of master lists, keys for other uses', () => {
  assert.equal(refusalOf(filesBy(signer(UTOPIA, { ca: true }))), 'not_a_signer');
  assert.equal(refusalOf(filesBy(signer(UTOPIA, { extendedUse: '2.23.136.1.1.3' }))), 'not_a_signer');
  assert.equal(refusalOf(filesBy(signer(UTOPIA, { usage: 0x20 }))), 'not_a_signer');
});

test('one changed byte of what is signed in EF.SOD is always found', () => {
  const [made = Buffer.alloc(0)] = filesBy(SIGNER);
  const { trust } = trustIn(UTOPIA.der);
  for (let at = 0; at < made.length; at += 1) {
    const changed = Buffer.from(made);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    const deps = { trust, now: NOW, lines: LINES, issuingState: 'UTO' };
    const judged = authenticateChip([changed, GROUPS[1]], deps);
    // Nothing signed: version numbers, and the list of hashes beside the signer's own.
    if (judged.refusal === null) assert.ok(isUnsignedByte(made, at), `byte ${at}`);
  }
});

/** Signed is what is in the certificate, the content and the attributes; around them stand numbers that nothing hangs on. */
function isUnsignedByte(made: Buffer, at: number): boolean {
  const covered = [
    SIGNER.der,
    securityObject(GROUPS),
    createHash('sha256').update(securityObject(GROUPS)).digest(),
  ];
  return covered.every((part) => at < made.indexOf(part) || at >= made.indexOf(part) + part.length);
}

test('garbage, open lengths and deep nesting are refused quickly', () => {
  const garbage = [
    Buffer.alloc(0),
    Buffer.from('hello'),
    Buffer.of(0x77, 0x80, 0, 0),
    Buffer.of(0x77, 0x84, 0xff, 0xff, 0xff, 0xff),
    tlv(0x77),
    tlv(0x77, tlv(0x30)),
    tlv(0x77, Buffer.of(0x30, 0x80, 0, 0)),
  ];
  let deep: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 2_000; depth += 1) deep = tlv(0x30, deep);
  const wide = tlv(0x77, seq(...Array.from({ length: 50_000 }, () => Buffer.of(5, 0))));
  for (const bytes of [...garbage, tlv(0x77, deep), wide]) {
    assert.equal(refusalOf([bytes, GROUPS[1]]), 'malformed', bytes.subarray(0, 16).toString('hex'));
  }
  const [made = Buffer.alloc(0)] = filesBy(SIGNER);
  assert.equal(refusalOf([Buffer.concat([made, Buffer.of(0)]), GROUPS[1]]), 'malformed');
  for (let length = 1; length < made.length; length += 7) {
    assert.equal(refusalOf([made.subarray(0, length), GROUPS[1]]), 'malformed', String(length));
  }
});

test('a message of another type, and one signed over something else', () => {
  const content = securityObject(GROUPS);
  const other = tlv(0x77, signedMessage('2.23.136.1.1.2', content, SIGNER));
  assert.equal(refusalOf([other, GROUPS[1]]), 'malformed');
  const made = sod(GROUPS, SIGNER);
  const forged = Buffer.from(made);
  securityObject({ ...GROUPS, 2: dg2(Buffer.from('b portrait')) }).copy(forged, made.indexOf(content));
  assert.equal(refusalOf([forged, GROUPS[1]]), 'signature_invalid');
});

test('a master list brings its authorities, if it is signed by one whom they appointed', () => {
  const france = authority({ country: 'FR' });
  const lister = signer(france, { extendedUse: '2.23.136.1.1.3' });
  const { trust, faults } = trustIn(masterList(lister, [UTOPIA, france]));
  assert.deepEqual([trust.authorities.map((one) => one.country), faults], [['UT', 'FR'], []]);
  assert.equal(
    authenticateChip(filesBy(SIGNER), { trust, now: NOW, lines: LINES, issuingState: 'UTO' }).refusal,
    null,
  );
  for (const bad of [
    masterList(signer(france), [UTOPIA, france]),
    masterList(lister, [UTOPIA]),
    Buffer.from('no list'),
  ]) {
    const read = trustIn(bad, UTOPIA.der);
    assert.deepEqual([read.trust.authorities.length, read.faults.length], [1, 1]);
  }
  assert.equal(trustIn(SIGNER.der).trust.authorities.length, 0, 'a signer is no authority');
  const both = Buffer.concat([pem('CERTIFICATE', UTOPIA.der), pem('CERTIFICATE', france.der)]);
  assert.equal(trustIn(both).trust.authorities.length, 2);
});
