/** Entry of the page behind the link of an e-mail, `/verify#TOKEN`: no sign-in is needed. */
import '../design/base.css';
import { createRoot } from 'react-dom/client';
import { boot } from '../boot.ts';
import { rootElement } from '../mount.tsx';
import { PHONE_APP_ID, PHONE_SCOPE } from '../phone/app.ts';
import { VerifyPage } from './verify.tsx';

const { auralink } = await boot(PHONE_APP_ID, location.origin, PHONE_SCOPE);
// The token is a secret: it does not stay in the address, where it would be seen, copied and synchronized. A reload has it.
const token = location.hash.slice(1) || String(history.state ?? '');
history.replaceState(token, '', location.pathname);
// Another link that is opened here changes no more than the fragment.
addEventListener('hashchange', () => location.reload());
createRoot(rootElement()).render(<VerifyPage auralink={auralink} token={token} />);
