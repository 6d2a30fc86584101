/** Where in the phone one is: the part of the address behind `#`, so that Back works and a reload stays. */
import { useSyncExternalStore } from 'react';

const ME = /^#\/me(?:\/([a-z]+))?$/;

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}

/** Null outside of the account; '' on its first page; else the page's id. */
export function findMePage(hash: string): string | null {
  const match = ME.exec(hash);
  return match === null ? null : (match[1] ?? '');
}

export function useMePage(): string | null {
  return useSyncExternalStore(subscribe, () => findMePage(location.hash));
}

export function mePath(page: string): string {
  return `#/me/${page}`;
}
