/** A proof as its owner sees it. */
import {
  CODE_SENDS_MAX,
  CODE_TRIES_MAX,
  RESEND_PAUSE_SECONDS,
  type VerificationView,
  type Way,
} from './model.ts';
import type { StoredProof } from './ports.ts';

/** `subject`: opened; null when it cannot be. */
export function viewOf(proof: StoredProof, subject: string | null): VerificationView {
  const { verificationId, method, level, state, reason, challenge } = proof;
  const iso = (date: Date | null): string | null => date?.toISOString() ?? null;
  return {
    ...{ verificationId, method, level, state, subject, reason, by: wayOf(proof) },
    createdAt: proof.createdAt.toISOString(),
    verifiedAt: iso(proof.verifiedAt),
    expiresAt: iso(proof.expiresAt),
    endedAt: iso(proof.endedAt),
    challenge:
      challenge === null || state !== 'pending'
        ? null
        : {
            expiresAt: challenge.expiresAt.toISOString(),
            isOver: challenge.isOver,
            triesLeft: CODE_TRIES_MAX - challenge.tries,
            sendsLeft: CODE_SENDS_MAX - challenge.sends,
            resendAt: new Date(challenge.sentAt.getTime() + RESEND_PAUSE_SECONDS * 1_000).toISOString(),
            delivery: challenge.delivery,
            deliveryReason: challenge.deliveryReason,
          },
  };
}

function wayOf({ level, verifiedAt, by }: StoredProof): Way | null {
  if (verifiedAt === null) return null;
  if (level === 'document_proven') return 'chip';
  if (level === 'document_seen') return 'reviewer';
  return by === 'code' || by === 'link' ? by : null;
}
