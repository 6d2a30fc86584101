/**
 * The device key: one browser profile, as a first-party cookie of ours says. Apps never see it and cannot choose it; it
 * is signed, so that a cookie planted by a neighbouring host is not believed.
 */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DeviceKey } from '../core/ids.ts';

/** RFC 6265bis caps cookies at 400 days. */
export const DEVICE_COOKIE_DAYS = 400;

export interface DeviceCookie {
  /** The cookie's key if it is genuine. */
  find(request: IncomingMessage): DeviceKey | null;
  /** The same, or a new key that the answer will set; within one request it stays the same. */
  ensure(request: IncomingMessage, response: ServerResponse): DeviceKey;
}

/** `keys`: newest first; all are believed, the first one signs. `secure`: our origin is https. */
export function createDeviceCookie(keys: readonly string[], secure: boolean): DeviceCookie {
  const [signingKey] = keys;
  if (signingKey === undefined) throw new Error('cookies need at least one key');
  const name = secure ? '__Host-auralink_device' : 'auralink_device';
  const fresh = new WeakMap<IncomingMessage, DeviceKey>();
  const sign = (key: string, value: string) =>
    createHmac('sha256', key).update(`device:${value}`).digest().subarray(0, 24);

  const find = (request: IncomingMessage): DeviceKey | null => {
    const known = fresh.get(request);
    if (known !== undefined) return known;
    for (const text of cookieValues(request, name)) {
      const [value, signature] = text.split('.');
      if (value === undefined || signature === undefined) continue;
      const given = Buffer.from(signature, 'base64url');
      const genuine = keys.some((key) => {
        const wanted = sign(key, value);
        return given.length === wanted.length && timingSafeEqual(given, wanted);
      });
      if (genuine) return value as DeviceKey;
    }
    return null;
  };

  return {
    find,
    ensure(request, response) {
      const found = find(request);
      if (found !== null) return found;
      const value = randomUUID();
      const text = `${value}.${sign(signingKey, value).toString('base64url')}`;
      const maxAgeSeconds = DEVICE_COOKIE_DAYS * 86_400;
      response.appendHeader(
        'set-cookie',
        `${name}=${text}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`,
      );
      fresh.set(request, value as DeviceKey);
      return value as DeviceKey;
    },
  };
}

function cookieValues(request: IncomingMessage, name: string): string[] {
  return (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}
