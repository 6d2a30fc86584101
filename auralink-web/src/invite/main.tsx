/** Entry of the page behind an invitation link, `/i#CODE`: the same app as the phone, which alone listens for rings. */
import '../design/base.css';
import { createRoot } from 'react-dom/client';
import { boot } from '../boot.ts';
import { rootElement } from '../mount.tsx';
import { PHONE_APP_ID, PHONE_SCOPE } from '../phone/app.ts';
import { InvitePage } from './invite.tsx';

const { auralink } = await boot(PHONE_APP_ID, location.origin, PHONE_SCOPE);
const code = location.hash.slice(1);
createRoot(rootElement()).render(<InvitePage auralink={auralink} code={code} />);
