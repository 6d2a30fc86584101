/** Dates of the machine readable zone: six digits without a century; parts of a birth date may be unknown (ICAO Doc 9303-3, 4.8). */

/** Years after which an expiry is taken for one of the last century: no document is valid for so long. */
export const EXPIRY_AHEAD_MAX_YEARS = 50;

/** `1974-08-12`, `1974-08` or `1974`; null when there is no such day. A year that has not come yet is of the last century. */
export function birthDateOf(raw: string, today: Date): string | null {
  const match = /^(\d\d)(\d\d|<<)(\d\d|<<)$/.exec(raw);
  if (match === null) return null;
  const [, year = '', month = '', day = ''] = match;
  const now = today.toISOString().slice(0, 10);
  if (month === '<<') {
    const full = `20${year}` > now.slice(0, 4) ? `19${year}` : `20${year}`;
    return day === '<<' ? full : null;
  }
  for (const century of ['20', '19']) {
    const text = day === '<<' ? `${century}${year}-${month}` : `${century}${year}-${month}-${day}`;
    if (isDay(day === '<<' ? `${text}-01` : text) && text <= now) return text;
  }
  return null;
}

/** `2030-04-15`; null when there is no such day. */
export function expiryOf(raw: string, today: Date): string | null {
  if (!/^\d{6}$/.test(raw)) return null;
  const latest = today.getUTCFullYear() + EXPIRY_AHEAD_MAX_YEARS;
  const year = 2000 + Number(raw.slice(0, 2));
  const text = `${year > latest ? year - 100 : year}-${raw.slice(2, 4)}-${raw.slice(4)}`;
  return isDay(text) ? text : null;
}

/** Whether the calendar has this day: 30 February is none. */
function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}
