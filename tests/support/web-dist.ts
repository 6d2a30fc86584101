/** Where `./aura test` has the built pages. */
import { join } from 'node:path';

export const WEB_DIST = join(import.meta.dirname, '../../auralink-web/dist');
