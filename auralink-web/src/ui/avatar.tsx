/** A person's disc: her picture, or her initial on a colour that her address always has. */
import type { CSSProperties } from 'react';
import type { Person } from '../../../auralink-client/index.ts';

export function nameOf(person: Person): string {
  return person.displayName ?? person.auraId;
}

function hueOf(auraId: string): number {
  let hash = 0;
  for (const character of auraId) hash = (hash * 31 + character.charCodeAt(0)) % 360;
  return hash;
}

interface AvatarProps {
  readonly person: Person;
  readonly size?: string;
  /** Her picture. */
  readonly src?: string | null;
}

export function Avatar({ person, size, src = null }: AvatarProps) {
  const initial = nameOf(person).replace(/^@/, '').slice(0, 1).toUpperCase();
  const style = { '--hue': hueOf(person.auraId), ...(size === undefined ? {} : { '--size': size }) };
  if (src !== null) return <img className="avatar" style={style as CSSProperties} src={src} alt="" />;
  return (
    <span className="avatar" style={style as CSSProperties} aria-hidden="true">
      {initial}
    </span>
  );
}
