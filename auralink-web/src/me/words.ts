/** Moments and rights in words. */

const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const DAY_MS = 86_400_000;
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const NEAR = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export function dayWords(at: string): string {
  return DAY.format(new Date(at));
}

/** `yesterday, 09:30`, or the date. */
export function momentWords(at: string): string {
  const moment = new Date(at);
  const days = Math.round((midnightOf(moment) - midnightOf(new Date())) / DAY_MS);
  return Math.abs(days) > 1 ? MOMENT.format(moment) : `${NEAR.format(days, 'day')}, ${TIME.format(moment)}`;
}

function midnightOf(moment: Date): number {
  return new Date(moment).setHours(0, 0, 0, 0);
}

/** With a capital at its beginning. */
export function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

const SCOPE_WORDS: Readonly<Record<string, string>> = {
  'call.place': 'call others in your name',
  'call.receive': 'ring for you',
  'profile.read': 'see profiles as you do',
  'contacts.read': 'see your friends',
  'contacts.write': 'change your friends',
  'notify.send': 'notify you',
  'account.manage': 'manage your account',
};

/** What an app may do, as one sentence without its beginning. */
export function scopeWords(scopes: readonly string[]): string {
  const words = scopes.map((scope) => SCOPE_WORDS[scope] ?? scope);
  return words.length === 0 ? 'do nothing yet' : words.join(', ');
}

const ACT_WORDS: Readonly<Record<string, string>> = {
  'name.claimed': 'Address claimed',
  'name.renamed': 'Address changed',
  'name.released': 'Address given back',
  'name.taken_back': 'Address taken back',
  'account.attached': 'Matrix account attached',
  'account.detached': 'Matrix account detached',
  'account.primary': 'Main Matrix account changed',
  'address.bound': 'Address bound to a Matrix account',
  'address.unbound': 'Address unbound from a Matrix account',
  'password.changed': 'Password changed',
  'session.started': 'Signed in',
  'session.widened': 'App allowed to do more',
  'session.revoked': 'Session ended',
  'sessions.revoked_all': 'All other sessions ended',
  'privacy.changed': 'Privacy changed',
  'profile.changed': 'Profile changed',
  'field.written': 'Personal data written',
  'field.removed': 'Personal data removed',
  'contact.asked': 'Somebody asked to be friends',
  'contact.befriended': 'Friendship made',
  'contact.declined': 'Friend request declined',
  'contact.withdrawn': 'Friend request taken back',
  'contact.unfriended': 'Friendship ended',
  'contact.blocked': 'Somebody blocked',
  'contact.unblocked': 'Somebody unblocked',
  'invite.made': 'Invitation link made',
  'invite.revoked': 'Invitation link taken back',
  'invite.used': 'Invitation link used',
  'export.made': 'Data exported',
  'app.made': 'App made',
  'app.changed': 'App changed',
  'app.switched': 'App switched on or off',
  'app.deleted': 'App deleted',
  'app.key_issued': 'Key of an app made',
  'app.key_rotated': 'Key of an app replaced',
  'app.key_revoked': 'Key of an app revoked',
  'erasure.confirmed': 'Erasure confirmed',
  'erasure.done': 'Erasure done',
  'person.suspended': 'Shut out by the operator',
  'person.resumed': 'Let in again by the operator',
  'reviewer.granted': 'Made a reviewer',
  'reviewer.revoked': 'Reviewer no more',
  'verification.proved': 'Address or document confirmed',
  'verification.withdrawn': 'Confirmation withdrawn',
  'verification.superseded': 'Confirmation lost to somebody else',
  'verification.expired': 'Confirmation lapsed',
  'password.reset': 'New password by a code',
  'document.begun': 'Identity document begun',
  'document.sent': 'Identity document sent to the reviewers',
  'document.withdrawn': 'Identity document taken back',
  'document.claimed': 'Identity document taken by a reviewer',
  'document.viewed': 'Picture of an identity document looked at',
  'document.judged': 'Verdict on an identity document',
  'document.approved': 'Identity document accepted',
  'document.rejected': 'Identity document not accepted',
  'document.asked': 'More asked for an identity document',
  'document.deleted': 'Identity document deleted',
  'review.refused': 'Review queue refused',
};

export function actWords(act: string): string {
  return ACT_WORDS[act] ?? act;
}
