/**
 * What travels between an app and the service, as plain types: an app that embeds this SDK needs nothing else of ours.
 * Times are ISO 8601 strings in UTC unless a name ends in `Ms`.
 */

export type Media = 'audio' | 'video';
export type CallState = 'ringing' | 'active' | 'ended';
export type InvitationState =
  | 'ringing'
  | 'answered'
  | 'ended'
  | 'declined'
  | 'cancelled'
  | 'missed'
  | 'failed';

/** Why one ring became silent. `…_here` is told to the endpoint that acted, `…_elsewhere` to all others. */
export type StopReason =
  | 'answered_here'
  | 'answered_elsewhere'
  | 'declined_here'
  | 'declined_elsewhere'
  | 'caller_cancelled'
  | 'timeout'
  | 'merged'
  | 'failed';

/** Why a call came to its end. */
export type EndReason =
  | 'hung_up'
  | 'declined'
  | 'cancelled'
  | 'missed'
  | 'merged'
  | 'no_media'
  | 'media_lost'
  | 'failed';

export interface Person {
  readonly auraId: string;
  readonly displayName: string | null;
}

export interface AppInfo {
  readonly appId: string;
  readonly name: string;
  /** An emoji, or a path on the service's origin. */
  readonly icon: string;
}

/** A call as one of its two parties sees it. */
export interface CallView {
  readonly callId: string;
  readonly direction: 'outgoing' | 'incoming';
  readonly media: Media;
  readonly state: CallState;
  /** The other one. */
  readonly peer: Person;
  readonly invitation: {
    readonly invitationId: string;
    readonly state: InvitationState;
    readonly reason: string | null;
    /** True once an app of the callee says that it rings. */
    readonly alerting: boolean;
    readonly deadlineAt: string;
  };
  readonly endReason: EndReason | null;
  /** Two people called each other at once: the call that goes on instead of this one. */
  readonly mergedIntoCallId: string | null;
  readonly createdAt: string;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
}

export interface RingView {
  readonly ringId: string;
  readonly callId: string;
  readonly invitationId: string;
  readonly from: Person;
  /** The app that the caller uses. */
  readonly fromApp: AppInfo;
  readonly media: Media;
  readonly deadlineAt: string;
}

export interface RingStatus {
  readonly ringId: string;
  readonly live: boolean;
  readonly state: 'sent' | 'ringing' | 'waiting' | 'stopped';
  readonly reason?: StopReason;
  readonly ring?: RingView;
}

export interface RingStopped {
  readonly ringId: string;
  readonly callId: string;
  readonly invitationId: string;
  readonly reason: StopReason;
  /** True in the one tab that answered or declined; its other tabs get false and only fall silent. */
  readonly byThisTab: boolean;
}

export interface RingNotice {
  readonly ringId: string;
}

export interface Me {
  readonly auraId: string;
  readonly displayName: string | null;
  readonly app: AppInfo;
  readonly endpointId: string;
  readonly scopes: readonly string[];
  readonly about: string | null;
  readonly pictureUrl: string | null;
  /** This app may change the person's account, privacy and sessions. */
  readonly canManage: boolean;
}

export interface HistoryPage {
  readonly calls: readonly CallView[];
  /** Give it as `before` to get the next page; null at the end. */
  readonly next: string | null;
}

export interface ServiceConfig {
  readonly serverName: string;
  readonly issuer: string;
  readonly livekitUrl: string;
  readonly registration: string;
  readonly apps: readonly (AppInfo & { readonly url: string })[];
}

export interface MediaToken {
  readonly url: string;
  readonly token: string;
  readonly room: string;
  readonly identity: string;
  readonly expiresAt: string;
}

/**
 * `refused`: this origin or token may not listen; trying again is pointless.
 * `replaced`: too many tabs of this app are open; the next focus brings the socket back.
 */
export type ConnectionState = 'offline' | 'connecting' | 'online' | 'refused' | 'replaced';
