/** The account: a list of its pages, beside the open one on wide screens, before it on phones. */
import { type ComponentType, useEffect, useLayoutEffect, useRef } from 'react';
import type { PageProps } from '../mount.tsx';
import { useStore } from '../store.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';
import { usePicture } from '../ui/use-picture.ts';
import { AccountsPage } from './accounts.tsx';
import { AppsPage } from './apps.tsx';
import { ContactsPage } from './contacts.tsx';
import { DocumentsPage } from './documents/documents.tsx';
import { ReviewsPage } from './documents/reviews.tsx';
import { InvitesPage } from './invites.tsx';
import './me.css';
import { MyDataPage } from './my-data.tsx';
import { NamesPage } from './names.tsx';
import { OwnAppsPage } from './own-apps.tsx';
import { PasswordPage } from './password.tsx';
import { PrivacyPage } from './privacy.tsx';
import { ProfilePage } from './profile.tsx';
import { RequestsPage } from './requests.tsx';
import { mePath } from './route.ts';
import { SessionsPage } from './sessions.tsx';
import { VerificationsPage } from './verifications.tsx';

interface MePage {
  readonly id: string;
  readonly label: string;
  readonly icon: IconName;
  readonly Page: ComponentType<PageProps>;
}

const GROUPS: readonly { readonly label: string; readonly pages: readonly MePage[] }[] = [
  {
    label: 'You',
    pages: [
      { id: 'profile', label: 'Profile', icon: 'person', Page: ProfilePage },
      { id: 'names', label: 'Your address', icon: 'at', Page: NamesPage },
      { id: 'verifications', label: 'Confirmations', icon: 'check', Page: VerificationsPage },
      { id: 'privacy', label: 'Privacy', icon: 'shield', Page: PrivacyPage },
      { id: 'documents', label: 'Identity documents', icon: 'card', Page: DocumentsPage },
    ],
  },
  {
    label: 'People',
    pages: [
      { id: 'contacts', label: 'Friends', icon: 'people', Page: ContactsPage },
      { id: 'requests', label: 'Friend requests', icon: 'bell', Page: RequestsPage },
      { id: 'invites', label: 'Invitation links', icon: 'link', Page: InvitesPage },
    ],
  },
  {
    label: 'Account',
    pages: [
      { id: 'apps', label: 'My apps', icon: 'grid', Page: AppsPage },
      { id: 'sessions', label: 'Devices and sessions', icon: 'devices', Page: SessionsPage },
      { id: 'accounts', label: 'Matrix accounts', icon: 'bubble', Page: AccountsPage },
      { id: 'password', label: 'Password', icon: 'key', Page: PasswordPage },
      { id: 'data', label: 'My data', icon: 'box', Page: MyDataPage },
    ],
  },
  {
    label: 'Developers',
    pages: [{ id: 'ownapps', label: 'Apps and keys', icon: 'code', Page: OwnAppsPage }],
  },
];
/** Reached from another page only. */
const BEHIND: readonly MePage[] = [
  { id: 'reviews', label: 'Review documents', icon: 'card', Page: ReviewsPage },
];
const PAGES = [...GROUPS.flatMap((group) => group.pages), ...BEHIND];
const FIRST = PAGES[0] as MePage;

export function MeArea({ open, ...props }: PageProps & { readonly open: string }) {
  const page = PAGES.find(({ id }) => id === open) ?? FIRST;
  useEffect(() => {
    const before = document.title;
    document.title = `${page.label} – AuraLink`;
    return () => {
      document.title = before;
    };
  }, [page.label]);
  return (
    <main className="me" data-open={open === '' ? 'list' : 'page'}>
      <Navigation {...props} shown={page.id} />
      <OpenPage key={page.id} page={page} focus={open !== ''} {...props} />
    </main>
  );
}

function Navigation({ auralink, session, shown }: PageProps & { readonly shown: string }) {
  const { me } = useStore(session);
  const picture = usePicture(auralink, me?.auraId ?? null, me?.pictureUrl ?? null);
  return (
    <nav className="me-nav" aria-label="Your account">
      <a className="me-back" href="#/" data-testid="me-to-phone">
        <Icon name="back" /> Phone
      </a>
      <h1 className="me-title">Your account</h1>
      {me !== null && (
        <p className="me-who">
          <Avatar person={me} size="3.5rem" src={picture} />
          <span>
            <strong>{me.displayName ?? me.auraId}</strong>
            <span className="row-detail">{me.auraId}</span>
          </span>
        </p>
      )}
      {GROUPS.map((group) => (
        <div key={group.label} className="me-group">
          <h2>{group.label}</h2>
          <ul>
            {group.pages.map(({ id, label, icon }) => (
              <li key={id}>
                <a
                  href={mePath(id)}
                  data-testid={`me-${id}`}
                  aria-current={id === shown ? 'page' : undefined}
                >
                  <Icon name={icon} />
                  {label}
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function OpenPage({ page, focus, ...props }: PageProps & { page: MePage; focus: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { me } = useStore(props.session);
  // Whoever came by keyboard goes on reading here; at once, before she can have gone on herself.
  useLayoutEffect(() => {
    if (focus) heading.current?.focus({ preventScroll: true });
    if (focus) scrollTo(0, 0);
  }, [focus]);
  return (
    <div className="me-page" data-testid={`page-${page.id}`}>
      <header className="me-head">
        <a className="icon-button me-up" href="#/me" aria-label="Back to your account">
          <Icon name="back" />
        </a>
        <h1 ref={heading} tabIndex={-1}>
          {page.label}
        </h1>
      </header>
      {me !== null && !me.canManage ? <SignInAnew {...props} /> : <page.Page {...props} />}
    </div>
  );
}

/** A phone that was signed in before the account had pages lacks the right to manage it. */
function SignInAnew({ session }: PageProps) {
  const { error } = useStore(session);
  return (
    <section className="panel">
      <p>This page changes your account. Sign in once more, so that we know that it is you.</p>
      <div>
        <button
          type="button"
          className="button primary"
          data-testid="sign-in-anew"
          onClick={() => void session.signIn(location.hash)}
        >
          Sign in again
        </button>
      </div>
      {error !== null && (
        <p className="notice bad" role="alert">
          {error}
        </p>
      )}
    </section>
  );
}
