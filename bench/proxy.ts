/**
 * What the public door adds to a request for Synapse: the same request straight to Synapse and through 8008, in turns,
 * each over one kept-alive connection, one at a time; the figure is the median of the differences within the pairs.
 */
import { request } from 'undici';
import type { BenchOptions, Figure } from '../auralink-communication-service/launcher/bench.ts';
import { openTimedGet, percentile, withConstellation } from './lib.ts';

const PAIRS_PER_PATH = 2_000;
/** Until both sides' compilers have settled. */
const WARM_UP_PAIRS = 300;
const PATHS = ['/_matrix/client/versions', '/_matrix/client/v3/account/whoami'];
const ADDED_WANTED_MS = 1;

interface Pair {
  readonly directMs: number;
  readonly throughMs: number;
}

export async function run({ note }: BenchOptions): Promise<Figure[]> {
  return await withConstellation('proxy', { redis: false }, async ({ urls, secret }) => {
    const token = await signIn(urls.synapse, secret('SYNAPSE_ADMIN_PASSWORD'));
    const pairs: Pair[] = [];
    for (const path of PATHS) {
      note(`${WARM_UP_PAIRS} + ${PAIRS_PER_PATH} pairs of GET ${path}`);
      pairs.push(...(await measurePairs(urls.synapse, urls.public, token, path)));
    }
    return figuresOf(pairs);
  });
}

async function signIn(synapseUrl: string, password: string): Promise<string> {
  const answer = await request(`${synapseUrl}/_matrix/client/v3/login`, {
    method: 'POST',
    body: JSON.stringify({
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'auralink-admin' },
      password,
    }),
  });
  const body = (await answer.body.json()) as { access_token?: string };
  if (body.access_token === undefined) throw new Error(`the login answered ${answer.statusCode}`);
  return body.access_token;
}

async function measurePairs(
  synapseUrl: string,
  publicUrl: string,
  token: string,
  path: string,
): Promise<Pair[]> {
  const direct = openTimedGet(synapseUrl, token);
  const through = openTimedGet(publicUrl, token);
  const pairs: Pair[] = [];
  try {
    for (let i = -WARM_UP_PAIRS; i < PAIRS_PER_PATH; i++) {
      const pair = i % 2 === 0 ? await directFirst() : await throughFirst();
      if (i >= 0) pairs.push(pair);
    }
  } finally {
    await Promise.all([direct.close(), through.close()]);
  }
  return pairs;

  async function directFirst(): Promise<Pair> {
    const directMs = await direct.get(path);
    return { directMs, throughMs: await through.get(path) };
  }
  async function throughFirst(): Promise<Pair> {
    const throughMs = await through.get(path);
    return { directMs: await direct.get(path), throughMs };
  }
}

function figuresOf(pairs: readonly Pair[]): Figure[] {
  const added = pairs.map(({ directMs, throughMs }) => throughMs - directMs);
  const direct = pairs.map((pair) => pair.directMs);
  const through = pairs.map((pair) => pair.throughMs);
  const ms = (name: string, value: number, wanted: string, peer?: number): Figure => ({
    name,
    value: Number(value.toFixed(3)),
    unit: 'ms',
    wanted,
    ...(peer === undefined ? {} : { peer: Number(peer.toFixed(3)) }),
  });
  return [
    ms('proxy.added_ms.p50', percentile(added, 0.5), `< ${ADDED_WANTED_MS}`),
    ms(
      'proxy.through_ms.p50',
      percentile(through, 0.5),
      'near its peer, the same request straight to Synapse',
      percentile(direct, 0.5),
    ),
    ms('proxy.through_ms.p95', percentile(through, 0.95), 'near its peer', percentile(direct, 0.95)),
  ];
}
