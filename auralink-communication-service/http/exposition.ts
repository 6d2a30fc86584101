/**
 * Joins two Prometheus expositions into one (Prometheus docs, "Exposition formats", text format 0.0.4): a family may
 * appear once only, so a family of the second text whose name the first has already used is left out.
 */

const COMMENT = /^# (?:HELP|TYPE) (\S+)/;
const SAMPLE = /^([A-Za-z_:][\w:]*)/;
const DERIVED = /_(?:bucket|sum|count|total|created|info)$/;

export function joinExpositions(ours: string, theirs: string): string {
  const taken = familiesOf(ours);
  const kept: string[] = [];
  for (const line of theirs.split('\n')) {
    const name = nameIn(line);
    if (name === null || taken.has(name) || taken.has(name.replace(DERIVED, ''))) continue;
    kept.push(line);
  }
  const first = ours.endsWith('\n') ? ours : `${ours}\n`;
  return kept.length === 0 ? first : `${first}${kept.join('\n')}\n`;
}

function familiesOf(text: string): Set<string> {
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    const name = COMMENT.exec(line)?.[1];
    if (name !== undefined) names.add(name);
  }
  return names;
}

/** Null for empty lines and for comments that say nothing about a family, such as OpenMetrics' `# EOF`. */
function nameIn(line: string): string | null {
  if (line.startsWith('#')) return COMMENT.exec(line)?.[1] ?? null;
  return SAMPLE.exec(line)?.[1] ?? null;
}
