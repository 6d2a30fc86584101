/** A person's picture, fetched with the viewer's token (an `<img>` has none) and kept as long as it is drawn. */
import { useEffect, useState } from 'react';
import type { AuraLink } from '../../../auralink-client/index.ts';

/** Null while there is none. `pictureUrl` says that there is one, and changes when it does. */
export function usePicture(
  auralink: AuraLink,
  auraId: string | null,
  pictureUrl: string | null,
  version = 0,
): string | null {
  const [src, setSrc] = useState<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` says that the picture behind the address is another
  useEffect(() => {
    if (auraId === null || pictureUrl === null) return;
    let made: string | null = null;
    let current = true;
    const load = async (): Promise<void> => {
      try {
        const blob = await auralink.account.picture(auraId);
        if (!current) return;
        made = URL.createObjectURL(blob);
        setSrc(made);
      } catch {
        // Not shown any more: her initial stands there.
        setSrc(null);
      }
    };
    void load();
    return () => {
      current = false;
      setSrc(null);
      if (made !== null) URL.revokeObjectURL(made);
    };
  }, [auralink, auraId, pictureUrl, version]);
  return src;
}
