/** Answers whose own time would tell what nobody shall learn are held back until a fixed time after their questions. */
import { setTimeout as sleep } from 'node:timers/promises';

/** What `work` gives or throws, no sooner than `ms` milliseconds from now. */
export async function noSooner<T>(ms: number, work: Promise<T>): Promise<T> {
  const [result] = await Promise.allSettled([work, sleep(ms)]);
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/** Only what `work` throws is held back. */
export async function refusedNoSooner<T>(ms: number, work: Promise<T>): Promise<T> {
  const over = sleep(ms, undefined, { ref: false });
  try {
    return await work;
  } catch (error) {
    await over;
    throw error;
  }
}
