/** The lock file is whole: `npm ci`, with which a newcomer begins, refuses one that leaves an optional package out. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROJECT_ROOT } from '../../../auralink-communication-service/launcher/layout.ts';

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

test('every program for another kind of machine is in the lock file, even where this one cannot fetch it', () => {
  const text = readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, Locked> };
  const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${place}/node_modules/${name}` in packages),
    ),
  );
  assert.deepEqual(missing, []);
});
