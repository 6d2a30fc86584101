/**
 * `./aura check`: everything that can be said about the sources without running the service. Every step runs, whatever
 * the ones before it found, so that one run names all that is wrong.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkEnvTemplate } from './checks/env-template.ts';
import { checkLimits } from './checks/limits.ts';
import { checkMetrics } from './checks/metrics.ts';
import { checkMigrations } from './checks/migrations.ts';
import { checkOpenApi } from './checks/openapi.ts';
import { runTool } from './checks/tool.ts';

interface Step {
  readonly name: string;
  /** Resolves to the faults, each a text for people; `fix` lets the step write what it would demand. */
  run(root: string, fix: boolean): Promise<string[]>;
}

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly durationMs: number;
  readonly faults: readonly string[];
}

const HELP = `Usage: ./aura check [--fix] [--json] [--only STEP]...

Types, format, lint with the directions of imports, dead code, migrations and generated documents.

  --fix        write what can be written: format, checksums of migrations, generated documents
  --json       print one JSON object
  --only STEP  run this step; may be repeated

Steps: `;

const ROOT = join(import.meta.dirname, '..', '..');
const PROJECTS = ['tsconfig.json', 'auralink-client/tsconfig.json', 'auralink-web/tsconfig.json'];

const types = (project: string): Step => ({
  name: `types:${project.split('/').length > 1 ? project.split('/')[0] : 'service'}`,
  run: (root) => runTool(root, 'tsc', ['--noEmit', '-p', project]),
});

const STEPS: readonly Step[] = [
  ...PROJECTS.map(types),
  {
    name: 'format',
    run: (root, fix) => runTool(root, 'biome', ['format', ...(fix ? ['--write'] : []), '.']),
  },
  {
    name: 'lint',
    run: (root, fix) =>
      runTool(root, 'biome', [
        'lint',
        '--error-on-warnings',
        '--max-diagnostics=200',
        ...(fix ? ['--write'] : []),
        '.',
      ]),
  },
  { name: 'dead-code', run: (root) => runTool(root, 'knip', ['--no-progress']) },
  {
    name: 'migrations',
    run: async (root, fix) => checkMigrations(join(root, 'scripts', 'db', 'migrations'), fix),
  },
  { name: 'env-template', run: async (root, fix) => checkEnvTemplate(root, fix) },
  { name: 'limits', run: async (root, fix) => checkLimits(root, fix) },
  { name: 'metrics', run: checkMetrics },
  { name: 'openapi', run: checkOpenApi },
];

/** Runs the checks that `argv` asks for and prints their outcome. Resolves to the exit code: 0 when all passed. */
export async function runCheck(argv: string[]): Promise<number> {
  const options = readOptions(argv);
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(`${HELP}${STEPS.map((step) => step.name).join(', ')}\n`);
    return 0;
  }
  const outcomes: Outcome[] = [];
  for (const step of STEPS) {
    if (options.only.length > 0 && !options.only.includes(step.name)) continue;
    const outcome = await runStep(step, options.fix);
    outcomes.push(outcome);
    if (!options.json) process.stdout.write(describe(outcome));
  }
  const failed = outcomes.filter((outcome) => !outcome.ok);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ok: failed.length === 0, steps: outcomes })}\n`);
  } else {
    const names = failed.map((outcome) => outcome.name).join(', ');
    process.stdout.write(
      failed.length === 0
        ? `All ${outcomes.length} checks passed.\n`
        : `${failed.length} of ${outcomes.length} checks failed: ${names}\n`,
    );
  }
  return failed.length === 0 ? 0 : 1;
}

function readOptions(argv: string[]) {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        fix: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        only: { type: 'string', multiple: true, default: [] },
      },
    });
    const unknown = values.only.filter((name) => !STEPS.some((step) => step.name === name));
    if (unknown.length > 0) return `./aura check: there is no step "${unknown.join('", "')}"; see --help`;
    return values;
  } catch (error) {
    return `./aura check: ${(error as Error).message}`;
  }
}

async function runStep(step: Step, fix: boolean): Promise<Outcome> {
  const start = performance.now();
  let faults: readonly string[];
  try {
    faults = await step.run(ROOT, fix);
  } catch (error) {
    faults = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
  return {
    name: step.name,
    ok: faults.length === 0,
    durationMs: Math.round(performance.now() - start),
    faults,
  };
}

function describe(outcome: Outcome): string {
  const seconds = (outcome.durationMs / 1000).toFixed(1).padStart(5);
  const line = `${outcome.ok ? 'ok    ' : 'FAILED'} ${seconds} s  ${outcome.name}\n`;
  return line + outcome.faults.map((fault) => `${fault.replace(/^/gm, '    ')}\n`).join('');
}
