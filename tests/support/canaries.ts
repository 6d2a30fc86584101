/**
 * Looking for planted texts wherever a constellation keeps anything: both databases as pg_dump writes them, Redis with
 * every key and value, what the homeserver keeps of pictures, and every log. A text is looked for in each form in which it could lie there.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient, RESP_TYPES } from 'redis';
import type { Constellation } from '../../auralink-communication-service/launcher/constellation.ts';

const DUMP_MAX_BYTES = 256 * 1024 * 1024;

/** Plain, UTF-16, hex, URL-encoded, and base64 and base64url wherever in a longer text it begins. */
export function formsOf(canary: string): Buffer[] {
  const bytes = Buffer.from(canary);
  const texts = [
    canary,
    encodeURIComponent(canary),
    JSON.stringify(canary).slice(1, -1),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
  ];
  for (const encoding of ['base64', 'base64url'] as const) {
    for (const before of [0, 1, 2]) {
      const encoded = Buffer.concat([Buffer.alloc(before), bytes])
        .toString(encoding)
        .replace(/=+$/, '');
      // The first and the last characters depend on what stands around it.
      texts.push(encoded.slice(before === 0 ? 0 : before + 1, -1));
    }
  }
  return [...new Set(texts)].map((text) => Buffer.from(text)).concat(Buffer.from(canary, 'utf16le'));
}

/** "canary in place" for each that is found. */
export function findCanaries(
  canaries: Readonly<Record<string, string>>,
  places: ReadonlyMap<string, Buffer>,
): string[] {
  return Object.entries(canaries).flatMap(([name, canary]) => {
    const forms = formsOf(canary);
    return [...places]
      .filter(([, bytes]) => forms.some((form) => bytes.includes(form)))
      .map(([place]) => `${name} in ${place}`);
  });
}

/** All that the constellation keeps, by the name of the place. */
export async function allPlaces(constellation: Constellation): Promise<Map<string, Buffer>> {
  const { config, layout } = constellation.settings;
  const places = new Map<string, Buffer>();
  for (const database of [config.COMM_POSTGRES_DB, config.COMM_POSTGRES_SYNAPSE_DB]) {
    places.set(`database ${database}`, await dumpOf(constellation, database));
  }
  places.set('redis', await redisDump(constellation));
  for (const name of readdirSync(layout.logsDir)) {
    places.set(`log ${name}`, readFileSync(join(layout.logsDir, name)));
  }
  for (const name of readdirSync(layout.dataDir, { recursive: true, encoding: 'utf8' })) {
    if (/\.(?:log|jsonl)$/.test(name)) places.set(`file ${name}`, readFileSync(join(layout.dataDir, name)));
  }
  places.set('media store', mediaStore(constellation));
  return places;
}

/** Every file in it, one behind the other. */
export function mediaStore({ settings }: Constellation): Buffer {
  const folder = join(settings.layout.synapseDir, 'media');
  // Without Synapse there is none.
  if (!existsSync(folder)) return Buffer.alloc(0);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return Buffer.concat(files.map((file) => readFileSync(join(file.parentPath, file.name))));
}

/** As pg_dump writes it. */
export async function dumpOf({ settings }: Constellation, database: string): Promise<Buffer> {
  const { config } = settings;
  const { stdout } = await promisify(execFile)(
    'pg_dump',
    [
      ...['--host', config.COMM_POSTGRES_HOST, '--port', String(config.COMM_POSTGRES_PORT)],
      ...['--username', config.COMM_POSTGRES_USER, '--no-password', '--format=plain', database],
    ],
    {
      env: { PATH: process.env.PATH, PGPASSWORD: config.COMM_POSTGRES_PASSWORD },
      encoding: 'buffer',
      maxBuffer: DUMP_MAX_BYTES,
    },
  );
  return stdout;
}

/** Keys, and values as DUMP gives them (small values lie plain in it). */
async function redisDump({ settings }: Constellation): Promise<Buffer> {
  const { COMM_REDIS_HOST: host, COMM_REDIS_PORT: port, COMM_REDIS_PASSWORD: password } = settings.config;
  const client = createClient({
    socket: { host, port },
    ...(password === '' ? {} : { password }),
  }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  client.on('error', () => {});
  await client.connect();
  try {
    const parts: Buffer[] = [];
    for await (const keys of client.scanIterator()) {
      for (const key of keys) {
        const value = (await client.sendCommand(['DUMP', key])) as unknown as Buffer | null;
        parts.push(Buffer.from(key), value ?? Buffer.alloc(0));
      }
    }
    return Buffer.concat(parts);
  } finally {
    client.destroy();
  }
}
