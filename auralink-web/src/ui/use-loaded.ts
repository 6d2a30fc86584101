/** What a page asks the service for when it opens, and again when something was changed. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { wordsOf } from '../session.ts';

export interface Loaded<T> {
  /** Null until the first answer. */
  readonly value: T | null;
  readonly error: string | null;
  /** What the page knows already; the service is not asked. */
  readonly put: (value: T) => void;
  readonly reload: () => Promise<void>;
}

/** `load` is asked once; `reload` asks it again. An answer that comes too late is dropped. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<string | null>(null);
  const ask = useRef(load);
  ask.current = load;
  const turn = useRef(0);
  const reload = useCallback(async (): Promise<void> => {
    turn.current += 1;
    const mine = turn.current;
    try {
      const answer = await ask.current();
      if (mine !== turn.current) return;
      setValue(() => answer);
      setError(null);
    } catch (failure) {
      if (mine === turn.current) setError(wordsOf(failure));
    }
  }, []);
  const put = useCallback((known: T): void => {
    turn.current += 1;
    setValue(() => known);
  }, []);
  useEffect(() => {
    void reload();
    return () => {
      turn.current += 1;
    };
  }, [reload]);
  return { value, error, put, reload };
}
