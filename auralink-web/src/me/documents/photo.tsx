/** A picture of a document that is fetched with the person's own right to see it. */
import { useEffect, useState } from 'react';
import { wordsOf } from '../../session.ts';

export interface FetchedPhoto {
  readonly src: string | null;
  readonly error: string | null;
}

/** `key` changes with the picture; null: there is none. */
export function usePhoto(key: string | null, fetchPhoto: () => Promise<Blob>): FetchedPhoto {
  const [photo, setPhoto] = useState<FetchedPhoto>({ src: null, error: null });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for what is fetched
  useEffect(() => {
    if (key === null) return;
    let src: string | null = null;
    let gone = false;
    fetchPhoto()
      .then((blob) => {
        if (gone) return;
        src = URL.createObjectURL(blob);
        setPhoto({ src, error: null });
      })
      .catch((failure) => gone || setPhoto({ src: null, error: wordsOf(failure) }));
    return () => {
      gone = true;
      if (src !== null) URL.revokeObjectURL(src);
      setPhoto({ src: null, error: null });
    };
  }, [key]);
  return photo;
}
