/**
 * What this browser remembers about calls: how its own rings ended (the history is the person's, and does not say which
 * app was silenced by another), and the call that this tab is in, so that a reload comes back to it.
 */
import type { StopReason } from '../../../auralink-client/index.ts';

const RING_ENDS_KEY = 'auralink-web:ring-ends';
const CURRENT_KEY = 'auralink-web:call';
const RING_ENDS_MAX = 100;

function readRingEnds(): [string, StopReason][] {
  const text = localStorage.getItem(RING_ENDS_KEY);
  return text === null ? [] : (JSON.parse(text) as [string, StopReason][]);
}

export function rememberRingEnd(callId: string, reason: StopReason): void {
  const others = readRingEnds().filter(([id]) => id !== callId);
  localStorage.setItem(RING_ENDS_KEY, JSON.stringify([[callId, reason], ...others].slice(0, RING_ENDS_MAX)));
}

export function ringEnds(): ReadonlyMap<string, StopReason> {
  return new Map(readRingEnds());
}

export function rememberCurrentCall(callId: string | null): void {
  if (callId === null) sessionStorage.removeItem(CURRENT_KEY);
  else sessionStorage.setItem(CURRENT_KEY, callId);
}

export function findCurrentCall(): string | null {
  return sessionStorage.getItem(CURRENT_KEY);
}
