/**
 * Calls that ended, read behind the calls' back: their hot transactions write nothing for it. A cursor goes over the
 * calls by id (UUIDv7: in the order of placing) as far as no transaction can still add any; what then still goes on is
 * remembered until it has ended. A second cursor follows a quarter of an hour behind, for calls whose server's clock is
 * slow: their ids lay behind the first one when they were written.
 */
import type pg from 'pg';
import type { EndedCall, EndedCalls } from '../auralink-modules/dashboard/ports.ts';
import type { PersonId } from '../core/ids.ts';
import { query } from './db.ts';

/** Calls younger than this are not looked at yet: transactions under way and differing clocks have come to rest. */
export const CALL_SETTLED_SECONDS = 60;
/** So far behind follows the look for calls of slow clocks; a clock that is slower than this loses `call.ended`. */
export const CALLS_LATE_SECONDS = 900;
/** A call whose id is so much older than its row was written by a slow clock; below CALL_SETTLED_SECONDS. */
export const CLOCK_SLOW_SECONDS = 30;
/** Calls that one turn looks at. */
export const CALLS_LOOKED_AT_MAX = 1_000;

/** The lowest UUIDv7 of a moment. */
const idAt = (moment: string): string =>
  `(lpad(to_hex((extract(epoch FROM ${moment}) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid`;

const COLUMNS = `c.call_id, c.caller_person_id, i.callee_person_id, c.caller_app_id, c.media, c.end_reason,
  c.created_at, c.answered_at, c.ended_at`;

/** Moves a cursor on to that age; of the calls that it passes those are remembered. */
const passing = (
  what: 'call.ended' | 'call.late',
  ageSeconds: number,
  which: string,
): string => `WITH bounds AS (
    SELECT after_call_id, ${idAt(`now() - make_interval(secs => ${ageSeconds})`)} AS until
    FROM dashboard_calls_cursor WHERE what = '${what}'
  ), passed AS MATERIALIZED (
    SELECT c.call_id, c.created_at FROM cross_app_calls c
    WHERE c.call_id > (SELECT after_call_id FROM bounds) AND c.call_id < (SELECT until FROM bounds)
    ORDER BY c.call_id LIMIT $1
  ), remembered AS (
    INSERT INTO dashboard_open_calls (call_id) SELECT call_id FROM passed WHERE ${which} ON CONFLICT DO NOTHING
  )
  UPDATE dashboard_calls_cursor SET after_call_id = (SELECT call_id FROM passed ORDER BY call_id DESC LIMIT 1)
  WHERE what = '${what}' AND EXISTS (SELECT FROM passed)`;

const PASS = passing('call.ended', CALL_SETTLED_SECONDS, 'true');
// Most of them were in time for the first cursor all the same; that an event is told once holds by its key.
const PASS_LATE = passing(
  'call.late',
  CALLS_LATE_SECONDS,
  `call_id < ${idAt(`created_at - make_interval(secs => ${CLOCK_SLOW_SECONDS})`)}`,
);

const TAKE = `WITH ended AS (
    DELETE FROM dashboard_open_calls o WHERE call_id IN (
      SELECT p.call_id FROM dashboard_open_calls p JOIN cross_app_calls c USING (call_id)
      WHERE c.state = 'ended' LIMIT $1)
    RETURNING call_id)
  SELECT ${COLUMNS} FROM ended JOIN cross_app_calls c USING (call_id) JOIN call_invitations i USING (call_id)`;

interface Row {
  call_id: string;
  caller_person_id: PersonId;
  callee_person_id: PersonId;
  caller_app_id: string;
  media: 'audio' | 'video';
  end_reason: string;
  created_at: Date;
  answered_at: Date | null;
  ended_at: Date;
}

export const endedCalls: EndedCalls = {
  async take(tx, limit) {
    const [locked] = await query(
      tx,
      'ended-calls-lock',
      "SELECT what FROM dashboard_calls_cursor WHERE what = 'call.ended' FOR UPDATE SKIP LOCKED",
      [],
    );
    if (locked === undefined) return null;
    await query(tx, 'ended-calls-pass', PASS, [CALLS_LOOKED_AT_MAX]);
    await query(tx, 'ended-calls-pass-late', PASS_LATE, [CALLS_LOOKED_AT_MAX]);
    const rows = await query<Row & pg.QueryResultRow>(tx, 'ended-calls-take', TAKE, [limit]);
    return rows.map(
      (row): EndedCall => ({
        callId: row.call_id,
        callerPersonId: row.caller_person_id,
        calleePersonId: row.callee_person_id,
        appId: row.caller_app_id,
        media: row.media,
        reason: row.end_reason,
        placedAt: row.created_at,
        answeredAt: row.answered_at,
        endedAt: row.ended_at,
      }),
    );
  },
};

/** Calls from now on are told of, unless that was begun before. */
export async function beginTellingCalls(pool: pg.Pool): Promise<void> {
  await query(
    pool,
    'ended-calls-begin',
    `INSERT INTO dashboard_calls_cursor (what, after_call_id)
     SELECT what, ${idAt('now()')} FROM unnest(ARRAY['call.ended', 'call.late']) AS what
     ON CONFLICT DO NOTHING`,
    [],
  );
}
