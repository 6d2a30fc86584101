/**
 * The person's calls, newest first, fetched again whenever something ended here. Of a call that goes on in another of
 * her apps this page hears and sees nothing until it is over, so it is asked about again until it is in the list.
 */
import { useEffect, useState } from 'react';
import type { AuraLink, CallView } from '../../../auralink-client/index.ts';
import { wordsOf } from '../session.ts';
import { useStore } from '../store.ts';
import type { CallController } from './controller.ts';

const OPEN_CALL_REFRESH_MS = 5_000;

export interface History {
  /** Null until the first answer. */
  readonly calls: readonly CallView[] | null;
  readonly error: string | null;
  /** Null when there is nothing older. */
  readonly loadOlder: (() => Promise<void>) | null;
}

export function useHistory(auralink: AuraLink, controller: CallController): History {
  const { historyVersion, call, answeredElsewhere } = useStore(controller);
  const [calls, setCalls] = useState<readonly CallView[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [asked, setAsked] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the two numbers say when to ask again
  useEffect(() => {
    let current = true;
    const load = async (): Promise<void> => {
      try {
        const page = await auralink.calls.history();
        if (!current) return;
        setCalls(page.calls);
        setNext(page.next);
        setError(null);
      } catch (failure) {
        if (current) setError(wordsOf(failure));
      }
    };
    void load();
    return () => {
      current = false;
    };
  }, [auralink, historyVersion, asked]);
  const known = calls ?? [];
  const open = call === null && known.some((one) => one.state !== 'ended');
  const awaited = answeredElsewhere !== null && !known.some((one) => one.callId === answeredElsewhere);
  const askAgain = calls !== null && (open || awaited);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn after every answer
  useEffect(() => {
    if (!askAgain) return;
    const timer = setTimeout(() => setAsked((count) => count + 1), OPEN_CALL_REFRESH_MS);
    return () => clearTimeout(timer);
  }, [askAgain, calls, asked]);
  const loadOlder = async (): Promise<void> => {
    if (next === null) return;
    const page = await auralink.calls.history({ before: next });
    setCalls([...known, ...page.calls]);
    setNext(page.next);
  };
  return { calls, error, loadOlder: next === null ? null : loadOlder };
}
