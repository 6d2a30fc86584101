/**
 * The order of routes, pure. "Do no harm": what comes first by nature (the path with no detour) is overtaken only by
 * one that is better for certain, that is, whose worst case beats the other's best.
 */
import { mos } from './e-model.ts';
import type { Route } from './model.ts';
import type { QualityEstimate } from './ports.ts';

/** A score as people read it; more digits would pretend to knowledge. */
const MOS_DIGITS = 2;

export function predictMos(quality: QualityEstimate | null): Route['mos'] {
  if (quality === null) return null;
  const round = (value: number) => Number(value.toFixed(MOS_DIGITS));
  return {
    value: round(mos(quality.expected)),
    low: round(mos(quality.worst)),
    high: round(mos(quality.best)),
  };
}

/** `routes` in their natural order; returns them as they should be tried. */
export function rankRoutes(routes: readonly Route[]): Route[] {
  const ranked: Route[] = [];
  for (const route of routes) {
    let at = ranked.length;
    while (at > 0 && beats(route, ranked[at - 1])) at--;
    ranked.splice(at, 0, route);
  }
  return ranked;
}

function beats(later: Route, earlier: Route | undefined): boolean {
  const [mine, other] = [later.mos, earlier?.mos];
  return mine !== null && other !== null && other !== undefined && mine.low > other.high;
}
