/**
 * Exit 0 when node_modules holds exactly what package-lock.json asks for, 1 when `npm ci` must run. Plain JavaScript,
 * because it runs on the machine's own Node before ours is there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.argv[2];

/** Packages by their place; npm notes beside the installed ones what it installed. */
function packagesIn(path) {
  const { packages } = JSON.parse(readFileSync(join(root, path), 'utf8'));
  delete packages[''];
  return packages;
}

function isInstalled() {
  const installed = packagesIn('node_modules/.package-lock.json');
  return Object.entries(packagesIn('package-lock.json')).every(([place, wanted]) => {
    const found = installed[place];
    // Programs for other kinds of machine are optional and stay away.
    if (found === undefined) return wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

try {
  process.exitCode = isInstalled() ? 0 : 1;
} catch {
  process.exitCode = 1;
}
