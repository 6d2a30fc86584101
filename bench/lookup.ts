/**
 * Addresses looked up by hashes: 100,000 that are found by everybody, half of them bound by Matrix accounts and half
 * proved by people, whose rules are asked each time. Whole requests with the tokens of many accounts, in batches of 1 and
 * of 100, of which half are found; two service processes, the database and the load generator share the machine. Then the
 * same addresses and requests at Sydent.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { pepperedHash } from '../auralink-communication-service/auralink-modules/identity-service/lookup.ts';
import type { BenchOptions, Figure } from '../auralink-communication-service/launcher/bench.ts';
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import { findFreePortBase } from '../auralink-communication-service/launcher/free-ports.ts';
import { ensureSydent } from '../auralink-communication-service/launcher/install.ts';
import { consoleProgress } from '../auralink-communication-service/launcher/progress.ts';
import { openWorld } from '../tests/support/world.ts';
import { lookupHashes, makeAskers } from './identity-askers.ts';
import { percentile, withConstellation } from './lib.ts';
import { measureRate, type Rate } from './pipelined.ts';
import { startSydent } from './sydent.ts';

const ADDRESSES = 100_000;
const INSERT_BATCH = 10_000;
/** Accounts that ask, each for a few thousand addresses from a network of its own: none meets its limit. */
const ASKERS = 400;
/** Homeservers of these accounts. */
const SERVERS = 40;
/** Different requests of each size. */
const REQUESTS = 2_000;
const SECONDS = 10;
/** Requests under way at a time, each on another connection. */
const BUSY = 8;
/** So many that each process has about half of them. */
const CONNECTIONS = 64;

/** `--no-peer` leaves Sydent out. */
export async function run(options: BenchOptions): Promise<Figure[]> {
  const { values } = parseArgs({ args: [...options.argv], options: { 'no-peer': { type: 'boolean' } } });
  const withPeer = values['no-peer'] !== true;
  const python = withPeer ? await ensureSydent(consoleProgress(options.note)) : null;
  const env = { TRUSTED_PROXY_CIDRS: '127.0.0.1/32' };
  const setting = { processes: 2, without: ['synapse'], env } as const;
  return await withConstellation('lookup', setting, async (constellation) => {
    const ours = await measureOurs(constellation, options);
    const theirs = python === null ? null : await measureSydent(python, constellation, options);
    return [
      figure('lookup.batch1_per_s', ours.single, theirs?.single ?? null, 'more than its peer'),
      figure('lookup.batch100_per_s', ours.hundred, theirs?.hundred ?? null, '>= 1000'),
      ms('lookup.batch1_p99_ms', ours.single, 0.99, '<= 25'),
      ms('lookup.batch100_p50_ms', ours.hundred, 0.5, 'below its p99'),
      ms('lookup.batch100_p99_ms', ours.hundred, 0.99, '<= 25'),
      ...(theirs === null
        ? []
        : [
            ms('lookup.sydent_batch100_p50_ms', theirs.hundred, 0.5, 'the peer'),
            {
              name: 'lookup.times_sydent',
              value: round(ours.hundred.perSecond / theirs.hundred.perSecond),
              unit: 'times',
              wanted: '>= 50',
            },
          ]),
    ];
  });
}

interface Measured {
  readonly single: Rate;
  readonly hundred: Rate;
}

async function measureOurs(constellation: Constellation, options: BenchOptions): Promise<Measured> {
  const { settings } = constellation;
  const world = await openWorld(constellation);
  try {
    const tokens = await makeAskers(world.db, ASKERS, SERVERS);
    options.note(`loading ${ADDRESSES} addresses`);
    const pepper = await loadAddresses(world.db, constellation, tokens[0] ?? '');
    options.note('our service');
    return await measure({ port: settings.config.PUBLIC_PORT, pepper, tokens }, options);
  } finally {
    await world.close();
  }
}

async function measureSydent(
  python: string,
  { settings }: Constellation,
  options: BenchOptions,
): Promise<Measured> {
  options.note('Sydent');
  const folder = join(settings.layout.dataDir, 'sydent');
  const sydent = await startSydent(python, folder, (await findFreePortBase()) + 1, ADDRESSES);
  try {
    return await measure({ port: sydent.port, pepper: sydent.pepper, tokens: [sydent.token] }, options);
  } finally {
    await sydent.stop();
  }
}

/** One of the two services, with the same addresses. */
interface Side {
  readonly port: number;
  readonly pepper: string;
  readonly tokens: readonly string[];
}

/** A side that finds nothing would be fast: throws unless it finds just what is there. */
async function assertFinds({ port, pepper, tokens }: Side): Promise<void> {
  const names = ['user0', 'user1', `user${ADDRESSES - 2}`, `user${ADDRESSES - 1}`, 'nobody0', 'nobody1'];
  const addresses = names.map((name) =>
    pepperedHash('email', `${name}@example.org`, pepper).toString('base64url'),
  );
  const answer = await fetch(`http://127.0.0.1:${port}/_matrix/identity/v2/lookup`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens[0]}`, 'content-type': 'application/json' },
    body: JSON.stringify({ algorithm: 'sha256', pepper, addresses }),
  });
  const { mappings = {} } = (await answer.json()) as { mappings?: Record<string, string> };
  const found = addresses.map((hash) => mappings[hash] ?? null);
  const wanted = names.map((name) => (name.startsWith('user') ? `@${name}:example.org` : null));
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`asked for ${names.join(', ')}, it found ${JSON.stringify(found)} (${answer.status})`);
  }
}

async function measure(side: Side, options: BenchOptions): Promise<Measured> {
  const { port, pepper, tokens } = side;
  await assertFinds(side);
  const rates: Rate[] = [];
  for (const size of [1, 100]) {
    const requests = Array.from({ length: REQUESTS }, () => bodyOf(pepper, size));
    const rate = await measureRate({
      ...{ port, connections: CONNECTIONS, busy: BUSY, depth: 1, seconds: SECONDS },
      request: (n) => requestOf(requests[n % REQUESTS] as string, n % tokens.length, tokens),
    });
    const bad = [...rate.statuses].filter(([status]) => status !== 200);
    if (bad.length > 0) throw new Error(`some answers were ${bad.map(([s, n]) => `${n} × ${s}`).join(', ')}`);
    options.note(`  batches of ${size}: ${round(rate.perSecond)} a second`);
    rates.push(rate);
  }
  const [single, hundred] = rates as [Rate, Rate];
  return { single, hundred };
}

/** Every other address is one that nobody has. */
function bodyOf(pepper: string, size: number): string {
  const addresses = Array.from({ length: size }, (_, i) => {
    const isThere = size === 1 ? randomInt(2) === 0 : i % 2 === 0;
    const address = `${isThere ? 'user' : 'nobody'}${randomInt(ADDRESSES)}@example.org`;
    return pepperedHash('email', address, pepper).toString('base64url');
  });
  return JSON.stringify({ algorithm: 'sha256', pepper, addresses });
}

function requestOf(body: string, nth: number, tokens: readonly string[]): string {
  return (
    `POST /_matrix/identity/v2/lookup HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${tokens[nth]}\r\n` +
    `x-forwarded-for: 10.7.${nth >> 8}.${nth & 255}\r\n` +
    `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  );
}

/**
 * Even numbers are bound by Matrix accounts, odd ones proved by people; what they are indexed by is of the
 * current key, as it is in a service that has run for a while. Their envelopes are not opened by look-ups.
 */
async function loadAddresses(db: pg.Pool, constellation: Constellation, token: string): Promise<string> {
  const { pepper, keyId, digest } = await lookupHashes(constellation, token);
  const client = await db.connect();
  const tables = ['aura_id_registry', 'person_privacy', 'personal_fields', 'matrix_user_mappings'];
  try {
    for (const table of tables) await client.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
    for (let from = 0; from < ADDRESSES; from += INSERT_BATCH) {
      const digests = Array.from({ length: INSERT_BATCH }, (_, i) => digest(`user${from + i}@example.org`));
      await client.query(INSERT, [digests, from, pepper, keyId]);
    }
    for (const table of tables) await client.query(`ALTER TABLE ${table} ENABLE TRIGGER USER`);
    await client.query(`VACUUM ANALYZE ${tables.join(', ')}, identity_associations, identity_digests`);
  } finally {
    client.release();
  }
  return pepper;
}

const INSERT = `WITH made AS (
    SELECT $2::int + nth - 1 AS n, digest, gen_random_uuid() AS id, gen_random_uuid() AS field_id,
      ($2::int + nth - 1) % 2 = 1 AS is_person
    FROM unnest($1::uuid[]) WITH ORDINALITY AS d (digest, nth)
  ), people AS (
    INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, visibility, registration_key, activated_at)
    SELECT id, '@user' || n || '.aura', 'user' || n, 'active', 'public', 'bench:' || id, now() FROM made WHERE is_person
  ), rules AS (
    INSERT INTO person_privacy (person_id, find_by_email) SELECT id, 'public' FROM made WHERE is_person
  ), accounts AS (
    INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by, activated_at)
    SELECT '@user' || n || ':example.org', id, 'active', true, 'provisioned', now() FROM made WHERE is_person
  ), fields AS (
    INSERT INTO personal_fields (field_id, person_id, kind, envelope, blind_index, index_key_id, verified_at)
    SELECT field_id, id, 'email', '\\x00', uuid_send(digest), $4, now() FROM made WHERE is_person
  ), bound AS (
    INSERT INTO identity_associations (association_id, matrix_user_id, medium, address_envelope, validated_at)
    SELECT id, '@user' || n || ':example.org', 'email', '\\x00', now() FROM made WHERE NOT is_person
  )
  INSERT INTO identity_digests
    (digest, pepper_id, association_id, field_id, person_id, medium, matrix_user_id, proved_at, needed)
  SELECT digest, p.pepper_id, CASE WHEN NOT is_person THEN id END, CASE WHEN is_person THEN field_id END,
    CASE WHEN is_person THEN id END, 'email', '@user' || n || ':example.org', now(), CASE WHEN is_person THEN 1 END
  FROM made CROSS JOIN identity_peppers p WHERE p.pepper = $3`;

function figure(name: string, ours: Rate, theirs: Rate | null, wanted: string): Figure {
  const peer =
    theirs === null ? {} : { peer: round(theirs.perSecond), ratio: round(ours.perSecond / theirs.perSecond) };
  return { name, value: round(ours.perSecond), unit: '1/s', wanted, ...peer };
}

function ms(name: string, { tookMs }: Rate, share: number, wanted: string): Figure {
  return { name, value: round(percentile(tookMs, share)), unit: 'ms', wanted };
}

const round = (value: number): number => Math.round(value * 100) / 100;
