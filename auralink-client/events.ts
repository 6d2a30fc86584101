/** What an app can listen to. */
import type { PrivacyRules } from './identity-types.ts';
import type { CallView, ConnectionState, RingNotice, RingStopped, RingView } from './types.ts';

export interface AuraLinkEvents {
  /** Show it. The service hears that this app rings once every handler has returned. */
  ring: RingView;
  ringStopped: RingStopped;
  /** Another app on this device rings; show nothing that makes a sound. */
  ringNotice: RingNotice;
  callUpdated: CallView;
  /** A friend, or what she shows, has changed: ask `identity.resolve` what is to be seen now. */
  contactUpdated: { readonly auraId: string };
  /** Somebody asks to be a friend. */
  contactRequest: { readonly requestId: string };
  /** The person's own rules were changed, here or elsewhere. */
  privacyUpdated: PrivacyRules;
  /** The person's own name or profile was changed. */
  meUpdated: Record<string, never>;
  /** One of her proofs was begun, confirmed, withdrawn, lapsed, or will soon: ask `account.verifications.list`. */
  verificationUpdated: { readonly verificationId: string };
  /** Somebody else has proved the same address or document, or she has renewed hers. */
  verificationSuperseded: { readonly verificationId: string };
  /** One of her identity documents is in another state. */
  documentUpdated: { readonly documentId: string };
  /** For reviewers: the queue is another one now. */
  reviewsUpdated: Record<string, never>;
  state: ConnectionState;
  /** Signed in or out, here or in another tab. */
  session: { readonly signedIn: boolean };
  /** A handler of the app threw; the event counts as not handled. */
  fault: unknown;
}
