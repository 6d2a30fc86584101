/** The two people that a development server is born with: the demo apps offer them to call. */
import type { Person } from '../../../auralink-client/index.ts';

export const ALICE: Person = { auraId: '@alice.aura', displayName: 'Alice' };
export const BOB: Person = { auraId: '@bob.aura', displayName: 'Bob' };
