/** As you type: is this name free, taken, or not allowed, and why. */
import { useEffect, useState } from 'react';
import type { NameCheck } from '../../../auralink-client/index.ts';
import { signInWords } from './api.ts';

/** Whoever can say it: the sign-in page, or a phone that is signed in. */
interface NameChecker {
  checkName(name: string): Promise<NameCheck>;
}

const TYPING_PAUSE_MS = 250;

export type NameState =
  | { readonly kind: 'nothing' | 'checking' }
  | { readonly kind: 'checked'; readonly check: NameCheck }
  | { readonly kind: 'failed'; readonly words: string };

export function useName(api: NameChecker, typed: string): NameState {
  const [state, setState] = useState<NameState>({ kind: 'nothing' });
  useEffect(() => {
    const name = typed
      .trim()
      .replace(/^@/, '')
      .replace(/\.aura$/i, '');
    if (name === '') {
      setState({ kind: 'nothing' });
      return;
    }
    setState({ kind: 'checking' });
    let current = true;
    const check = async (): Promise<void> => {
      const found = await ask(api, name);
      if (current) setState(found);
    };
    const timer = setTimeout(() => void check(), TYPING_PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [api, typed]);
  return state;
}

async function ask(api: NameChecker, name: string): Promise<NameState> {
  try {
    return { kind: 'checked', check: await api.checkName(name) };
  } catch (error) {
    return { kind: 'failed', words: signInWords(error) };
  }
}
