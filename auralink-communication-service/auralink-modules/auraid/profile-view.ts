/**
 * The one view of a person that others get, wherever they get it: looked up, as a contact, as a public profile, and when
 * she tries how others see her. Pure: facts of her row and the viewer's class in, what may be shown out.
 */
import { z } from 'zod';
import type { AuraId, PersonId } from '../../core/ids.ts';
import { LEVELS, type Level } from '../verification/model.ts';
import { allows, type Rules, shows, type Viewer } from './privacy.ts';

/** A field that is not shown looks like one that she never filled in. */
export const profileViewSchema = z.object({
  auraId: z.string(),
  displayName: z.string().nullable(),
  about: z.string().nullable(),
  /** Path on our origin. */
  pictureUrl: z.string().nullable(),
  /** Levels of what she proved; what each claims is in the words of the verification room. */
  verifications: z.array(z.enum(LEVELS)),
  /** Ids of apps in which she can be reached. */
  apps: z.array(z.string()),
  number: z.string().nullable(),
  online: z.boolean(),
  /** What she decided for friends; of everybody else's answer nothing can be concluded: it is always true. */
  mayMessage: z.boolean(),
  known: z.literal(true),
  /** Spaces that even out the size of the answer. */
  pad: z.string().optional(),
});
export type ProfileView = z.output<typeof profileViewSchema>;

/** What is read of a person in order to show her. Envelopes stay closed until `wants…` says that they are shown. */
export interface TargetFacts {
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly displayName: string | null;
  readonly rules: Rules;
  readonly online: boolean;
  readonly verified: readonly string[];
  readonly apps: readonly string[];
  readonly hasPicture: boolean;
  readonly aboutEnvelope: Buffer | null;
  readonly aboutFieldId: string | null;
  readonly numberEnvelope: Buffer | null;
  readonly numberFieldId: string | null;
}

/** Texts of envelopes that were opened because they are shown. */
export interface Opened {
  readonly about: string | null;
  readonly number: string | null;
}

/** `asked`: the address under which the viewer knows her, which may be an alias. */
export function viewOf(facts: TargetFacts, asked: AuraId, viewer: Viewer, opened: Opened): ProfileView {
  const { rules } = facts;
  const shown = <T>(what: Parameters<typeof shows>[2], value: T, otherwise: T): T =>
    shows(rules, viewer, what) ? value : otherwise;
  return {
    auraId: asked,
    displayName: shown('name', facts.displayName, null),
    about: shown('about', opened.about, null),
    pictureUrl: shown('picture', facts.hasPicture ? pictureUrlOf(asked) : null, null),
    verifications: shown('verifications', facts.verified.filter(isLevel), []),
    apps: shown('apps', [...facts.apps], []),
    number: shown('number', opened.number, null),
    online: shown('presence', facts.online, false),
    mayMessage: viewer === 'friend' ? allows(rules, viewer, 'message') : true,
    known: true,
  };
}

function pictureUrlOf(auraId: AuraId): string {
  return `/_auralink/v1/pictures/${auraId}`;
}

function isLevel(text: string): text is Level {
  return (LEVELS as readonly string[]).includes(text);
}
