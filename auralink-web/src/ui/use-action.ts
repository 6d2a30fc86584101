/** One thing at a time that a person does with a button, and what became of it. */
import { useRef, useState } from 'react';
import { wordsOf } from '../session.ts';

export interface Action {
  /** For `aria-disabled`: a button that is really disabled would lose the focus. */
  readonly busy: boolean;
  readonly error: string | null;
  /** What is said for people who listen; empty while there is nothing to say. */
  readonly said: string;
  /** Answers whether it worked; does nothing while something else is under way. */
  readonly run: (work: () => Promise<unknown>, said?: string) => Promise<boolean>;
}

/** `wordsFor`: better words for errors whose own are for programs. */
export function useAction(wordsFor?: (error: unknown) => string | undefined): Action {
  const [state, setState] = useState({ busy: false, error: null as string | null, said: '' });
  const running = useRef(false);
  const run = async (work: () => Promise<unknown>, said = ''): Promise<boolean> => {
    if (running.current) return false;
    running.current = true;
    setState({ busy: true, error: null, said: '' });
    try {
      await work();
      setState({ busy: false, error: null, said });
      return true;
    } catch (error) {
      setState({ busy: false, error: wordsFor?.(error) ?? wordsOf(error), said: '' });
      return false;
    } finally {
      running.current = false;
    }
  };
  return { ...state, run };
}
