/** The disc of somebody whom this person looks at, with her picture if she shows one. */
import type { AuraLink, ProfileView } from '../../../auralink-client/index.ts';
import { Avatar } from './avatar.tsx';
import { usePicture } from './use-picture.ts';

interface PersonAvatarProps {
  readonly auralink: AuraLink;
  readonly view: Pick<ProfileView, 'auraId' | 'displayName' | 'pictureUrl'>;
  readonly size?: string;
}

export function PersonAvatar({ auralink, view, size }: PersonAvatarProps) {
  const src = usePicture(auralink, view.auraId, view.pictureUrl);
  return <Avatar person={view} src={src} {...(size === undefined ? {} : { size })} />;
}
