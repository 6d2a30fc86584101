/** Whether ports are free, and a port base all of whose ports are. */
import { createServer } from 'node:net';
import { PORT_SPAN, portsFor } from './ports.ts';

/** Below the range from which the system gives ports to outgoing connections. */
const FIRST_BASE = 27_000;
const LAST_BASE = 32_000;
const ATTEMPTS = 200;

export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Picked at random, so that several test runs seldom meet. Throws when nothing is free. */
export async function findFreePortBase(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const base = FIRST_BASE + Math.floor(Math.random() * ((LAST_BASE - FIRST_BASE) / PORT_SPAN)) * PORT_SPAN;
    const { livekitUdpFirst: _first, livekitUdpLast: _last, ...tcp } = portsFor(base);
    const free = await Promise.all(Object.values(tcp).map((port) => isPortFree(port)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no free ports between ${FIRST_BASE} and ${LAST_BASE}`);
}
