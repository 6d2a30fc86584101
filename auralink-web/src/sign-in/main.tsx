/** Entry of the sign-in page. */
import '../design/base.css';
import { createRoot } from 'react-dom/client';
import { rootElement } from '../mount.tsx';
import { findInteractionId, SignInApi } from './api.ts';
import { SignInPage } from './sign-in.tsx';

const interactionId = findInteractionId(location.pathname);
const api = interactionId === null ? null : new SignInApi(interactionId);
createRoot(rootElement()).render(<SignInPage api={api} />);
