/**
 * What every page does first: one AuraLink endpoint, put where an app's developer can look at it from the console
 * (`auralink`, and `auralinkLog` with what arrived), and the way back from a sign-in finished.
 */
import {
  type AuraLink,
  AuraLinkError,
  type AuraLinkEvents,
  createAuraLink,
} from '../../auralink-client/index.ts';

const LOG_MAX = 200;
/** Not `ring`: a log must not count as showing it, so it is noted where the page does (call/controller.ts). */
const LOGGED = [
  'ringStopped',
  'ringNotice',
  'callUpdated',
  'contactUpdated',
  'contactRequest',
  'state',
  'session',
  'fault',
] as const;

export interface LogEntry {
  /** Milliseconds since 1970, with fractions. */
  readonly atMs: number;
  readonly type: keyof AuraLinkEvents;
  readonly data: unknown;
}

declare global {
  interface Window {
    auralink?: AuraLink;
    auralinkLog?: LogEntry[];
  }
}

export interface Booted {
  readonly auralink: AuraLink;
  /** Why the sign-in that just came back failed, for people. */
  readonly signInError: string | null;
}

export async function boot(appId: string, baseUrl: string, scope?: string): Promise<Booted> {
  const auralink = createAuraLink({
    baseUrl,
    appId,
    redirectUri: `${location.origin}/`,
    ...(scope === undefined ? {} : { scope }),
  });
  const log: LogEntry[] = [];
  for (const type of LOGGED) auralink.on(type, (data) => note(log, type, data));
  window.auralink = auralink;
  window.auralinkLog = log;
  try {
    await auralink.handleRedirect();
    return { auralink, signInError: null };
  } catch (error) {
    if (!(error instanceof AuraLinkError)) throw error;
    return { auralink, signInError: error.reason === 'access_denied' ? null : error.message };
  }
}

export function noteEvent(type: keyof AuraLinkEvents, data: unknown): void {
  if (window.auralinkLog !== undefined) note(window.auralinkLog, type, data);
}

function note(log: LogEntry[], type: keyof AuraLinkEvents, data: unknown): void {
  log.push({ atMs: performance.timeOrigin + performance.now(), type, data });
  if (log.length > LOG_MAX) log.shift();
}
