/** What tests do again and again on the account's pages of a phone with the whole service. */
import type { AppPage } from './browser.ts';

/** Opens a page of the account by its part of the address. */
export async function openPage(phone: AppPage, name: string): Promise<void> {
  await phone.page.evaluate(`location.hash = '#/me/${name}'`);
  await phone.get(`page-${name}`).waitFor();
}

/** Gives a rule another audience than now. */
export async function pickAudience(phone: AppPage, rule: string, audience: string): Promise<void> {
  await phone.get(`privacy-${rule}`).getByText(audience, { exact: true }).click();
  await phone.get('privacy-said').filter({ hasText: 'Saved' }).waitFor();
}

/** Waits until these words stand there. */
export function says(phone: AppPage, testId: string, words: RegExp): Promise<void> {
  return phone.get(testId).filter({ hasText: words }).waitFor();
}
