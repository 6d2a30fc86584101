/** Entry of the page behind the link of an e-mail, `/verify#TOKEN`: no sign-in is needed. */
import '../design/base.css';
import { createRoot } from 'react-dom/client';
import { boot } from '../boot.ts';
import { rootElement } from '../mount.tsx';
import { PHONE_APP_ID, PHONE_SCOPE } from '../phone/app.ts';
import { VerifyPage } from './verify.tsx';

const { auralink } = await boot(PHONE_APP_ID, location.origin, PHONE_SCOPE);
const token = location.hash.slice(1);
createRoot(rootElement()).render(<VerifyPage auralink={auralink} token={token} />);
