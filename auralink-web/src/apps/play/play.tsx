/** Play: a lobby before the match. Talk to your team mates without leaving it. */
import type { ReactNode } from 'react';
import type { Person } from '../../../../auralink-client/index.ts';
import { CallLayer } from '../../call/call-layer.tsx';
import { Dialer } from '../../call/dialer.tsx';
import type { PageProps } from '../../mount.tsx';
import { useStore } from '../../store.ts';
import { Avatar, nameOf } from '../../ui/avatar.tsx';
import { Icon } from '../../ui/icons.tsx';
import { Account, SignInButton, SignOutButton } from '../../ui/page-parts.tsx';
import { ALICE, BOB } from '../people.ts';
import './play.css';

const TEAM = [
  { person: ALICE, role: 'Navigator', level: 42 },
  { person: BOB, role: 'Engineer', level: 37 },
] as const;

export function Play(props: PageProps) {
  const { signedIn } = useStore(props.session);
  return signedIn ? <Lobby {...props} /> : <Title {...props} />;
}

function Title({ session }: PageProps) {
  const { error } = useStore(session);
  return (
    <main className="play-title">
      <Sky />
      <h1>
        Sky
        <br />
        rail
      </h1>
      <p>Four seats. One train. No brakes.</p>
      <SignInButton session={session} error={error} label="Sign in with AuraLink" />
    </main>
  );
}

function Lobby({ auralink, session, controller }: PageProps) {
  const state = useStore(session);
  const mates = TEAM.filter((mate) => mate.person.auraId !== state.me?.auraId);
  return (
    <CallLayer controller={controller}>
      <div className="play-page">
        <header className="play-head">
          <Account state={state} />
          <SignOutButton session={session} />
        </header>
        <main>
          <section className="mission">
            <Sky />
            <p className="tag">Next run</p>
            <h1>Skyrail: Night Express</h1>
            <dl>
              <div>
                <dt>Line</dt>
                <dd>Aurora Loop</dd>
              </div>
              <div>
                <dt>Stations</dt>
                <dd>12</dd>
              </div>
              <div>
                <dt>Crew</dt>
                <dd>{mates.length + 1} of 4</dd>
              </div>
            </dl>
          </section>
          <section className="crew" aria-labelledby="crew-title">
            <h2 id="crew-title">Your crew</h2>
            <ul>
              {mates.map(({ person, role, level }) => (
                <Seat key={person.auraId} person={person} detail={`${role} · level ${level}`}>
                  <button
                    type="button"
                    className="button primary"
                    onClick={() => void controller.dial(person, 'audio')}
                  >
                    <Icon name="phone" /> Talk
                  </button>
                </Seat>
              ))}
              <li className="seat empty">A seat is free</li>
            </ul>
            <Dialer auralink={auralink} controller={controller} label="Call a team mate" />
          </section>
        </main>
      </div>
    </CallLayer>
  );
}

function Seat({ person, detail, children }: { person: Person; detail: string; children: ReactNode }) {
  return (
    <li className="seat">
      <Avatar person={person} size="3.25rem" />
      <div>
        <strong>{nameOf(person)}</strong>
        <p className="small soft">{detail}</p>
      </div>
      {children}
    </li>
  );
}

/** The line through the night, behind everything. */
function Sky() {
  return (
    <svg className="sky" viewBox="0 0 800 400" preserveAspectRatio="xMidYMax slice" aria-hidden="true">
      <circle cx="620" cy="110" r="62" className="moon" />
      <path className="hill far" d="M0 300 120 210l110 70 150-130 170 140 110-70 140 90v90H0z" />
      <path className="hill" d="M0 340 160 270l140 60 180-90 150 80 170-60v140H0z" />
      <path className="rail" d="M-20 300C180 220 300 360 460 280S700 170 830 240" />
      <path className="train" d="M372 312C404 304 432 294 460 280" />
    </svg>
  );
}
