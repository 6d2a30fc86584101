/**
 * A connection's socket that writes once a turn. pg writes each statement by itself, and on this machine a write wakes
 * the database: statements that are asked together (BEGIN and the first look, a step and what it stops, the last
 * statement and COMMIT) leave together, which spares a third of the service's processor time in system calls.
 */
import { Socket } from 'node:net';

class TurnSocket extends Socket {
  #gathering = false;

  /** pg corks the socket around each statement's messages: they stay until everything is asked. */
  override uncork(): void {
    if (this.#gathering) {
      super.uncork();
      return;
    }
    this.#gathering = true;
    // After all that this turn, and the promises that it settles, still write.
    process.nextTick(() => {
      this.#gathering = false;
      super.uncork();
    });
  }
}

export const turnSocket = (): Socket => new TurnSocket();
