/**
 * What a path's delay and loss mean to two people who talk over it: the E-model of ITU-T G.107, with packet loss
 * concealment as in G.113 for G.711, reduced to what a network can change. Pure.
 */

/** Basic signal-to-noise ratio and all defaults together (G.107, table 3). */
const R_BEST = 93.2;
/** Equipment impairment and robustness to loss of G.711 with concealment (G.113, appendix I). */
const IE = 0;
const BPL = 25.1;
/** Loss is taken as independent from packet to packet. */
const BURST_R = 1;
/** Delay up to which conversation does not suffer, ms. */
const TA_FREE_MS = 100;
/** Capture, encoding, decoding and playing, ms one way. */
const PROCESSING_MS = 25;
/** Bounds of a jitter buffer that holds twice the jitter, ms. */
const BUFFER_MIN_MS = 20;
const BUFFER_MAX_MS = 200;
/** Worst mean opinion score of the scale. */
export const MOS_MIN = 1;
/** Best mean opinion score that the model gives. */
export const MOS_MAX = 4.5;

export interface PathQuality {
  readonly rttMs: number;
  readonly jitterMs: number;
  /** 0 to 1. */
  readonly lossRatio: number;
}

/** From mouth to ear, ms. */
export function oneWayDelayMs({ rttMs, jitterMs }: PathQuality): number {
  return rttMs / 2 + PROCESSING_MS + Math.min(Math.max(2 * jitterMs, BUFFER_MIN_MS), BUFFER_MAX_MS);
}

/** The transmission rating R, at most 93.2; below 0 for paths that nobody can talk over. */
export function rating(path: PathQuality): number {
  return R_BEST - delayImpairment(oneWayDelayMs(path)) - lossImpairment(path.lossRatio * 100);
}

/** Idd (G.107, 7.4). */
function delayImpairment(delayMs: number): number {
  if (delayMs <= TA_FREE_MS) return 0;
  const x = Math.log2(delayMs / TA_FREE_MS);
  return 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2);
}

/** Ie,eff (G.107, 7.5). */
function lossImpairment(lossPercent: number): number {
  return IE + (95 - IE) * (lossPercent / (lossPercent / BURST_R + BPL));
}

/** Mean opinion score, 1 to 4.5 (G.107, annex B; the cubic dips below 1 near R = 0, hence the clamp). */
export function mosOfRating(r: number): number {
  if (r <= 0) return MOS_MIN;
  if (r >= 100) return MOS_MAX;
  const mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
  return Math.min(Math.max(mos, MOS_MIN), MOS_MAX);
}

export function mos(path: PathQuality): number {
  return mosOfRating(rating(path));
}
