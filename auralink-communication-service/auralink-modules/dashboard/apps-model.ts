/** Words of apps: what makes one, its keys and its quotas. An app lives at web origins and signs people in there. */
import { z } from 'zod';
import type { AppId, PersonId } from '../../core/ids.ts';
import { isPlainText, NOT_PLAIN } from '../../core/text.ts';
import type { App } from '../endpoints/model.ts';

/** Characters of an app's name, as the table has it. */
export const APP_NAME_MAX_LENGTH = 60;
/** Web origins of one app. */
export const APP_ORIGINS_MAX = 10;
/** Addresses to which one app's sign-in may return. */
export const APP_REDIRECTS_MAX = 20;
/** Apps that one person may own. */
export const APPS_PER_PERSON_MAX = 10;
/** Apps that one person may make in a day, also of those that she has deleted: an id is never given twice. */
export const APPS_MADE_PER_DAY_MAX = 20;
/** Apps on one page of a list. */
export const APPS_PAGE_MAX = 200;
/** Keys of one app that are good at a time. */
export const KEYS_PER_APP_MAX = 10;
/** Calls that an app of somebody's may place in a day until the operator says otherwise. */
export const DEFAULT_CALLS_PER_DAY = 1_000;
/** Requests with an app's keys in a minute until the operator says otherwise. */
export const DEFAULT_REQUESTS_PER_MINUTE = 600;
/** The largest quota that can be set. */
export const QUOTA_MAX = 10_000_000;
/** After a key's rotation the old one is good for so long, unless said otherwise. */
export const KEY_GRACE_SECONDS = 86_400;
/** The longest such time. */
export const KEY_GRACE_MAX_SECONDS = 604_800;
/** Random bytes of a key. */
export const KEY_RANDOM_BYTES = 32;
/** What a key begins with, so that it is known for one where it leaked. */
export const KEY_PREFIX = 'alk_';

const shown = (max: number) => z.string().min(1).max(max).refine(isPlainText, NOT_PLAIN);

export const appIdSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,31}$/, 'must be 2 to 32 small letters, digits and -, such as chat')
  .transform((id) => id as AppId);
export const appNameSchema = shown(APP_NAME_MAX_LENGTH);
export const appIconSchema = shown(256).refine(
  (icon) => /^\/(?!\/)/.test(icon) || (!icon.includes('/') && icon.length <= 16),
  { message: 'must be an emoji, or a path on our origin such as /icons/shop.svg' },
);
export const originSchema = z.url({ protocol: /^https?$/ }).refine(isSafeOrigin, {
  message: 'must be an origin such as https://shop.example, with https unless it is localhost',
});

/** Tokens must not travel in the open; browsers take localhost for safe. */
function isSafeOrigin(text: string): boolean {
  const { protocol, hostname, origin } = new URL(text);
  return text === origin && (protocol === 'https:' || /^(?:.+\.)?localhost$|^127\.0\.0\.1$/.test(hostname));
}

/** What whoever answers for an app says of it. */
export const appDataSchema = z
  .strictObject({
    name: appNameSchema,
    icon: appIconSchema,
    origins: z.array(originSchema).min(1).max(APP_ORIGINS_MAX),
    /** Where sign-in may return to; default: the root of each origin. */
    redirectUris: z.array(z.url()).min(1).max(APP_REDIRECTS_MAX).optional(),
  })
  .superRefine(({ origins, redirectUris = [] }, context) => {
    for (const [index, url] of redirectUris.entries()) {
      if (origins.includes(new URL(url).origin) && !url.includes('#')) continue;
      context.addIssue({
        code: 'custom',
        path: ['redirectUris', index],
        message: `${url} is not on an origin of the app, or has a fragment`,
      });
    }
  });
export type AppData = z.output<typeof appDataSchema>;

const quota = z.int().min(0).max(QUOTA_MAX);
/** What only the operator says of an app; what is left out stays as it is. */
export const appTermsSchema = z.strictObject({
  /** Null: no quota. */
  callsPerDay: quota.nullable().optional(),
  requestsPerMinute: quota.optional(),
  ownerPersonId: z
    .uuid()
    .transform((id) => id as PersonId)
    .nullable()
    .optional(),
  isOn: z.boolean().optional(),
});
export type AppTerms = z.output<typeof appTermsSchema>;

export const keyNameSchema = shown(APP_NAME_MAX_LENGTH);

export const keyViewSchema = z.object({
  keyId: z.uuid(),
  name: z.string(),
  /** The key's last four characters. */
  hint: z.string(),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
  /** After a rotation: until then it is good beside its successor. */
  endsAt: z.iso.datetime().nullable(),
});
export type KeyView = z.output<typeof keyViewSchema>;
/** The only time that a key is told. */
export const newKeySchema = keyViewSchema.extend({ key: z.string() });
export type NewKey = z.output<typeof newKeySchema>;

const useSchema = z.object({
  /** Null: no quota. */
  limit: z.int().nullable(),
  /** In the window that goes on. Processes count ahead, so it may be some more than was used. */
  used: z.int(),
  /** When the window ends; null when none goes on. */
  resetsAt: z.iso.datetime().nullable(),
});

const offBySchema = z.enum(['operator', 'owner']);
export type OffBy = z.output<typeof offBySchema>;

export const appViewSchema = z.object({
  appId: z.string(),
  name: z.string(),
  icon: z.string(),
  origins: z.array(z.string()),
  redirectUris: z.array(z.string()),
  ownerPersonId: z.uuid().nullable(),
  isOn: z.boolean(),
  /** Who switched it off; null: it is on. What the operator switched off, its owner cannot switch on. */
  offBy: offBySchema.nullable(),
  createdAt: z.iso.datetime(),
  callsPerDay: useSchema,
  requestsPerMinute: useSchema,
});
export type AppView = z.output<typeof appViewSchema>;

/** An app as it is stored. */
export interface OwnedApp extends App {
  readonly ownerPersonId: PersonId | null;
  readonly offBy: OffBy | null;
  readonly createdAt: Date;
  readonly callsPerDay: number | null;
  readonly requestsPerMinute: number;
}

export type QuotaKind = 'calls_per_day' | 'requests_per_minute';
/** Length of each quota's window. */
export const QUOTA_WINDOW_SECONDS = { calls_per_day: 86_400, requests_per_minute: 60 } as const;

/** Under which a window is counted. */
export const quotaKey = (appId: string, kind: QuotaKind): string => `app:${kind}:${appId}`;
