/**
 * Sydent, the reference implementation of the Matrix Identity Service, as its package runs it: one process over SQLite,
 * filled with the bench's data in the hashed form that it stores itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../auralink-communication-service/launcher/install.ts';

const READY_POLL_MS = 100;
const READY_TIMEOUT_MS = 60_000;
const TOKEN = 'bench-token';

/** Hashes and rows as Sydent's own bind writes them; arguments: database, server name, number of addresses. */
const FILL = `
import base64, hashlib, sqlite3, sys
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = sqlite3.connect(path)
pepper = db.execute("select lookup_pepper from hashing_metadata").fetchone()[0]
def row(n):
    address, mxid = "user%d@example.org" % n, "@user%d:example.org" % n
    digest = hashlib.sha256(("%s email %s" % (address, pepper)).encode()).digest()
    return ("email", address, mxid, 1, 1, 1 << 45, name, n, "{}", base64.urlsafe_b64encode(digest).decode().rstrip("="))
db.executemany("insert into global_threepid_associations"
    " (medium, address, mxid, ts, notBefore, notAfter, originServer, originId, sgAssoc, lookup_hash)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (row(n) for n in range(count)))
db.execute("insert into accounts values ('@bench:example.org', 1, null)")
db.execute("insert into tokens values ('${TOKEN}', '@bench:example.org')")
db.commit()
`;

export interface Sydent {
  readonly port: number;
  readonly token: string;
  readonly pepper: string;
  stop(): Promise<void>;
}

/** `folder` is made and, at the end, removed. */
export async function startSydent(
  python: string,
  folder: string,
  port: number,
  addresses: number,
): Promise<Sydent> {
  mkdirSync(folder, { recursive: true });
  const conf = join(folder, 'sydent.conf');
  writeFileSync(
    conf,
    [
      ...[
        '[general]',
        'server.name = localhost',
        'log.level = ERROR',
        `pidfile.path = ${join(folder, 'pid')}`,
      ],
      ...['[db]', `db.file = ${join(folder, 'sydent.db')}`],
      ...['[http]', 'clientapi.http.bind_address = 127.0.0.1', `clientapi.http.port = ${port}`],
      ...['internalapi.http.port =', 'replication.https.certfile =', ''],
    ].join('\n'),
  );
  // The first start makes the schema and the pepper.
  await stopped(await started(python, folder, conf, port));
  await run(python, ['-c', FILL, join(folder, 'sydent.db'), 'localhost', String(addresses)]);
  const child = await started(python, folder, conf, port);
  const answer = await fetch(`http://127.0.0.1:${port}/_matrix/identity/v2/hash_details`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const { lookup_pepper: pepper } = (await answer.json()) as { lookup_pepper: string };
  return {
    port,
    pepper,
    token: TOKEN,
    stop: async () => {
      await stopped(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function started(python: string, folder: string, conf: string, port: number): Promise<ChildProcess> {
  const child = spawn(python, ['-m', 'sydent.sydent'], {
    cwd: folder,
    env: { ...process.env, SYDENT_CONF: conf },
    stdio: 'ignore',
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const giveUpAt = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < giveUpAt && child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/_matrix/identity/v2`).catch(() => null);
    if (answer?.ok) return child;
    await delay(READY_POLL_MS);
  }
  child.kill('SIGKILL');
  throw new Error('Sydent does not answer');
}

async function stopped(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
