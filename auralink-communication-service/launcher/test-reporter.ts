/**
 * Reporter for `node --test`: a line for each test that ended, the whole error of each that failed, and the counts as
 * node itself gives them, written to the file that AURA_TEST_SUMMARY names.
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';
import type { TestSummary } from './test-summary.ts';

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failures: string[] = [];
  const failedFiles = new Set<string>();
  for await (const event of source) {
    if (event.type === 'test:pass' && event.data.details.type !== 'suite') {
      yield `${mark(event)} ${title(event)} (${Math.round(event.data.details.duration_ms)} ms)\n`;
    } else if (event.type === 'test:fail') {
      // A suite fails because of its tests, which are told themselves.
      if (event.data.details.type === 'suite' && causedBySubtests(event.data.details.error)) continue;
      failures.push(title(event));
      const file = fileOf(event);
      if (file !== null) failedFiles.add(file);
      yield `  ✗ ${title(event)} (${Math.round(event.data.details.duration_ms)} ms)\n${indent(describe(event.data.details.error))}\n`;
    } else if (event.type === 'test:stderr' || event.type === 'test:stdout') {
      yield event.data.message;
    } else if (event.type === 'test:summary' && event.data.file === undefined) {
      const { tests, passed, skipped: left, todo } = event.data.counts;
      const skipped = left + todo;
      const summary: TestSummary = {
        passed,
        failed: tests - passed - skipped,
        skipped,
        failures,
        failedFiles: [...failedFiles],
        unsteady: [],
      };
      const path = process.env.AURA_TEST_SUMMARY;
      if (path !== undefined) writeFileSync(path, JSON.stringify(summary));
    }
  }
}

type Ended = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>;

function mark(event: Ended): string {
  return event.data.skip !== undefined || event.data.todo !== undefined ? '  -' : '  ✓';
}

function title(event: Ended): string {
  const file = fileOf(event);
  return file === null ? event.data.name : `${file}: ${event.data.name}`;
}

/** The test file that was run, also where another file declares the test; from the project's root. */
function fileOf(event: Ended): string | null {
  // Node's types do not know entryFile yet.
  const { entryFile, file } = event.data as { readonly entryFile?: string; readonly file?: string };
  const path = entryFile ?? file;
  return path === undefined ? null : relative(process.cwd(), path);
}

function causedBySubtests(error: Error): boolean {
  return 'failureType' in error && error.failureType === 'subtestsFailed';
}

function describe(error: Error): string {
  return inspect(error.cause ?? error, { depth: 4 });
}

function indent(text: string): string {
  return text.replace(/^/gm, '      ');
}
