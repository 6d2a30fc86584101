/**
 * Who may see what of a person, and who may call, write to and find her: pure rules over her settings and over what the
 * viewer is to her. Everything that shows a person goes through here, or through the same rules as SQL
 * (store/privacy-sql.ts).
 */
import { z } from 'zod';

/** From the widest to the narrowest; each holds all that come after it. `private` is nobody but herself. */
export const AUDIENCES = ['public', 'friends', 'private'] as const;
export type Audience = (typeof AUDIENCES)[number];

/** What somebody is to the person she looks at. `blocked`: the person looked at has blocked her. */
export const VIEWERS = ['signed_out', 'stranger', 'friend', 'blocked', 'self'] as const;
export type Viewer = (typeof VIEWERS)[number];

const audience = z.enum(AUDIENCES);

/** `profile` is the switch above all fields; the rights are rights of others towards her. */
export const rulesSchema = z.object({
  profile: audience,
  name: audience,
  picture: audience,
  about: audience,
  verifications: audience,
  apps: audience,
  presence: audience,
  call: audience,
  message: audience,
  findByEmail: audience,
  findByPhone: audience,
  number: audience,
});
export type Rules = Readonly<z.output<typeof rulesSchema>>;

const SHOWN = ['name', 'picture', 'about', 'verifications', 'apps', 'presence', 'number'] as const;
export type Shown = (typeof SHOWN)[number];
export type Right = 'call' | 'message' | 'find_by_email' | 'find_by_phone';

const RULE_OF: Readonly<Record<Right, keyof Rules>> = {
  call: 'call',
  message: 'message',
  find_by_email: 'findByEmail',
  find_by_phone: 'findByPhone',
};

/** A field is shown to those whom both the profile's audience and its own let in. */
export function shows(rules: Rules, viewer: Viewer, what: Shown): boolean {
  return isWithin(rules.profile, viewer) && isWithin(rules[what], viewer);
}

/** Whether a friend sees another thing by the one rules than by the others. */
export function friendsSeeChange(before: Rules, after: Rules): boolean {
  return (
    SHOWN.some((what) => shows(before, 'friend', what) !== shows(after, 'friend', what)) ||
    allows(before, 'friend', 'message') !== allows(after, 'friend', 'message')
  );
}

/**
 * A right is given to those whom its own audience lets in, and of a private person to friends at most: she is there for
 * her friends, and for nobody else. Nobody has a right while signed out.
 */
export function allows(rules: Rules, viewer: Viewer, right: Right): boolean {
  if (viewer === 'signed_out') return false;
  const widest: Audience = rules.profile === 'private' ? 'friends' : 'public';
  return isWithin(widest, viewer) && isWithin(rules[RULE_OF[right]], viewer);
}

/** Whether she exists at all for this viewer. To everybody who is signed in, a claimed name is a claimed name. */
export function isThere(rules: Rules, viewer: Viewer): boolean {
  return viewer !== 'signed_out' || rules.profile === 'public';
}

function isWithin(of: Audience, viewer: Viewer): boolean {
  switch (viewer) {
    case 'self':
      return true;
    case 'blocked':
      return false;
    case 'friend':
      return of !== 'private';
    default:
      return of === 'public';
  }
}
