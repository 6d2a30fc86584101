/** Entry of the phone, on the service's own origin. */
import '../design/base.css';
import { mount } from '../mount.tsx';
import { takeWayBack } from '../way-back.ts';
import { PHONE_APP_ID, PHONE_SCOPE } from './app.ts';
import { Phone } from './phone.tsx';

/** `127.0.0.1` and `localhost` are different origins to a browser: go to the one that sign-in knows. */
async function moveToIssuer(): Promise<boolean> {
  try {
    const response = await fetch('/_auralink/v1/config');
    const { issuer } = (await response.json()) as { issuer: string };
    const { origin } = new URL(issuer);
    if (origin === location.origin) return false;
    location.replace(`${origin}${location.pathname}${location.search}${location.hash}`);
    return true;
  } catch {
    // The service is away: the page says so itself.
    return false;
  }
}

/** To where she was when she went to sign in. */
function goBack(): void {
  const where = takeWayBack();
  if (where?.startsWith('#')) location.hash = where;
  else if (where !== null) location.replace(where);
}

if (!(await moveToIssuer())) {
  await mount(PHONE_APP_ID, location.origin, Phone, PHONE_SCOPE);
  if (window.auralink?.signedIn) goBack();
}
