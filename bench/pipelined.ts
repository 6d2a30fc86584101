/**
 * A load generator for HTTP requests that is as light as it can be, for it shares the processors with what it measures:
 * some keep-alive connections, on each a number of requests under way (HTTP/1.1 pipelining), all bytes prepared
 * beforehand, of the answers nothing read but their status lines.
 */
import type { Socket } from 'node:net';
import { openConnection } from './processes.ts';

const STATUS_LINE = 'HTTP/1.1 ';
/** Status line up to the code's last digit. */
const STATUS_BYTES = STATUS_LINE.length + 3;

export interface PipelineOptions {
  readonly port: number;
  readonly connections: number;
  /** Requests under way on each connection. */
  readonly depth: number;
  /**
   * Of all connections only so many have requests under way at a time, the others' turn comes one after the other: so that
   * it does not depend on luck how many of a few connections each process has.
   */
  readonly busy?: number;
  readonly seconds: number;
  /** The n-th request as it goes over the wire, from 0. */
  readonly request: (n: number) => string;
}

export interface Rate {
  readonly perSecond: number;
  /** Answers by status, those of the warm-up included. */
  readonly statuses: ReadonlyMap<number, number>;
  /** From sending to the status line's arrival, without the warm-up. */
  readonly tookMs: readonly number[];
}

/** Requests answered a second, after a warm-up of a quarter of the time. Throws when a connection breaks. */
export async function measureRate(options: PipelineOptions): Promise<Rate> {
  const statuses = new Map<number, number>();
  let sent = 0;
  let answered = 0;
  let stopped = false;
  let counting = false;
  const tookMs: number[] = [];
  const sockets: Socket[] = [];
  const idle: (() => void)[] = [];
  const busy = options.busy ?? options.connections;
  const open = async (): Promise<void> => {
    const socket = await openConnection(options.port);
    sockets.push(socket);
    let rest: Buffer = Buffer.alloc(0);
    // Answers come in the order of their requests.
    const sentMs: number[] = [];
    const next = (): string => {
      sentMs.push(performance.now());
      return options.request(sent++);
    };
    socket.on('data', (chunk: Buffer) => {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let again = '';
      let at = data.indexOf(STATUS_LINE);
      let seenTo = 0;
      while (at !== -1 && at + STATUS_BYTES <= data.length) {
        const status = Number(data.toString('latin1', at + STATUS_LINE.length, at + STATUS_BYTES));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        answered += 1;
        seenTo = at + STATUS_BYTES;
        const took = performance.now() - (sentMs.shift() ?? 0);
        if (counting) tookMs.push(took);
        if (!stopped && busy === options.connections) again += next();
        else if (!stopped) {
          idle.push(begin);
          idle.shift()?.();
        }
        at = data.indexOf(STATUS_LINE, seenTo);
      }
      // The beginning of a status line may be the end of this chunk.
      rest = data.subarray(Math.max(seenTo, data.length - STATUS_BYTES + 1));
      if (again !== '') socket.write(again, 'latin1');
    });
    const begin = (): void => {
      socket.write(Array.from({ length: options.depth }, next).join(''), 'latin1');
    };
    if (sockets.length <= busy) begin();
    else idle.push(begin);
  };
  const broken = new Promise<never>((_resolve, reject) => {
    void Promise.all(Array.from({ length: options.connections }, open)).then(() => {
      for (const socket of sockets) {
        socket.once('error', reject);
        socket.once('close', () => stopped || reject(new Error('the service closed a connection')));
      }
    }, reject);
  });
  const wait = (ms: number) => Promise.race([new Promise((resolve) => setTimeout(resolve, ms)), broken]);
  await wait((options.seconds * 1_000) / 4);
  const [fromMs, from] = [performance.now(), answered];
  counting = true;
  await wait(options.seconds * 1_000);
  const perSecond = ((answered - from) * 1_000) / (performance.now() - fromMs);
  counting = false;
  stopped = true;
  for (const socket of sockets) socket.destroy();
  return { perSecond, statuses, tookMs };
}
