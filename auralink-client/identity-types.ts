/**
 * What travels about people: profiles as a viewer sees them, privacy, contacts, invitations, and a person's own account.
 * Plain types, as in types.ts: times are ISO 8601 strings in UTC.
 */
import type { AppInfo } from './types.ts';

/** `public`: everybody whom she has not blocked; `private`: nobody but herself. */
export type Audience = 'public' | 'friends' | 'private';
/** What she has proved; `account.verifications` says what each level claims. */
export type Verification = 'email_controlled' | 'phone_controlled' | 'document_seen' | 'document_proven';

/** A person as the asker may see her: what is not shown is null, empty or false, and looks like what is not there. */
export interface ProfileView {
  readonly auraId: string;
  readonly displayName: string | null;
  readonly about: string | null;
  /** A path on the service's origin; fetch it with `account.picture`, which brings the token. */
  readonly pictureUrl: string | null;
  readonly verifications: readonly Verification[];
  /** Names of the apps in which she can be reached. */
  readonly apps: readonly string[];
  readonly number: string | null;
  readonly online: boolean;
  readonly mayMessage: boolean;
}

/** Who sees what, who may do what. `profile` is the switch above all that is shown. */
export interface PrivacyRules {
  readonly profile: Audience;
  readonly name: Audience;
  readonly picture: Audience;
  readonly about: Audience;
  readonly verifications: Audience;
  readonly apps: Audience;
  readonly presence: Audience;
  readonly call: Audience;
  readonly message: Audience;
  readonly findByEmail: Audience;
  readonly findByPhone: Audience;
  readonly number: Audience;
}

export type SeenAs = 'stranger' | 'friend' | 'signed-out';

export interface SeenProfile {
  /** False: to such a viewer the address looks like nobody's. */
  readonly there: boolean;
  readonly view: ProfileView | null;
}

export interface NameCheck {
  /** Null when the text cannot be an address. */
  readonly auraId: string | null;
  readonly status: 'free' | 'taken' | 'not_allowed';
  /** Why not, in words. */
  readonly detail?: string;
  readonly suggestions?: readonly string[];
}

/** A name that was hers: an alias that goes on to ring her, or one at rest. */
export interface NameHold {
  readonly auraId: string;
  readonly cause: 'renamed' | 'released' | 'erased';
  /** Until then it leads to her, or she alone may take it back. */
  readonly resolvesUntil: string;
  /** Until then nobody else may claim it. */
  readonly heldUntil: string;
}

export interface OwnNames {
  readonly current: string;
  readonly holds: readonly NameHold[];
}

export interface MatrixAccount {
  readonly userId: string;
  readonly primary: boolean;
  /** How it was proved to be hers. */
  readonly attachedBy: 'provisioned' | 'sign_in' | 'openid';
  readonly since: string;
}

/** A friend, with what the person wrote down about her. */
export interface Friend extends ProfileView {
  readonly since: string;
  /** Ids of the person's own lists that she is on. */
  readonly lists: readonly string[];
  readonly note: string | null;
  /** There is a note, and it cannot be opened any more. */
  readonly noteUnreadable?: true;
}

export interface FriendsPage {
  readonly friends: readonly Friend[];
  /** Give it as `after` to get the next page; null at the end. */
  readonly next: string | null;
}

export interface FriendRequests {
  readonly incoming: readonly {
    readonly requestId: string;
    readonly from: ProfileView;
    readonly createdAt: string;
  }[];
  readonly outgoing: readonly {
    readonly requestId: string;
    readonly to: string;
    readonly createdAt: string;
  }[];
}

export interface ContactList {
  readonly listId: string;
  readonly name: string;
  /** Its name cannot be opened any more; `name` is empty then. */
  readonly unreadable?: true;
  readonly members: readonly string[];
}

export interface Block {
  readonly auraId: string;
  readonly since: string;
}

export interface Invite {
  readonly inviteId: string;
  readonly label: string | null;
  /** It has a label, which cannot be opened any more. */
  readonly labelUnreadable?: true;
  readonly usesMax: number;
  readonly uses: number;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
}

/** The code and the link are told once. */
export interface NewInvite {
  readonly inviteId: string;
  readonly code: string;
  readonly url: string;
}

/** One place where she is signed in: an app, a browser at the sign-in page, or a device of a Matrix account. */
export interface AccountSession {
  readonly sessionId: string;
  readonly kind: 'app' | 'browser' | 'matrix';
  /** The one that asks. */
  readonly current: boolean;
  readonly app: AppInfo | null;
  /** What the device calls itself. */
  readonly label: string | null;
  /** Sessions with the same number are on the same device. */
  readonly device: number | null;
  /** Null where nobody knows, as of Matrix devices. */
  readonly createdAt: string | null;
  readonly lastSeenAt: string | null;
}

export interface SessionList {
  readonly sessions: readonly AccountSession[];
  /** False while the Matrix server is away: there may be Matrix devices that are not in the list. */
  readonly matrixKnown: boolean;
}

export interface ConnectedApp extends AppInfo {
  readonly scopes: readonly string[];
  readonly since: string;
  readonly sessions: number;
}

export type FieldKind = 'email' | 'phone' | 'birth_date' | 'postal_address' | 'document';

/** Something that she told of herself; encrypted at rest. */
export interface PersonalField {
  readonly fieldId: string;
  readonly kind: FieldKind;
  readonly value: string;
  readonly updatedAt: string;
}

/** A field as it is listed: one whose value cannot be opened any more has none. */
export type ListedField = Omit<PersonalField, 'value'> & {
  readonly value?: string;
  readonly unreadable?: true;
};

/** What an erasure does, to be read before it is confirmed. */
export interface ErasureTerms {
  /** To be typed by her: her address. */
  readonly confirmation: string;
  readonly goes: readonly string[];
  readonly stays: readonly { readonly what: string; readonly why: string; readonly until: string }[];
}

export interface AuditEntry {
  readonly at: string;
  readonly act: string;
  readonly actor: string;
}

/** `pending`: a code is waited for. `superseded`: by a newer proof of hers, or of somebody else. */
export type VerificationState = 'pending' | 'verified' | 'rejected' | 'withdrawn' | 'expired' | 'superseded';

/** A proof as its owner sees it. */
export interface VerificationView {
  readonly verificationId: string;
  readonly method: 'email' | 'phone' | 'document';
  readonly level: Verification;
  readonly state: VerificationState;
  /** How it was proved; null while it is not, and where it is not known. */
  readonly by: 'code' | 'link' | 'chip' | 'reviewer' | null;
  /** The address or document; null when it cannot be read any more. */
  readonly subject: string | null;
  /** Why it ended: by_herself, field_changed, field_removed, lapsed, never_finished, renewed, proved_by_other, by_reviewer, unbound. */
  readonly reason: string | null;
  readonly createdAt: string;
  readonly verifiedAt: string | null;
  readonly expiresAt: string | null;
  readonly endedAt: string | null;
  /** The newest code; null when there is none, or it was used up. */
  readonly challenge: {
    readonly expiresAt: string;
    /** Its time is over; another one has to be sent. */
    readonly isOver: boolean;
    readonly triesLeft: number;
    readonly sendsLeft: number;
    readonly resendAt: string;
    readonly delivery: 'queued' | 'sending' | 'sent' | 'delivered' | 'refused' | 'expired' | 'failed' | null;
    readonly deliveryReason: string | null;
  } | null;
}

export interface VerificationList {
  readonly verifications: readonly VerificationView[];
  /** `after` of the page with older ones that ended; null after the last. */
  readonly next: string | null;
  /** What each level says of her, and what it does not say. */
  readonly levels: readonly {
    readonly level: Verification;
    readonly method: string;
    readonly title: string;
    readonly claims: string;
    readonly claimsNot: string;
  }[];
  readonly offered: readonly ('email' | 'phone')[];
}

/** Whose address a link would prove; the address is masked. */
export interface LinkedProof {
  readonly auraId: string;
  readonly address: string;
}
