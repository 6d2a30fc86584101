/** What a run of tests came to: the counts as node gave them, and what we add for runs that ended badly. */

export interface TestSummary {
  readonly passed: number;
  /** Broken off counts as failed. */
  readonly failed: number;
  /** Skipped, or marked as to be done. */
  readonly skipped: number;
  readonly failures: readonly string[];
  /** Files with a failed test in them. */
  readonly failedFiles: readonly string[];
  /** What failed, and passed when its file was run again. */
  readonly unsteady: readonly string[];
}

/** Files that CI runs once more when a test in them has failed; of more than that, none is: something is broken. */
export const FILES_RUN_AGAIN_MAX = 2;

const NOTHING: TestSummary = {
  passed: 0,
  failed: 0,
  skipped: 0,
  failures: [],
  failedFiles: [],
  unsteady: [],
};

/** A run that could not begin. */
export function failedBefore(what: string): TestSummary {
  return { ...NOTHING, failed: 1, failures: [what] };
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
  const summary = told ?? NOTHING;
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
    failedFiles: summaries.flatMap((one) => one.failedFiles),
    unsteady: summaries.flatMap((one) => one.unsteady),
  };
}

/** Which files to run once more: those with a failed test, if they are few and nothing else went wrong. */
export function filesToRunAgain({ failures, failedFiles }: TestSummary): readonly string[] {
  const owned = failures.every((name) => failedFiles.some((file) => name.startsWith(`${file}: `)));
  return owned && failedFiles.length <= FILES_RUN_AGAIN_MAX ? failedFiles : [];
}

/** `again`: of the failed files alone. What failed there too stays failed; if nothing did, all of it was unsteady. */
export function weighAgain(first: TestSummary, again: TestSummary): TestSummary {
  if (again.failed > 0 || again.passed === 0) return first;
  const { length } = first.failures;
  return {
    ...first,
    passed: first.passed + length,
    failed: first.failed - length,
    failures: [],
    failedFiles: [],
    unsteady: [...first.unsteady, ...first.failures],
  };
}
