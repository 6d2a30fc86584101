/**
 * `./aura bench`: the list of benches and how their figures are told. A bench lies in bench/<name>.ts and exports
 * `run`; here we add the machine and the versions and print, for people or as one JSON object per bench.
 */
import { cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { FrontDoorError } from './errors.ts';
import { PROJECT_ROOT } from './layout.ts';
import { LIVEKIT_VERSION, POSTGRES_VERSION, SYNAPSE_VERSION } from './versions.ts';

export interface Figure {
  /** Stable name, e.g. `ring.invite_to_ringing_ms.p50`. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What is wanted, with its direction: `<= 8`. */
  readonly wanted: string;
  /** The same measured on what we compare with, in the same run. */
  readonly peer?: number;
  /** How many times better than the peer. */
  readonly ratio?: number;
}

export interface BenchOptions {
  readonly json: boolean;
  /** Further arguments, the bench's own business. */
  readonly argv: readonly string[];
  /** Progress, to stderr. */
  note(line: string): void;
}

interface BenchModule {
  run(options: BenchOptions): Promise<Figure[]>;
}

const BENCHES: Readonly<Record<string, string>> = {
  ring: 'ring, stop and load, beside the same ring as a Matrix event',
  proxy: 'what the public door adds to a request for Synapse',
  start: 'a second start, until /health is good',
  identity: 'a million names: look-ups, free or taken, registrations, and whether private people can be told',
  lookup: 'addresses looked up by hashes, side by side with Sydent',
};

export function benchNames(): string[] {
  return Object.keys(BENCHES);
}

/** Without a name runs all, one after the other. */
export async function runBench(
  name: string | undefined,
  options: { readonly json: boolean },
  argv: readonly string[],
): Promise<number> {
  if (name !== undefined && !(name in BENCHES)) {
    const list = Object.entries(BENCHES).map(([bench, what]) => `  ${bench.padEnd(8)}${what}`);
    throw new FrontDoorError(`There is no bench ${name}. There are:\n${list.join('\n')}`);
  }
  for (const bench of name === undefined ? benchNames() : [name]) {
    const module = (await import(join(PROJECT_ROOT, 'bench', `${bench}.ts`))) as BenchModule;
    const figures = await module.run({ json: options.json, argv, note: (line) => console.error(line) });
    const report = { bench, machine: machine(), versions: versions(), figures };
    if (options.json) console.log(JSON.stringify(report));
    else printFigures(bench, figures);
  }
  return 0;
}

function machine(): object {
  const processors = cpus();
  return {
    os: `${platform()} ${release()}`,
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
  };
}

function versions(): object {
  return {
    node: process.version,
    postgres: POSTGRES_VERSION,
    synapse: SYNAPSE_VERSION,
    livekit: LIVEKIT_VERSION,
  };
}

function printFigures(bench: string, figures: readonly Figure[]): void {
  const width = Math.max(...figures.map((figure) => figure.name.length));
  console.log(`${bench}:`);
  for (const figure of figures) {
    const peer = figure.peer === undefined ? '' : `  beside ${figure.peer} ${figure.unit}`;
    const ratio = figure.ratio === undefined ? '' : `  ${figure.ratio} times better`;
    const value = `${figure.value} ${figure.unit}`.padStart(14);
    console.log(`  ${figure.name.padEnd(width)}  ${value}  (wanted ${figure.wanted})${peer}${ratio}`);
  }
}
