/** The web phone: dial, history, devices. */
import { useState } from 'react';
import { parseAuraLink } from '../../../auralink-client/index.ts';
import { CallLayer } from '../call/call-layer.tsx';
import { Dialer } from '../call/dialer.tsx';
import chatIcon from '../design/icon-chat.svg';
import marketIcon from '../design/icon-market.svg';
import playIcon from '../design/icon-play.svg';
import { MeArea } from '../me/me.tsx';
import { useMePage } from '../me/route.ts';
import type { PageProps } from '../mount.tsx';
import { useStore } from '../store.ts';
import { Icon } from '../ui/icons.tsx';
import { Account, SignInButton } from '../ui/page-parts.tsx';
import { History } from './history.tsx';
import { Logo } from './logo.tsx';
import { MeLink } from './me-link.tsx';
import './phone.css';
import { Settings } from './settings.tsx';

export function Phone(props: PageProps) {
  const state = useStore(props.session);
  return state.signedIn ? <SignedIn {...props} /> : <Welcome {...props} />;
}

function Welcome({ session }: PageProps) {
  const { error, parted } = useStore(session);
  return (
    <main className="welcome">
      <div className="welcome-text">
        <Logo />
        {parted !== null && (
          <p className="notice" role="status" data-testid="parted">
            {parted}
          </p>
        )}
        <h1>One address. It rings wherever you are.</h1>
        <p>
          Claim <strong>@yourname.aura</strong> once. Every app that you use can ring you on it; the first one
          in which you answer wins, and all others fall silent.
        </p>
        <SignInButton
          session={session}
          error={error}
          label="Sign in or register"
          wayBack={location.search === '' ? location.hash : `/${location.search}`}
        />
      </div>
      <div className="welcome-art" aria-hidden="true">
        <span className="orbit one">
          <img src={chatIcon} alt="" />
          <img src={playIcon} alt="" />
        </span>
        <span className="orbit two">
          <img src={marketIcon} alt="" />
        </span>
        <b>@you.aura</b>
      </div>
    </main>
  );
}

/** Whom a link that was opened here leads to: `/?to=aura:@bob.aura`. */
function findLinked(): string {
  return parseAuraLink(new URLSearchParams(location.search).get('to') ?? '') ?? '';
}

function SignedIn(props: PageProps) {
  const page = useMePage();
  return (
    <CallLayer controller={props.controller}>
      {page === null ? <Home {...props} /> : <MeArea {...props} open={page} />}
    </CallLayer>
  );
}

function Home({ auralink, session, controller }: PageProps) {
  const state = useStore(session);
  const [settings, setSettings] = useState(false);
  return (
    <>
      <div className="phone-page">
        <header className="phone-head">
          <Account state={state} />
          <div className="phone-head-acts">
            <MeLink auralink={auralink} me={state.me} />
            <button
              type="button"
              className="icon-button"
              aria-label="Settings"
              data-testid="settings-button"
              onClick={() => setSettings(true)}
            >
              <Icon name="gear" />
            </button>
          </div>
        </header>
        <main className="phone-main">
          <section className="phone-dial" aria-labelledby="dial-title">
            <h1 id="dial-title">Who would you like to talk to?</h1>
            <Dialer auralink={auralink} controller={controller} label="Address" initial={findLinked()} />
            {state.error !== null && (
              <p className="notice bad" role="alert">
                {state.error}
              </p>
            )}
          </section>
          <History auralink={auralink} controller={controller} />
        </main>
      </div>
      {settings && <Settings auralink={auralink} session={session} onClose={() => setSettings(false)} />}
    </>
  );
}
