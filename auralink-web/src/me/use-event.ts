/** Does something whenever the service tells of a change, as long as the page is open. */
import { useEffect, useRef } from 'react';
import type { AuraLink, AuraLinkEvents } from '../../../auralink-client/index.ts';

export function useEvent(auralink: AuraLink, type: keyof AuraLinkEvents, work: () => unknown): void {
  const now = useRef(work);
  now.current = work;
  useEffect(() => auralink.on(type, () => now.current()), [auralink, type]);
}
