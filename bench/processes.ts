/**
 * What the operating system knows about the processes under measurement: processor time, resident memory, and which
 * of several processes behind one port has accepted a connection. Linux tells by /proc; elsewhere memory comes from
 * `ps` and the rest is unknown.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const IS_LINUX = process.platform === 'linux';
/** USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const ACCEPT_POLL_MS = 2;
const ACCEPT_TIMEOUT_MS = 2_000;
/** Two processes: every other connection is the right one. */
const CONNECT_ATTEMPTS = 64;
const SETTLE_POLL_MS = 500;
const SETTLED_SAMPLES = 10;
const SETTLED_WITHIN = 0.005;
const SETTLE_TIMEOUT_MS = 60_000;

/** Resident memory in KiB. */
export function residentKib(pid: number): number {
  if (IS_LINUX) return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
}

/** The sum over `pids` once it has stopped moving: a collector or compiler at work must not be taken for sockets. */
export async function settledKib(pids: readonly number[]): Promise<number> {
  const total = (): number => pids.reduce((sum, pid) => sum + residentKib(pid), 0);
  const giveUpAt = performance.now() + SETTLE_TIMEOUT_MS;
  const samples: number[] = [];
  while (performance.now() < giveUpAt) {
    samples.push(total());
    const last = samples.slice(-SETTLED_SAMPLES);
    const spread = Math.max(...last) - Math.min(...last);
    if (last.length === SETTLED_SAMPLES && spread <= Math.max(...last) * SETTLED_WITHIN) break;
    await delay(SETTLE_POLL_MS);
  }
  return total();
}

interface Stat {
  readonly parent: number;
  /** Own time and that of children which have ended. */
  readonly ticks: number;
}

function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may contain blanks; the fields after it are counted from the state, field 3.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (n: number): number => Number(fields[n - 3]);
    return { parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
  } catch {
    return null;
  }
}

/** Processor seconds of `pid` and all its descendants so far; 0 where it cannot be known. */
export function processorSeconds(pid: number): number {
  if (!IS_LINUX) return 0;
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    if (found !== null) stats.set(Number(name), found);
  }
  const family = new Set([pid]);
  let before = 0;
  while (family.size > before) {
    before = family.size;
    for (const [child, { parent }] of stats) if (family.has(parent)) family.add(child);
  }
  let ticks = 0;
  for (const member of family) ticks += stats.get(member)?.ticks ?? 0;
  return ticks / TICKS_PER_SECOND;
}

/** Which of `pids` has accepted the connection between `port` and our `localPort`; null where it cannot be known. */
async function findAcceptor(
  port: number,
  localPort: number,
  pids: readonly number[],
): Promise<number | null> {
  const hex = (n: number): string => n.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`:${hex(port)} [0-9A-F]+:${hex(localPort)} (?:\\S+ +){5}\\d+ +(\\d+)`);
  const giveUpAt = performance.now() + ACCEPT_TIMEOUT_MS;
  while (performance.now() < giveUpAt) {
    // Zero until the process has taken it from the queue.
    const inode = row.exec(readFileSync('/proc/net/tcp', 'utf8'))?.[1] ?? '0';
    const holder = inode === '0' ? undefined : pids.find((pid) => holdsSocket(pid, inode));
    if (holder !== undefined) return holder;
    await delay(ACCEPT_POLL_MS);
  }
  throw new Error(`none of the processes ${pids.join(', ')} took a connection to port ${port}`);
}

function holdsSocket(pid: number, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`) === `socket:[${inode}]`;
    } catch {
      return false;
    }
  });
}

/**
 * A TCP connection to 127.0.0.1:`port` that the process `wanted`, one of `pids`, has accepted. Where the acceptor
 * cannot be known, any connection.
 */
export async function connectTo(port: number, wanted: number, pids: readonly number[]): Promise<Socket> {
  for (let attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
    const socket = await openConnection(port);
    if (!IS_LINUX || (await findAcceptor(port, socket.localPort ?? 0, pids)) === wanted) return socket;
    socket.destroy();
  }
  throw new Error(`process ${wanted} took none of ${CONNECT_ATTEMPTS} connections to port ${port}`);
}

/** To 127.0.0.1:`port`, whichever process takes it. */
export function openConnection(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
