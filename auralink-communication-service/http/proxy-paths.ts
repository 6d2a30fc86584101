/**
 * Which paths of the public door may reach Synapse. The path is passed on byte for byte, so whatever another parser
 * might read into it (percent-encoding, doubled slashes, dot segments, backslashes, case) is judged here first.
 */

/** A path is decoded this often at most; more layers than any real client has. */
const DECODE_ROUNDS_MAX = 5;
const OPEN = ['/_matrix/', '/_synapse/client/'];
/** The application service's own surface, the administrators' API, Synapse's metrics. */
const CLOSED = [
  '/_matrix/app',
  '/_synapse/admin',
  '/_synapse/metrics',
  '/_synapse/replication',
  '/_synapse/mas',
];
const DOT_SEGMENT = /(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\?#]|$)/i;

/** `url` as the client sent it, query included. */
export function mayReachSynapse(url: string): boolean {
  const query = url.search(/[?#]/);
  const path = query < 0 ? url : url.slice(0, query);
  if (!OPEN.some((prefix) => path.startsWith(prefix))) return false;
  if (path.includes('\\') || DOT_SEGMENT.test(path)) return false;
  const plain = plainestForm(path);
  return !CLOSED.some((prefix) => plain === prefix || plain.startsWith(`${prefix}/`));
}

/** What the most generous parser could make of the path: decoded, slashes collapsed, dots resolved, lower case. */
function plainestForm(path: string): string {
  let decoded = path;
  for (let round = 0; round < DECODE_ROUNDS_MAX; round++) {
    const next = decodeLeniently(decoded);
    if (next === decoded) break;
    decoded = next;
  }
  const segments: string[] = [];
  for (const segment of decoded.toLowerCase().split(/[/\\]+/)) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment.replace(/[;?#\0].*$/s, ''));
  }
  return `/${segments.join('/')}`;
}

/** Only single bytes of ASCII matter here; malformed and other sequences stay as they are. */
function decodeLeniently(text: string): string {
  return text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

const LOGIN = /^\/_matrix\/client\/(?:api\/v1|r0|v3|unstable)\/login\/?(?:\?|$)/;

/** Every spelling of the login path that Synapse's router knows. */
export function isLoginPath(url: string): boolean {
  return LOGIN.test(url);
}
