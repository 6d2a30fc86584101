/** Market: things from people nearby. The seller is one call away, and never gives out a number. */
import { CallLayer } from '../../call/call-layer.tsx';
import { Dialer } from '../../call/dialer.tsx';
import type { PageProps } from '../../mount.tsx';
import { useStore } from '../../store.ts';
import { Icon } from '../../ui/icons.tsx';
import { Account, SignInButton, SignOutButton } from '../../ui/page-parts.tsx';
import { Drawing } from './drawings.tsx';
import { LISTINGS, type Listing } from './listings.ts';
import './market.css';

const PRICE = new Intl.NumberFormat(undefined, {
  style: 'currency',
  currency: 'EUR',
  maximumFractionDigits: 0,
});

export function Market(props: PageProps) {
  const { signedIn } = useStore(props.session);
  return (
    <CallLayer controller={props.controller}>
      <div className="market-page">
        <MarketHead {...props} />
        <main>
          <h1>Today’s finds</h1>
          <ul className="listings">
            {LISTINGS.map((listing) => (
              <ListingCard key={listing.id} listing={listing} signedIn={signedIn} {...props} />
            ))}
          </ul>
        </main>
        <footer className="soft small">
          Sellers are called by their address. Neither of you learns the other’s number.
        </footer>
      </div>
    </CallLayer>
  );
}

function MarketHead({ auralink, session, controller }: PageProps) {
  const state = useStore(session);
  return (
    <header className="market-head">
      <p className="market-name">Market</p>
      {state.signedIn ? (
        <>
          <Dialer auralink={auralink} controller={controller} label="Call a seller by address" />
          <div className="market-me">
            <Account state={state} />
            <SignOutButton session={session} />
          </div>
        </>
      ) : (
        <SignInButton session={session} error={state.error} label="Sign in with AuraLink" />
      )}
    </header>
  );
}

interface ListingCardProps extends PageProps {
  readonly listing: Listing;
  readonly signedIn: boolean;
}

function ListingCard({ listing, signedIn, session, controller }: ListingCardProps) {
  const { me } = useStore(session);
  const mine = me?.auraId === listing.seller.auraId;
  const call = (): void => {
    if (signedIn) void controller.dial(listing.seller, 'audio');
    else void session.signIn();
  };
  return (
    <li className="listing" data-testid="listing">
      <Drawing name={listing.drawing} />
      <div className="listing-text">
        <h2>{listing.title}</h2>
        <p className="price numbers">{PRICE.format(listing.priceEuros)}</p>
        <p className="about">{listing.about}</p>
        <p className="soft small place">
          <Icon name="pin" /> {listing.place} · {listing.seller.auraId}
        </p>
        <button type="button" className="button primary wide" disabled={mine} onClick={call}>
          {mine ? (
            'Your own listing'
          ) : (
            <>
              <Icon name="phone" /> Call the seller
            </>
          )}
        </button>
      </div>
    </li>
  );
}
