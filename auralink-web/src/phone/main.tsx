/** Entry of the phone, on the service's own origin. */
import '../design/base.css';
import { mount } from '../mount.tsx';
import { Phone } from './phone.tsx';

/** `127.0.0.1` and `localhost` are different origins to a browser: go to the one that sign-in knows. */
async function moveToIssuer(): Promise<boolean> {
  try {
    const response = await fetch('/_auralink/v1/config');
    const { issuer } = (await response.json()) as { issuer: string };
    const { origin } = new URL(issuer);
    if (origin === location.origin) return false;
    location.replace(`${origin}${location.pathname}${location.search}`);
    return true;
  } catch {
    // The service is away: the page says so itself.
    return false;
  }
}

if (!(await moveToIssuer())) await mount('phone', location.origin, Phone);
