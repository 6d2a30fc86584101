/**
 * The rules of auraid/privacy.ts as pieces of SQL, for statements that read people on hot paths. Text and not functions:
 * PostgreSQL plans a function with sub-selects anew at each call. Every probe is by primary key and is made whatever the
 * other ones say, so that time tells nothing; OFFSET 0 keeps the planner from reading a whole table, while it is small,
 * into a hash instead.
 */
import type { Audience, Rules } from '../auralink-modules/auraid/privacy.ts';

/** Of the aliases r (aura_id_registry) and p (person_privacy); `rulesOf` reads them. */
export const RULES_COLUMNS = `r.visibility AS rule_profile, p.show_name AS rule_name, p.show_picture AS rule_picture,
  p.show_about AS rule_about, p.show_verifications AS rule_verifications, p.show_apps AS rule_apps,
  p.show_presence AS rule_presence, p.may_call AS rule_call, p.may_message AS rule_message,
  p.find_by_email AS rule_find_by_email, p.find_by_phone AS rule_find_by_phone, p.show_number AS rule_number`;

export interface RulesRow {
  readonly rule_profile: Audience;
  readonly rule_name: Audience;
  readonly rule_picture: Audience;
  readonly rule_about: Audience;
  readonly rule_verifications: Audience;
  readonly rule_apps: Audience;
  readonly rule_presence: Audience;
  readonly rule_call: Audience;
  readonly rule_message: Audience;
  readonly rule_find_by_email: Audience;
  readonly rule_find_by_phone: Audience;
  readonly rule_number: Audience;
}

export function rulesOf(row: RulesRow): Rules {
  return {
    profile: row.rule_profile,
    name: row.rule_name,
    picture: row.rule_picture,
    about: row.rule_about,
    verifications: row.rule_verifications,
    apps: row.rule_apps,
    presence: row.rule_presence,
    call: row.rule_call,
    message: row.rule_message,
    findByEmail: row.rule_find_by_email,
    findByPhone: row.rule_find_by_phone,
    number: row.rule_number,
  };
}

/** 1 or 0: `target` has blocked `viewer`. Both are SQL expressions of uuids. */
export function blockedSql(viewer: string, target: string): string {
  return `EXISTS (SELECT FROM person_blocks b
    WHERE b.person_id = ${target} AND b.blocked_person_id = ${viewer} OFFSET 0)::int`;
}

/** 1 or 0: they are friends. */
export function friendSql(viewer: string, target: string): string {
  return `EXISTS (SELECT FROM friendships f
    WHERE f.person_id = ${viewer} AND f.friend_person_id = ${target} OFFSET 0)::int`;
}

/** What `viewer`, somebody else, is to `target`: 2 a friend, 1 a stranger, less: blocked. */
export function standingOfOtherSql(viewer: string, target: string): string {
  return `1 + ${friendSql(viewer, target)} - 2 * ${blockedSql(viewer, target)}`;
}

/** What `viewer` is to `target`: 3 herself, 2 a friend, 1 a stranger, less: blocked. */
export function standingSql(viewer: string, target: string): string {
  return `CASE WHEN ${viewer} = ${target} THEN 3 ELSE
    ${standingOfOtherSql(viewer, target)} END`;
}

/** The same as a word: 'self', 'blocked', 'friend' or 'stranger'. */
export function viewerSql(standing: string): string {
  return `coalesce((ARRAY['stranger', 'friend', 'self'])[${standing}], 'blocked')`;
}

/** The standing from which on something is shown that all these rules are about. */
export function neededSql(...rules: readonly string[]): string {
  const one = (audience: string) => rules.map((rule) => `${rule} = '${audience}'`).join(' OR ');
  return `CASE WHEN ${one('private')} THEN 3 WHEN ${one('friends')} THEN 2 ELSE 1 END`;
}

/** True where `viewer`, somebody else, sees the display name of `target`. */
export function showsNameSql(
  viewer: string,
  target: string,
  privacyAlias: string,
  registryAlias: string,
): string {
  return `(${neededSql(`${registryAlias}.visibility`, `${privacyAlias}.show_name`)}
    <= ${standingOfOtherSql(viewer, target)})`;
}

/**
 * True where `viewer` finds `target` by what the rule `right` is about: the same as `allows` of the rights to find.
 * `profile`: the whole profile's rule.
 */
export function findsSql(viewer: string, target: string, right: string, profile: string): string {
  return `(${viewer} = ${target} OR CASE WHEN ${right} = 'private' THEN 3
    WHEN ${right} = 'friends' OR ${profile} = 'private' THEN 2 ELSE 1 END
    <= ${standingOfOtherSql(viewer, target)})`;
}
