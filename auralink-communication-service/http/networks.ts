/**
 * Where a request comes from: whether an address lies in given networks, and which address is the client's own when
 * balancers stand in between. IPv4 addresses mapped into IPv6 (::ffff:a.b.c.d) count as what they are.
 */
import ipaddr from 'ipaddr.js';

export type InNetworks = (address: string) => boolean;

/** Throws on a text that is neither an address nor a network in CIDR form. */
export function createNetworks(cidrs: readonly string[]): InNetworks {
  const ranges = cidrs.map((cidr) => {
    const text = cidr.includes('/') ? cidr : `${cidr}/${ipaddr.parse(cidr).kind() === 'ipv4' ? 32 : 128}`;
    return ipaddr.parseCIDR(text);
  });
  return (address) => {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(([base, bits]) => parsed.kind() === base.kind() && parsed.match(base, bits));
  };
}

/** The peer's address in its plain form, e.g. 127.0.0.1 for ::ffff:127.0.0.1. */
export function plainAddress(address: string): string {
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}

/**
 * X-Forwarded-For as we pass it on, the client first: everything left of the first address that no balancer of ours
 * vouches for may be forged, and engines believe the first entry. Without a trusted peer it is the peer alone.
 */
export function forwardedFor(peer: string, header: string | undefined, isTrusted: InNetworks): string[] {
  const chain = [plainAddress(peer)];
  const claimed = header === undefined ? [] : header.split(',').map((part) => part.trim());
  for (let next = claimed.pop(); next !== undefined && isTrusted(chain[0] ?? ''); next = claimed.pop()) {
    if (!ipaddr.isValid(next)) break;
    chain.unshift(plainAddress(next));
  }
  return chain;
}
