/** Who has the address that is being typed. */
import { useEffect, useState } from 'react';
import { type AuraLink, AuraLinkError, type Person } from '../../../auralink-client/index.ts';
import { findAddress } from '../address.ts';

/** Asked only when the typing pauses. */
const TYPING_PAUSE_MS = 250;

export type Lookup =
  | { readonly kind: 'nothing' | 'incomplete' | 'looking' | 'unsure' }
  | { readonly kind: 'found'; readonly person: Person }
  | { readonly kind: 'unknown'; readonly address: string };

export function usePerson(auralink: AuraLink, typed: string): Lookup {
  const [lookup, setLookup] = useState<Lookup>({ kind: 'nothing' });
  useEffect(() => {
    const address = findAddress(typed);
    if (address === null) {
      setLookup({ kind: typed.trim() === '' ? 'nothing' : 'incomplete' });
      return;
    }
    setLookup({ kind: 'looking' });
    let current = true;
    const ask = async (): Promise<void> => {
      const found = await look(auralink, address);
      if (current) setLookup(found);
    };
    const timer = setTimeout(() => void ask(), TYPING_PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [auralink, typed]);
  return lookup;
}

async function look(auralink: AuraLink, address: string): Promise<Lookup> {
  try {
    return { kind: 'found', person: await auralink.resolve(address) };
  } catch (error) {
    const unknown = error instanceof AuraLinkError && error.status === 404;
    return unknown ? { kind: 'unknown', address } : { kind: 'unsure' };
  }
}
