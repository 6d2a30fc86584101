/**
 * Many small reads as few large ones: what is asked for while nothing can be sent goes together in the next read. A single
 * question waits for nothing; under load a statement's fixed costs are shared by all who wait.
 */

export interface GatherOptions {
  /** Keys in one read. */
  readonly max: number;
  /** Reads under way at a time. */
  readonly atOnce: number;
}

interface Waiting<K, V> {
  readonly key: K;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * `load` answers each key at its place. When it throws, all who were in that read get its error. The result asks for one
 * key.
 */
export function gather<K, V>(
  load: (keys: readonly K[]) => Promise<readonly V[]>,
  { max, atOnce }: GatherOptions,
): (key: K) => Promise<V> {
  let waiting: Waiting<K, V>[] = [];
  let underWay = 0;
  let scheduled = false;

  const send = async (batch: readonly Waiting<K, V>[]): Promise<void> => {
    underWay += 1;
    try {
      const values = await load(batch.map((one) => one.key));
      // One value a key: the contract of `load`.
      for (const [i, one] of batch.entries()) one.resolve(values[i] as V);
    } catch (error) {
      for (const one of batch) one.reject(error);
    }
    underWay -= 1;
    schedule();
  };
  const flush = (): void => {
    scheduled = false;
    while (waiting.length > 0 && underWay < atOnce) {
      const batch = waiting.slice(0, max);
      waiting = waiting.slice(max);
      void send(batch);
    }
  };
  // After all that has come over the network in this turn of the event loop.
  const schedule = (): void => {
    if (scheduled || waiting.length === 0 || underWay >= atOnce) return;
    scheduled = true;
    setImmediate(flush);
  };
  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      schedule();
    });
}
