/** Chores that one process at a time does: whoever moves a job's time on has the turn. */
import type pg from 'pg';
import { query } from './db.ts';

export interface PeriodicJobs {
  /** True for one process every `everySeconds`. */
  claim(job: string, everySeconds: number): Promise<boolean>;
}

export function createPeriodicJobs(pool: pg.Pool): PeriodicJobs {
  return {
    claim: async (job, everySeconds) => {
      const rows = await query(
        pool,
        'periodic-claim',
        `INSERT INTO periodic_jobs (job, next_run_at) VALUES ($1, now() + make_interval(secs => $2))
         ON CONFLICT (job) DO UPDATE SET next_run_at = excluded.next_run_at
         WHERE periodic_jobs.next_run_at <= now() RETURNING job`,
        [job, everySeconds],
      );
      return rows.length > 0;
    },
  };
}
