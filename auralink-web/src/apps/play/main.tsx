/** Entry of the demo app "Play", on an origin of its own. */
import '../../design/base.css';
import { findBaseUrl } from '../../base-url.ts';
import { mount } from '../../mount.tsx';
import { Play } from './play.tsx';

await mount('play', await findBaseUrl(), Play);
