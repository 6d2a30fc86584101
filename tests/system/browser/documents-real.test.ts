/**
 * Documents through the pages with the whole service: lines read from a photo by a worker of our own origin, pictures
 * sent, a reviewer who takes and accepts them by page, a chip that proves, and a person without the role.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { ownConstellation } from '../../harness.ts';
import { openPage } from '../../support/account-pages.ts';
import { Device, launchBrowser, registerByDashboard } from '../../support/browser.ts';
import { td3 } from '../../support/mrz-lines.ts';
import { authority, dg1, dg2, signer, sod } from '../../support/travel-pki.ts';

const UTOPIA = authority();
const folder = mkdtempSync(join(tmpdir(), 'auralink-authorities-'));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'utopia.cer'), UTOPIA.der);
const constellation = await ownConstellation('browser-documents', {
  processes: 2,
  redis: false,
  env: { DOCUMENT_ACCEPT_SPECIMEN: 'true', DOCUMENT_AUTHORITIES_PATH: folder },
});
const { config } = constellation.settings;
const browser = await launchBrowser();
const LINES = td3();
const READ_WITHIN_MS = 60_000;

async function phoneOf(handle: string) {
  const device = await Device.create(browser, config.PUBLIC_BASE_URL, {
    viewport: { width: 390, height: 844 },
  });
  const phone = await device.open('phone');
  const refused: string[] = [];
  phone.page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) refused.push(message.text());
  });
  const { signInCode } = await registerByDashboard(constellation, handle);
  await phone.signInByCode(signInCode, `${handle} keeps her name`);
  return { phone, page: phone.page, refused };
}

/** A page as a camera sees it: above the lines what stands on such a page, all a little turned, on grey, as a JPEG. */
async function photoOf(lines: readonly string[]): Promise<Buffer> {
  const page = await browser.newPage({ viewport: { width: 1_600, height: 1_100 } });
  const text = lines.join('\n').replaceAll('<', '&lt;');
  await page.setContent(
    `<body style="background:#ccc"><div style="transform:rotate(0.7deg);background:#eee;margin:40px;padding:20px">
     <div style="font:28px sans-serif">PASSPORT<p>ERIKSSON<p>ANNA MARIA<p>12 AUG 1974<p>L898902C3</div>
     <pre style="margin:280px 20px 0;font:40px/1.8 'DejaVu Sans Mono','Liberation Mono',monospace">${text}</pre></div>`,
  );
  const photo = await page.screenshot({ type: 'jpeg', quality: 80 });
  await page.close();
  return photo;
}

const alice = await phoneOf('alice');
const rita = await phoneOf('rita');
const db = new pg.Pool({
  ...{ host: config.COMM_POSTGRES_HOST, port: config.COMM_POSTGRES_PORT, user: config.COMM_POSTGRES_USER },
  ...{ password: config.COMM_POSTGRES_PASSWORD, database: config.COMM_POSTGRES_DB },
});
db.on('error', () => {});
after(() => db.end());
const photo = { name: 'page.jpg', mimeType: 'image/jpeg', buffer: await photoOf(LINES) };

describe('a document, its owner and a reviewer', () => {
  it('lines are read from a photo in the browser, by what our own origin serves, and she mends what was misread', async () => {
    await openPage(alice.phone, 'documents');
    await alice.page.getByTestId('lines-photo').setInputFiles(photo);
    await alice.page.getByTestId('lines-read').filter({ hasText: 'Compare every character' }).waitFor({
      timeout: READ_WITHIN_MS,
    });
    const read = (await alice.page.getByTestId('lines').inputValue()).split('\n');
    const alike = LINES.map(
      (line, n) => [...line].filter((one, i) => read[n]?.[i] === one).length / line.length,
    );
    assert.ok(read.length === LINES.length && alike.every((share) => share > 0.9), read.join('\n'));
    assert.deepEqual(alice.refused, []);
    await alice.page.getByTestId('lines').fill(LINES.join('\n'));
    await alice.page.getByTestId('lines-feedback').getByText('All check digits fit.').waitFor();
    await alice.page.getByTestId('lines-send').click();
    await alice.page.getByTestId('document-live').waitFor();
  });

  it('she adds a picture and sends it', async () => {
    await alice.page.getByTestId('photo-front').setInputFiles(photo);
    await alice.page.getByAltText('Front of your document').waitFor();
    await alice.page.getByTestId('document-send').click();
    await alice.page.getByRole('heading', { name: 'With the reviewers' }).waitFor();
  });

  it('who is no reviewer finds nothing; who is one sees it without a reload, takes it and accepts it', async () => {
    await openPage(rita.phone, 'reviews');
    await rita.page.getByRole('alert').waitFor();
    await db.query(
      `INSERT INTO reviewer_roles (person_id, granted_by) SELECT person_id, 'service:test' FROM aura_id_registry WHERE aura_id = '@rita.aura'`,
    );
    await openPage(rita.phone, 'documents');
    await rita.page.reload();
    await rita.page.getByTestId('to-reviews').click();
    await rita.page.getByRole('button', { name: 'Take document 1' }).click();
    await rita.page.getByAltText('Front of the document').waitFor();
    await rita.page.getByText('ANNA MARIA ERIKSSON').waitFor();
    await rita.page.getByRole('radio', { name: 'Accept' }).press(' ');
    await rita.page.getByTestId('verdict-send').click();
    await rita.page.getByText('Nothing waits for you.').waitFor();
    await alice.page.getByTestId('document-past').getByText('Accepted').waitFor();
  });

  it('a chip proves at once what its lines say, and an altered one says why it does not', async () => {
    await openPage(alice.phone, 'profile');
    await alice.phone.get('profile-name').fill('Anna Eriksson');
    await alice.phone.get('profile-save').click();
    await alice.phone.get('profile-save-done').filter({ hasText: 'Saved' }).waitFor();
    await openPage(alice.phone, 'documents');
    await alice.page.getByTestId('lines').fill(LINES.join('\n'));
    await alice.page.getByTestId('lines-send').click();
    const groups = { 1: dg1(LINES), 2: dg2() };
    const file = (name: string, buffer: Buffer) => ({ name, mimeType: 'application/octet-stream', buffer });
    const signed = file('EF_SOD.bin', sod(groups, signer(UTOPIA)));
    const altered = file('DG2.bin', dg2(Buffer.from('another portrait')));
    await alice.page.getByTestId('chip-files').setInputFiles([signed, file('DG1.bin', groups[1]), altered]);
    await alice.page.getByTestId('chip-send').click();
    await alice.page.getByText('A data group is not the one that was signed.').waitFor();
    await alice.page.getByTestId('chip-files').setInputFiles([signed, file('DG1.bin', groups[1])]);
    await alice.page.getByTestId('chip-send').click();
    await alice.page.getByTestId('document-past').getByText('by its chip').waitFor();
    const { rows } = await db.query<{ level: string }>(
      `SELECT level FROM aura_id_verifications v JOIN aura_id_registry r USING (person_id)
       WHERE r.aura_id = '@alice.aura' AND v.state = 'verified' ORDER BY level`,
    );
    assert.deepEqual(
      rows.map(({ level }) => level),
      ['document_proven', 'document_seen'],
    );
  });
});
