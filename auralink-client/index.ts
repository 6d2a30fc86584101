/**
 * AuraLink's SDK: an address that rings in your app.
 *
 *     const auralink = createAuraLink({ baseUrl, appId: 'chat', redirectUri: `${location.origin}/` });
 *     await auralink.handleRedirect();
 *     if (!auralink.signedIn) await auralink.signIn();
 *     auralink.on('ring', (ring) => show(ring));
 *     auralink.connect();
 */
export type { Account } from './account.ts';
export { AuraLink, type AuraLinkOptions, createAuraLink } from './auralink.ts';
export type { Calls, PlaceOptions } from './calls.ts';
export type { Contacts } from './contacts.ts';
export { auraLink, parseAuraLink } from './deep-link.ts';
export type * from './document-types.ts';
export type { Documents, Reviews } from './documents.ts';
export { type Fetch, type KeyValueStorage, memoryStorage, type SocketConstructor } from './environment.ts';
export { AuraLinkError } from './errors.ts';
export type { AuraLinkEvents } from './events.ts';
export type { Identity } from './identity.ts';
export type * from './identity-types.ts';
export type {
  CallMedia,
  CallMediaEvents,
  Device,
  JoinOptions,
  MediaElement,
  MediaQuality,
  MediaTrack,
  QualityLevel,
} from './media.ts';
export type { AppKey, NewAppKey, OwnApp, OwnAppData, OwnApps, QuotaUse } from './own-apps.ts';
export type { Privacy } from './privacy.ts';
export type { Verifications } from './verifications.ts';
export type { Session } from './token-store.ts';
export type * from './types.ts';
