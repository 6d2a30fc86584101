/**
 * The database: one pool of connections with time-outs, named statements over it, and the unit of work that the rooms
 * use as their transaction. Errors of the database become AuraErrors here, so that nothing above knows SQLSTATEs.
 */
import pg from 'pg';
import type { StreamEvent } from '../auralink-modules/endpoints/model.ts';
import { AuraError } from '../core/errors.ts';
import { lastOf, type Tx, type UnitOfWork } from '../core/unit-of-work.ts';
import { turnSocket } from './db-socket.ts';

/** A statement that runs longer is given up by the database. */
export const STATEMENT_TIMEOUT_MS = 5_000;
/** A statement that waits longer for a lock is given up. */
export const LOCK_TIMEOUT_MS = 3_000;
/** A transaction that does nothing for so long is ended by the database. */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
/** How long a request waits for a free connection. */
export const POOL_WAIT_MS = 3_000;
/** A connection that nobody used for so long is closed; a fresh one must learn every statement anew. */
export const POOL_IDLE_MS = 600_000;
/** A transaction that lost a deadlock runs again, this often at most. */
export const TRANSACTION_ATTEMPTS = 4;
/** What a client is told to wait while the database is away. */
export const UNAVAILABLE_RETRY_AFTER_SECONDS = 2;

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly poolSize: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
}

export interface Db {
  readonly pool: pg.Pool;
  readonly unitOfWork: UnitOfWork;
  close(): Promise<void>;
}

/** What a Tx really is: a connection in a transaction, and what to tell once it has been committed. */
interface Open {
  readonly client: pg.PoolClient;
  readonly events: StreamEvent[];
  /** BEGIN has been sent; done once the database has said so. */
  readonly begun: Promise<unknown>;
  opened: boolean;
  /** A statement waits for `begun`, and so must those after it. */
  held: boolean;
}
const open = new WeakMap<Tx, Open>();

/** Whoever wakes sockets; called after commit, must not throw. */
export type OnCommitted = (events: readonly StreamEvent[]) => void;

const int8 = 20;
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format)) as pg.CustomTypesConfig['getTypeParser'],
};

export function openDatabase(address: DatabaseAddress, onCommitted: OnCommitted = () => {}): Db {
  const pool = new pg.Pool({
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    max: address.poolSize,
    application_name: address.applicationName ?? 'auralink',
    connectionTimeoutMillis: POOL_WAIT_MS,
    idleTimeoutMillis: POOL_IDLE_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    // A statement may be sent before the answer to the one before it has come; the database runs them in order.
    pipeline: true,
    stream: turnSocket,
    // Every statement of ours is made for its index: planned once a connection, not for each set of values, and never
    // as a scan of a table that happened to be nearly empty at that moment.
    options: '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off',
    types,
  });
  // An idle connection that breaks must not end the process; its next user gets the error.
  pool.on('error', () => {});
  return {
    pool,
    unitOfWork: { run: (work) => runTransaction(pool, onCommitted, work) },
    close: () => pool.end(),
  };
}

async function runTransaction<T>(
  pool: pg.Pool,
  onCommitted: OnCommitted,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(pool, onCommitted, work);
    } catch (error) {
      if (attempt < TRANSACTION_ATTEMPTS && isTransient(error)) continue;
      throw translate(error);
    }
  }
}

/** Prepared like the others: unprepared, each would be parsed anew and leave in a write of its own. */
const BEGIN = { name: 'begin', text: 'BEGIN' };
const COMMIT = { name: 'commit', text: 'COMMIT' };

async function runOnce<T>(pool: pg.Pool, onCommitted: OnCommitted, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // A connection that breaks between two statements emits this; the next statement then fails.
  const ignore = () => {};
  client.on('error', ignore);
  const tx = {} as Tx;
  // Sent together with the first statement of `work`, if that one changes nothing.
  const begun = client.query(BEGIN);
  const state: Open = { client, events: [], begun, opened: false, held: false };
  begun.then(() => {
    state.opened = true;
  }, ignore);
  open.set(tx, state);
  let broken: Error | undefined;
  let committed: Promise<unknown> = begun;
  try {
    const result = await work(tx);
    await begun;
    committed = client.query(COMMIT);
    committed.catch(ignore);
    for (const statement of lastOf(tx)) await statement;
    await committed;
    onCommitted(state.events);
    return result;
  } catch (error) {
    await committed.catch(ignore);
    await client.query('ROLLBACK').catch((e: Error) => {
      broken = e;
    });
    if (sqlState(error) === STALE_PLAN) broken = error as Error;
    throw error;
  } finally {
    open.delete(tx);
    client.off('error', ignore);
    client.release(broken);
  }
}

function stateOf(tx: Tx): Open {
  const state = open.get(tx);
  if (state === undefined) throw new Error('this transaction is over');
  return state;
}

/** Remembers events that sockets are told of once `tx` has been committed. */
export function announce(tx: Tx, events: readonly StreamEvent[]): void {
  stateOf(tx).events.push(...events);
}

/** Were BEGIN alone to fail, what changes something would be done outside of any transaction. */
function mustWait(state: Open, text: string): boolean {
  if (state.opened) return false;
  state.held ||= !/^\s*SELECT\b/.test(text);
  return state.held;
}

/** A named statement (parsed once a connection) on the transaction's connection, or on the pool. */
export async function query<R extends pg.QueryResultRow>(
  on: Tx | pg.Pool,
  name: string,
  text: string,
  values: readonly unknown[],
): Promise<R[]> {
  const target = on instanceof pg.Pool ? on : stateOf(on).client;
  if (!(on instanceof pg.Pool) && mustWait(stateOf(on), text)) await stateOf(on).begun;
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await target.query<R>({ name, text, values: values as unknown[] });
      return result.rows;
    } catch (error) {
      if (!(on instanceof pg.Pool)) throw error;
      // The pool has closed that connection; another has perhaps been opened since.
      if (sqlState(error) === STALE_PLAN && attempt < TRANSACTION_ATTEMPTS) continue;
      throw translate(error);
    }
  }
}

/** A migration changed a column's type: what this connection has prepared is of no use any more. */
const STALE_PLAN = '0A000';
const TRANSIENT = new Set(['40001', '40P01', STALE_PLAN]);
/** Connection refused, reset, server starting or stopping, too many connections, no disk. */
const AWAY = /^(08|57P|53)/;
const AWAY_ERRNO = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'EHOSTUNREACH']);

function sqlState(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function isTransient(error: unknown): boolean {
  return TRANSIENT.has(sqlState(error));
}

/** Constraint that a unique violation names, or null: stores turn the ones they expect into refusals. */
export function findViolatedConstraint(error: unknown): string | null {
  if (sqlState(error) !== '23505') return null;
  return (error as pg.DatabaseError).constraint ?? null;
}

/** A NUL, half a character, or a text that is none of the type's: what was asked for, not the database, is at fault. */
const BAD_TEXT = new Set(['22021', '22P02', '22P05']);

/** Database away, busy or timed out → `unavailable`; a text that it cannot hold → `invalid`; the rest stays as it is. */
export function translate(error: unknown): unknown {
  if (error instanceof AuraError) return error;
  const state = sqlState(error);
  if (BAD_TEXT.has(state)) {
    return new AuraError(
      'invalid',
      'A text has a character that cannot be stored.',
      { reason: 'bad_text' },
      error,
    );
  }
  const message = error instanceof Error ? error.message : '';
  const away =
    AWAY.test(state) ||
    AWAY_ERRNO.has(state) ||
    state === '57014' ||
    state === '55P03' ||
    TRANSIENT.has(state) ||
    /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|not queryable/i.test(
      message,
    );
  if (!away) return error;
  return new AuraError(
    'unavailable',
    'The database is not reachable at the moment; try again shortly.',
    { retryAfterSeconds: UNAVAILABLE_RETRY_AFTER_SECONDS },
    error,
  );
}
