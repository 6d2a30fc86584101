/** How a program on this machine reaches a door: from the address that the door binds to one that can be dialled. */
import { isIPv6 } from 'node:net';

/** Addresses that stand for every one of this machine's, and the one of those that is always there. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** E.g. `http://127.0.0.1:8010` for a door that binds 0.0.0.0. */
export function httpOrigin(host: string, port: number): string {
  const address = LOOPBACK_OF[host] ?? host;
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
