/** Entry of the demo app "Market", on an origin of its own. */
import '../../design/base.css';
import { findBaseUrl } from '../../base-url.ts';
import { mount } from '../../mount.tsx';
import { Market } from './market.tsx';

await mount('market', await findBaseUrl(), Market);
