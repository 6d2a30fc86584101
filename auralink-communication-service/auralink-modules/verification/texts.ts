/** The messages that leave us, word by word. Nothing in them is typed by others than whom they are sent to. */
import type { AuraId } from '../../core/ids.ts';
import { CODE_TTL_SECONDS, type CodeMethod } from './model.ts';
import type { MessageContent } from './ports-challenges.ts';

const MINUTES = CODE_TTL_SECONDS / 60;
const SIGNATURE = 'AuraLink';

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');

interface Parts {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly code?: string;
  readonly link?: { readonly url: string; readonly label: string };
}

function email({ subject, paragraphs, code, link }: Parts): MessageContent {
  const [first = '', ...rest] = paragraphs;
  const text = [
    first,
    ...(code === undefined ? [] : [`    ${code}`]),
    ...(link === undefined ? [] : [`${link.label}:\n${link.url}`]),
    ...rest,
    SIGNATURE,
  ].join('\n\n');
  const paragraph = (words: string): string => `<p>${escaped(words)}</p>`;
  const html =
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">' +
    `<title>${escaped(subject)}</title></head><body style="font:16px/1.5 system-ui,sans-serif">` +
    paragraph(first) +
    (code === undefined ? '' : `<p style="font-size:28px;letter-spacing:.2em"><strong>${code}</strong></p>`) +
    (link === undefined ? '' : `<p><a href="${escaped(link.url)}">${escaped(link.label)}</a></p>`) +
    rest.map(paragraph).join('') +
    `<p>${SIGNATURE}</p></body></html>`;
  return { channel: 'email', content: { subject, text, html } };
}

/** `link`: of an e-mail only. */
export function codeMessage(
  method: CodeMethod,
  what: { readonly code: string; readonly auraId: AuraId; readonly link: string },
): MessageContent {
  const { code, auraId, link } = what;
  if (method === 'phone') {
    const text = `${code} is your AuraLink code for ${auraId}. It is valid for ${MINUTES} minutes. Tell it to nobody.`;
    return { channel: 'sms', content: { text } };
  }
  return email({
    subject: 'Confirm your e-mail address',
    code,
    link: { url: link, label: 'Or confirm it on this page' },
    paragraphs: [
      `${auraId} says that this e-mail address is theirs. If you are ${auraId}, type this code where you began:`,
      `Both are valid for ${MINUTES} minutes. Tell the code to nobody.`,
      'If you are somebody else, do nothing: then nothing happens.',
    ],
  });
}

export function passwordMessage(
  method: CodeMethod,
  what: { readonly code: string; readonly auraId: AuraId },
): MessageContent {
  const { code, auraId } = what;
  if (method === 'phone') {
    const text = `${code} lets you set a new password for ${auraId} within ${MINUTES} minutes. Not you? Do nothing, and tell it to nobody.`;
    return { channel: 'sms', content: { text } };
  }
  return email({
    subject: 'Set a new password',
    code,
    paragraphs: [
      `Somebody asked to set a new password for ${auraId}. If it was you, type this code where you asked:`,
      `It is valid for ${MINUTES} minutes. Tell it to nobody: with it, one can sign in as you.`,
      'If it was not you, do nothing: your password stays as it is.',
    ],
  });
}

/** A notice of one sentence and what to do. */
function notice(method: CodeMethod, subject: string, sentences: readonly string[]): MessageContent {
  return method === 'phone'
    ? { channel: 'sms', content: { text: `AuraLink: ${sentences.join(' ')}` } }
    : email({ subject, paragraphs: sentences });
}

/** `lost`: masked. */
export const supersededNotice = (method: CodeMethod, auraId: AuraId, lost: string): MessageContent =>
  notice(method, 'An address of yours was confirmed by somebody else', [
    `Somebody else has confirmed ${lost}, so it is no longer confirmed for ${auraId}.`,
    'If it is still yours, confirm it again: the newest confirmation counts.',
  ]);

/** Without its number: the message is read by whoever reads the mailbox. */
export const documentSupersededNotice = (method: CodeMethod, auraId: AuraId): MessageContent =>
  notice(method, 'A document of yours was proven by somebody else', [
    `Somebody else has proven an identity document of yours, so it no longer counts for ${auraId}.`,
    'If you still have it, prove it again: the newest proof counts. If it was lost or copied, tell whoever issued it.',
  ]);

export const passwordNotice = (method: CodeMethod, auraId: AuraId, by: string): MessageContent =>
  notice(method, 'Your password was reset', [
    `With a code sent to ${by}, a new password was asked for ${auraId}, and all sessions end.`,
    'If it was not you, set a new password at once and look at what else is confirmed for you.',
  ]);

/** `what`: masked. `days` until it lapses. */
export const reminderNotice = (
  method: CodeMethod,
  auraId: AuraId,
  what: string,
  days: number,
): MessageContent =>
  notice(method, 'Confirm your address again', [
    `Your confirmation of ${what} for ${auraId} lapses in ${days} days.`,
    'Confirm it again on your page "Confirmations"; until then the old one holds.',
  ]);

/** `days` until the proof lapses. */
export const documentReminderNotice = (method: CodeMethod, auraId: AuraId, days: number): MessageContent =>
  notice(method, 'Confirm your identity document again', [
    `Your identity document counts for ${auraId} for ${days} days yet.`,
    'Confirm it, or the one that replaces it, on your page "Identity documents"; until then the old one holds.',
  ]);
