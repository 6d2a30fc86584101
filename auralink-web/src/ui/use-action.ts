/** One thing at a time that a person does with a button, and what became of it. */
import { useState } from 'react';
import { wordsOf } from '../session.ts';

export interface Action {
  readonly busy: boolean;
  readonly error: string | null;
  /** What is said for people who listen; empty while there is nothing to say. */
  readonly said: string;
  /** Answers whether it worked. */
  readonly run: (work: () => Promise<unknown>, said?: string) => Promise<boolean>;
}

export function useAction(): Action {
  const [state, setState] = useState({ busy: false, error: null as string | null, said: '' });
  const run = async (work: () => Promise<unknown>, said = ''): Promise<boolean> => {
    setState({ busy: true, error: null, said: '' });
    try {
      await work();
      setState({ busy: false, error: null, said });
      return true;
    } catch (error) {
      setState({ busy: false, error: wordsOf(error), said: '' });
      return false;
    }
  };
  return { ...state, run };
}
