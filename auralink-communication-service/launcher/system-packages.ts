/**
 * Programs of the system that tests need. As root on Debian they are installed; elsewhere they are named with the
 * command that installs them. In CI a missing one is a failure.
 */
import { spawnSync } from 'node:child_process';
import { FrontDoorError } from './errors.ts';
import { run } from './install.ts';
import type { Progress } from './progress.ts';

interface SystemProgram {
  readonly command: string;
  readonly debianPackage: string;
  readonly why: string;
}

export const SYSTEM_PROGRAMS = {
  psql: { command: 'psql', debianPackage: 'postgresql-client', why: 'migrations by hand' },
  redis: { command: 'redis-server', debianPackage: 'redis-server', why: 'tests with Redis' },
  promtool: { command: 'promtool', debianPackage: 'prometheus', why: 'checking /metrics' },
  chromium: { command: 'chromium', debianPackage: 'chromium', why: 'tests in a browser' },
} as const satisfies Record<string, SystemProgram>;

function isInstalled(command: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', command], { stdio: 'ignore' }).status === 0;
}

/** Installs what may be installed. Throws FrontDoorError that names the rest. */
export async function ensureSystemPrograms(
  programs: readonly SystemProgram[],
  progress: Progress,
): Promise<void> {
  const missing = programs.filter((program) => !isInstalled(program.command));
  if (missing.length === 0) return;
  const packages = missing.map((program) => program.debianPackage);
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() === 0 && isInstalled('apt-get')) {
    await progress.step(`system packages: ${packages.join(', ')}`, () => installPackages(packages));
    return;
  }
  const needs = missing.map((program) => `  ${program.command} (${program.why})`);
  throw new FrontDoorError(
    `Tests need programs that are not here:\n${needs.join('\n')}\nOn Debian as root: ${command}`,
  );
}

async function installPackages(packages: readonly string[]): Promise<void> {
  // The packages' own services must not start: ours do, on ports of their own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['update', '-q'], [0], env);
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], [0], env);
}
