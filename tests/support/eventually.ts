/** Waits for something to become true, and says what it was instead when it does not. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/** Calls `look` until it returns without throwing; after `withinMs` throws what it threw last. */
export async function eventually<T>(look: () => T | Promise<T>, withinMs = 10_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(POLL_MS);
    }
  }
}
