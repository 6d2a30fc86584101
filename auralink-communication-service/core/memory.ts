/**
 * What a process remembers for a moment so as not to ask again: bounded in number and in life, and forgotten at once when
 * what it is about has changed. An answer that was asked for before such a change and comes after it is not remembered.
 */

export interface MemoryOptions {
  /** Answers remembered; above it the oldest goes. */
  readonly max: number;
  readonly lifeMs: number;
  readonly nowMs: () => number;
}

export interface Answer<V> {
  readonly value: V;
  /** Ids of all whose change makes it untrue. */
  readonly about: readonly string[];
}

export interface Memory<V> {
  find(key: string): V | undefined;
  /** What `ask` answers; remembered, unless it answers null. */
  ask(key: string, ask: () => Promise<Answer<V> | null>): Promise<V | null>;
  /** Forgets every answer about one of these. */
  forget(about: readonly string[]): void;
}

interface Remembered<V> extends Answer<V> {
  readonly untilMs: number;
}

export function createMemory<V>({ max, lifeMs, nowMs }: MemoryOptions): Memory<V> {
  const answers = new Map<string, Remembered<V>>();
  const keysOf = new Map<string, Set<string>>();
  /** Grows with every change, so that an answer on its way knows that it may be old. */
  let changes = 0;

  const drop = (key: string): void => {
    const answer = answers.get(key);
    answers.delete(key);
    for (const id of answer?.about ?? []) {
      const keys = keysOf.get(id);
      keys?.delete(key);
      if (keys?.size === 0) keysOf.delete(id);
    }
  };
  const remember = (key: string, { value, about }: Answer<V>, askedAtMs: number): void => {
    drop(key);
    // Oldest first: all live equally long.
    if (answers.size >= max) drop(answers.keys().next().value ?? '');
    // Since the asking: the answer may have been a while on its way, and the truth changed meanwhile.
    answers.set(key, { value, about, untilMs: askedAtMs + lifeMs });
    for (const id of about) {
      const keys = keysOf.get(id) ?? new Set();
      keysOf.set(id, keys.add(key));
    }
  };
  return {
    find(key) {
      const known = answers.get(key);
      return known !== undefined && known.untilMs > nowMs() ? known.value : undefined;
    },
    async ask(key, ask) {
      const before = changes;
      const askedAtMs = nowMs();
      const answer = await ask();
      if (answer === null) return null;
      if (changes === before) remember(key, answer, askedAtMs);
      return answer.value;
    },
    forget(about) {
      changes += 1;
      for (const id of about) for (const key of [...(keysOf.get(id) ?? [])]) drop(key);
    },
  };
}
