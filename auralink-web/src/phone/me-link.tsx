/** The way to the account, with how many people wait for an answer. */
import { useEffect, useState } from 'react';
import type { AuraLink, Me } from '../../../auralink-client/index.ts';
import { Icon } from '../ui/icons.tsx';

export function MeLink({ auralink, me }: { auralink: AuraLink; me: Me | null }) {
  const asking = useAsking(auralink, me?.scopes.includes('contacts.read') === true);
  const label =
    asking === 0 ? 'Your account' : `Your account, ${asking} friend ${asking === 1 ? 'request' : 'requests'}`;
  return (
    <a className="icon-button me-link" href="#/me" aria-label={label} data-testid="me-link">
      <Icon name="person" />
      {asking > 0 && (
        <span className="badge numbers" aria-hidden="true">
          {asking}
        </span>
      )}
    </a>
  );
}

function useAsking(auralink: AuraLink, allowed: boolean): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    if (!allowed) return;
    let current = true;
    const count = async (): Promise<void> => {
      try {
        const { incoming } = await auralink.contacts.requests();
        if (current) setCount(incoming.length);
      } catch {
        // The page of requests says what is wrong; a number alone could not.
      }
    };
    void count();
    const offs = [auralink.on('contactRequest', count), auralink.on('contactUpdated', count)];
    return () => {
      current = false;
      for (const off of offs) off();
    };
  }, [auralink, allowed]);
  return count;
}
