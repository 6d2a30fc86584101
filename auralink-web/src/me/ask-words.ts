/** What is said when somebody could not be asked for friendship. */
import { AuraLinkError } from '../../../auralink-client/index.ts';

export function askWords(error: unknown): string | undefined {
  if (!(error instanceof AuraLinkError)) return undefined;
  if (error.status === 404) return 'Nobody has this address.';
  if (error.reason === 'already_friends') return 'You are friends already.';
  if (error.reason === 'you_blocked')
    return 'You have blocked this person. Take the block back first, under Privacy.';
  return undefined;
}
