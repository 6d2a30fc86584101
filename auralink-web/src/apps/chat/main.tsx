/** Entry of the demo app "Chat", on an origin of its own. */
import '../../design/base.css';
import { findBaseUrl } from '../../base-url.ts';
import { mount } from '../../mount.tsx';
import { Chat } from './chat.tsx';

await mount('chat', await findBaseUrl(), Chat);
