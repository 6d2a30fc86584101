/** What a run of tests came to: the counts as node gave them, and what we add for runs that ended badly. */

export interface TestSummary {
  readonly passed: number;
  /** Broken off counts as failed. */
  readonly failed: number;
  /** Skipped, or marked as to be done. */
  readonly skipped: number;
  readonly failures: readonly string[];
}

export interface RunEnd {
  readonly kind: string;
  /** Exit code of node; null when it was killed. */
  readonly code: number | null;
  readonly timedOutAfterMs: number | null;
  readonly isCi: boolean;
}

/** An end without a word of the reporter, with a fault that no test owns, or too late is a failure of its own. */
export function judge(told: TestSummary | null, end: RunEnd): TestSummary {
  const summary = told ?? { passed: 0, failed: 0, skipped: 0, failures: [] };
  const extra: string[] = [];
  if (end.timedOutAfterMs !== null) {
    extra.push(`${end.kind}: not done after ${Math.round(end.timedOutAfterMs / 1000)} s`);
  } else if (told === null || (end.code !== 0 && told.failed === 0)) {
    extra.push(`${end.kind}: node --test ended with ${end.code}`);
  }
  // In CI everything must have run.
  const missed = end.isCi ? summary.skipped : 0;
  return {
    ...summary,
    failed: summary.failed + extra.length + missed,
    failures: [...summary.failures, ...extra],
  };
}

export function addUp(summaries: readonly TestSummary[]): TestSummary {
  const sum = (pick: (summary: TestSummary) => number): number =>
    summaries.reduce((total, summary) => total + pick(summary), 0);
  return {
    passed: sum((one) => one.passed),
    failed: sum((one) => one.failed),
    skipped: sum((one) => one.skipped),
    failures: summaries.flatMap((one) => one.failures),
  };
}
