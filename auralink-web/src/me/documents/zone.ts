/**
 * The machine readable zone in a text that a program read from a photo: its lines are found among all others, brought to
 * the length that they must have, and letters where only digits can stand (and the other way round) are put right.
 */
import { parse } from 'mrz';
import { ZONE_SIZES } from './mrz-feedback.ts';

/** A line that lost or gained more characters than this is no line of that size. */
const SLACK = 3;

/** The lines of the zone; none when there is none. They may hold misreadings: who reads them must compare. */
export function zoneIn(text: string): string[] {
  const lines = text
    .toUpperCase()
    .replaceAll('«', '<<')
    .split('\n')
    .map((line) => line.replace(/[^A-Z0-9<]/g, ''))
    .filter((line) => line.includes('<') || /\d{6}/.test(line));
  for (const { count, length } of ZONE_SIZES) {
    for (let from = lines.length - count; from >= 0; from--) {
      const zone = lines.slice(from, from + count);
      if (!zone.every((line) => Math.abs(line.length - length) <= SLACK)) continue;
      return corrected(zone.map((line) => fitted(line, length)));
    }
  }
  return [];
}

/** Fillers are what is miscounted: as many are put in or taken out of the longest run as the line has too few or many. */
function fitted(line: string, length: number): string {
  const runs = [...line.matchAll(/<+/g)].sort((a, b) => b[0].length - a[0].length);
  const longest = runs[0];
  if (longest === undefined || line.length === length) return line.padEnd(length, '<').slice(0, length);
  const wanted = longest[0].length + length - line.length;
  if (wanted < 1) return line.slice(0, length);
  const end = longest.index + longest[0].length;
  return line.slice(0, longest.index) + '<'.repeat(wanted) + line.slice(end);
}

function corrected(lines: string[]): string[] {
  const rows = lines.map((line) => [...line]);
  for (const { autocorrect } of parse(lines, { autocorrect: true }).details) {
    for (const { line, column, corrected: character } of autocorrect) {
      const row = rows[line];
      if (row !== undefined) row[column] = character;
    }
  }
  return rows.map((row) => row.join(''));
}
