/** Entry of the public page of a person, `/@alice`. It needs no sign-in, and looks the same with one. */
import '../design/base.css';
import { createRoot } from 'react-dom/client';
import { createAuraLink } from '../../../auralink-client/index.ts';
import { findAddress } from '../address.ts';
import { rootElement } from '../mount.tsx';
import { PHONE_APP_ID } from '../phone/app.ts';
import { PublicProfile } from './profile.tsx';

const auralink = createAuraLink({
  baseUrl: location.origin,
  appId: PHONE_APP_ID,
  redirectUri: `${location.origin}/`,
});
const address = findAddress(decodeURIComponent(location.pathname.slice(1)));
createRoot(rootElement()).render(<PublicProfile auralink={auralink} address={address} />);
