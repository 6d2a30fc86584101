/**
 * Which paths of the public door may reach Synapse. The path is passed on byte for byte, so whatever another parser
 * might read into it (percent-encoding, doubled slashes, dot segments, backslashes, case) is judged here first.
 */

/** A path is decoded this often at most; more layers than any real client has. */
const DECODE_ROUNDS_MAX = 5;
const OPEN = ['/_matrix/', '/_synapse/client/'];
/** The application service's own surface, what is ours alone, the administrators' API, Synapse's metrics. */
const CLOSED = [
  '/_matrix/app',
  '/_matrix/identity',
  '/_synapse/admin',
  '/_synapse/metrics',
  '/_synapse/replication',
  '/_synapse/mas',
];
const DOT_SEGMENT = /(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\?#]|$)/i;

/** `url` as the client sent it, query included. */
export function mayReachSynapse(url: string): boolean {
  const path = withoutQuery(url);
  if (!OPEN.some((prefix) => path.startsWith(prefix))) return false;
  if (path.includes('\\') || DOT_SEGMENT.test(path)) return false;
  const plain = plainestForm(path);
  return !CLOSED.some((prefix) => plain === prefix || plain.startsWith(`${prefix}/`));
}

/** What the most generous parser could make of the path: decoded, slashes collapsed, dots resolved, lower case. */
function plainestForm(path: string): string {
  return `/${plainSegments(path).join('/')}`.toLowerCase();
}

/** The same in pieces, each with its own capital letters. */
function plainSegments(path: string): string[] {
  let decoded = path;
  for (let round = 0; round < DECODE_ROUNDS_MAX; round++) {
    const next = decodeLeniently(decoded);
    if (next === decoded) break;
    decoded = next;
  }
  const segments: string[] = [];
  for (const segment of decoded.split(/[/\\]+/)) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment.replace(/[;?#\0].*$/s, ''));
  }
  return segments;
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

/** A profile's path has its user's id here at the latest: `/_matrix/client/unstable/uk.tcpip.msc4133/profile/…`. */
const PROFILE_AT_MAX = 4;

/**
 * Whose profile the path names, by any spelling and version: all readings of it, because an id may hold a slash. Null
 * when it names none.
 */
export function findProfileUsers(url: string): string[] | null {
  const segments = plainSegments(withoutQuery(url));
  const at = segments.findIndex((segment) => segment.toLowerCase() === 'profile');
  if (!isClientPath(segments) || at < 0 || at > PROFILE_AT_MAX) return null;
  const rest = segments.slice(at + 1);
  return rest.map((_, i) => rest.slice(0, i + 1).join('/'));
}

/** A search in Synapse's directory of users. */
export function isDirectorySearch(url: string): boolean {
  return /^\/_matrix\/client\/[^/]+(?:\/[^/]+)?\/user_directory\/search$/.test(
    plainestForm(withoutQuery(url)),
  );
}

function isClientPath(segments: readonly string[]): boolean {
  return segments[0]?.toLowerCase() === '_matrix' && segments[1]?.toLowerCase() === 'client';
}

function withoutQuery(url: string): string {
  const query = url.search(/[?#]/);
  return query < 0 ? url : url.slice(0, query);
}
