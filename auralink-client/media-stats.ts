/** The few figures that a person feels, out of WebRTC's statistics (W3C webrtc-stats). */

export interface MediaStats {
  readonly rttMs: number | null;
  readonly jitterMs: number | null;
  /** Of all packets that the other one sent since the call began, 0 to 1. */
  readonly lossRatio: number | null;
  /** Of the other one's sound, 0 to 1. */
  readonly audioLevel: number | null;
}

interface StatsEntry {
  readonly type: string;
  readonly kind?: string;
  readonly jitter?: number;
  readonly packetsLost?: number;
  readonly packetsReceived?: number;
  readonly audioLevel?: number;
  readonly nominated?: boolean;
  readonly currentRoundTripTime?: number;
}

/** An RTCStatsReport, or as much of it as is read here. */
export interface StatsReport {
  forEach(visit: (entry: StatsEntry) => void): void;
}

export function readStats(reports: readonly StatsReport[]): MediaStats {
  let rttMs: number | null = null;
  let jitterMs: number | null = null;
  let audioLevel: number | null = null;
  let lost = 0;
  let received = 0;
  for (const report of reports) {
    report.forEach((entry) => {
      if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined) {
        rttMs = entry.currentRoundTripTime * 1000;
      }
      if (entry.type !== 'inbound-rtp') return;
      lost += Math.max(0, entry.packetsLost ?? 0);
      received += entry.packetsReceived ?? 0;
      if (entry.kind !== 'audio') return;
      audioLevel = entry.audioLevel ?? audioLevel;
      if (entry.jitter !== undefined) jitterMs = entry.jitter * 1000;
    });
  }
  return { rttMs, jitterMs, audioLevel, lossRatio: received === 0 ? null : lost / (lost + received) };
}
