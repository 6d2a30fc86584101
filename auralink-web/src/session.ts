/** Who is signed in on this page, and how its connection is. */
import { type AuraLink, AuraLinkError, type ConnectionState, type Me } from '../../auralink-client/index.ts';
import { Store } from './store.ts';
import { rememberWayBack } from './way-back.ts';

export interface SessionState {
  readonly signedIn: boolean;
  readonly me: Me | null;
  readonly connection: ConnectionState;
  readonly error: string | null;
  /** What is said to whoever has just left; null otherwise. */
  readonly parted: string | null;
}

export class SessionStore extends Store<SessionState> {
  readonly #auralink: AuraLink;

  constructor(auralink: AuraLink, error: string | null) {
    super({ signedIn: auralink.signedIn, me: null, connection: auralink.state, error, parted: null });
    this.#auralink = auralink;
    auralink.on('state', (connection) => this.set({ connection }));
    auralink.on('session', ({ signedIn }) => {
      this.set(signedIn ? { signedIn, parted: null } : { signedIn, me: null });
    });
    auralink.on('meUpdated', () => this.refresh());
    if (auralink.signedIn) void this.#begin();
  }

  /** `wayBack`: where on this origin to go when it has worked. */
  async signIn(wayBack: string | null = null): Promise<void> {
    this.set({ error: null });
    try {
      rememberWayBack(wayBack);
      await this.#auralink.signIn();
    } catch (error) {
      this.set({ error: wordsOf(error) });
    }
  }

  async signOut(): Promise<void> {
    await this.#auralink.signOut();
  }

  /** After something that ended her time here: the page of those who are signed out says what. */
  async part(words: string): Promise<void> {
    this.set({ parted: words });
    await this.#auralink.signOut();
  }

  async #begin(): Promise<void> {
    this.#auralink.connect();
    await this.refresh();
  }

  /** Asks again who she is: her name, picture or rights may be others. */
  async refresh(): Promise<void> {
    try {
      this.set({ me: await this.#auralink.me() });
    } catch (error) {
      this.set({ error: wordsOf(error) });
    }
  }
}

export function wordsOf(error: unknown): string {
  if (error instanceof AuraLinkError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
