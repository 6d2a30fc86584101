/** A person as somebody sees her: the same card on her public page, in contacts, and where she looks at herself. */
import type { ProfileView, Verification } from '../../../auralink-client/index.ts';
import { Avatar, nameOf } from './avatar.tsx';
import { Icon } from './icons.tsx';
import './profile-card.css';

const VERIFIED: Record<Verification, string> = {
  email_controlled: 'E-mail address confirmed',
  phone_controlled: 'Phone number confirmed',
  document_seen: 'Document seen',
  document_proven: 'Document proven',
};

interface ProfileCardProps {
  readonly view: ProfileView;
  readonly picture: string | null;
  /** False where nobody may know whether she is online. */
  readonly withPresence?: boolean;
}

export function ProfileCard({ view, picture, withPresence = true }: ProfileCardProps) {
  return (
    <article className="profile-card" aria-label={nameOf(view)} data-testid="profile-card">
      <Avatar person={view} size="5.5rem" src={picture} />
      <div className="profile-name">
        <strong>{nameOf(view)}</strong>
        {view.displayName !== null && <span className="soft">{view.auraId}</span>}
        {withPresence && (
          <span className="connection" data-state={view.online ? 'online' : 'away'}>
            {view.online ? 'Online' : 'Offline'}
          </span>
        )}
      </div>
      {view.about !== null && <p className="profile-about">{view.about}</p>}
      {view.number !== null && <p className="numbers">{view.number}</p>}
      {view.verifications.length + view.apps.length > 0 && (
        <ul className="chips" aria-label="About this person">
          {view.verifications.map((one) => (
            <li key={one} className="chip">
              <Icon name="check" /> {VERIFIED[one]}
            </li>
          ))}
          {view.apps.map((app) => (
            <li key={app} className="chip">
              In {app}
            </li>
          ))}
        </ul>
      )}
    </article>
  );
}
