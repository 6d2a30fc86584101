/**
 * Names that nobody may claim because they speak for us, for a role, or for a part of the protocol. Compared by
 * skeleton, so `supp0rt` is as reserved as `support`. An operator adds her own by RESERVED_NAMES_FILE.
 */
import { skeletonOf } from './skeleton.ts';

const OURS =
  'aura auraid auralink auralink-admin auracall auranet aurateam auraservice matrix synapse livekit element';
const ROLES =
  'admin administrator root sysadmin sysop system operator owner staff team official moderator mod support help ' +
  'helpdesk service services customerservice security abuse trust safety privacy legal compliance billing payments ' +
  'payment sales info contact press marketing jobs careers hr feedback news newsletter webmaster hostmaster ' +
  'postmaster noc ssladmin mailer-daemon noreply no-reply nobody anonymous guest test tester demo example user users ' +
  'username bot bots robot verify verified verification account accounts identity login logout signin signup ' +
  'sign-in sign-up register registration password settings profile notification notifications alert alerts';
const PROTOCOL =
  'api oidc oauth internal registry well-known health ready metrics status www web mail smtp imap dns server ' +
  'localhost localdomain federation mesh relay turn stun call calls ring socket app apps everyone here all null ' +
  'undefined true false void unknown';
const EMERGENCY = 'police ambulance emergency firebrigade sos hospital bank government';

const BUILT_IN = [OURS, ROLES, PROTOCOL, EMERGENCY].flatMap((words) => words.split(' '));

/** Lines of an operator's file: one name a line, `#` begins a comment. */
export function parseReservedNames(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line
        .replace(/#.*/, '')
        .trim()
        .toLowerCase()
        .replace(/^@/, '')
        .replace(/\.aura$/, ''),
    )
    .filter((line) => line !== '');
}

/** Skeletons of every reserved name. */
export function reservedSkeletons(operatorsOwn: readonly string[]): ReadonlySet<string> {
  return new Set([...BUILT_IN, ...operatorsOwn].map(skeletonOf));
}
