/** Whom limits count: an IPv4 address, or the /64 that one IPv6 subscriber has to herself (RFC 6177). */
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';

const SUBSCRIBER_PARTS = 4;

/** `request.ip` already knows which balancers to believe. */
export function clientAddress(request: FastifyRequest): string {
  if (!ipaddr.isValid(request.ip)) return request.ip;
  const address = ipaddr.process(request.ip);
  if (address.kind() === 'ipv4') return address.toString();
  const parts = (address as ipaddr.IPv6).parts.slice(0, SUBSCRIBER_PARTS);
  return `${parts.map((part) => part.toString(16)).join(':')}::/64`;
}
