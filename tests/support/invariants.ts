/**
 * What must hold of calls whatever happened: one checker over the whole database and over every frame that any phone
 * has seen. It returns all violations in words; none means that the world is whole.
 */
import type pg from 'pg';
import type { Frame, Phone } from './phone.ts';

interface Invitation {
  readonly invitation_id: string;
  readonly call_id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly answered: boolean;
  readonly open: boolean;
  readonly ended_with_time: boolean;
  readonly open_without_time: boolean;
  readonly answered_by_endpoint_id: string | null;
  readonly answer_key: string | null;
  readonly call_state: string;
  readonly end_reason: string | null;
  readonly rings: readonly Ring[];
}

interface Ring {
  readonly ring_id: string;
  readonly endpoint_id: string;
  readonly state: string;
  readonly stop_reason: string | null;
}

interface LoggedEvent {
  readonly endpoint_id: string;
  readonly seq: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

interface Stream {
  readonly endpoint_id: string;
  readonly last_seq: number;
  readonly acknowledged_seq: number;
  readonly revoked: boolean;
}

export interface InvariantOptions {
  /** No call may still be going on. */
  readonly allEnded?: boolean;
}

/** Everything that is wrong, in words. */
export async function findViolations(
  db: pg.Pool,
  phones: readonly Phone[],
  options: InvariantOptions = {},
): Promise<string[]> {
  const [invitations, events, streams] = await Promise.all([
    readInvitations(db),
    readEvents(db),
    readStreams(db),
  ]);
  const byEndpoint = Map.groupBy(events, (event) => event.endpoint_id);
  const revoked = new Set(streams.filter((stream) => stream.revoked).map((stream) => stream.endpoint_id));
  return [
    ...invitations.flatMap((invitation) => checkInvitation(invitation, options)),
    ...invitations.flatMap(({ rings }) =>
      rings.flatMap((ring) => checkRingEvents(ring, byEndpoint, revoked)),
    ),
    ...streams.flatMap((stream) => checkLog(stream, byEndpoint.get(stream.endpoint_id) ?? [])),
    ...phones.flatMap((phone) => checkPhone(phone, byEndpoint.get(phone.endpoint.endpointId) ?? [])),
    ...checkAcknowledged(phones, streams),
  ];
}

async function readInvitations(db: pg.Pool): Promise<Invitation[]> {
  const { rows } = await db.query<Invitation>(
    `SELECT i.invitation_id, i.call_id, i.state, i.reason, i.answered_at IS NOT NULL AS answered,
            i.answered_by_endpoint_id, i.answer_key, c.state AS call_state, c.end_reason,
            i.ended_at IS NOT NULL AND c.ended_at IS NOT NULL AS ended_with_time,
            i.ended_at IS NULL AND c.ended_at IS NULL AS open_without_time,
            EXISTS (SELECT FROM open_invitations o WHERE o.invitation_id = i.invitation_id) AS open,
            (SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM call_rings r
             WHERE r.invitation_id = i.invitation_id) AS rings
     FROM call_invitations i JOIN cross_app_calls c USING (call_id)`,
  );
  return rows;
}

async function readEvents(db: pg.Pool): Promise<LoggedEvent[]> {
  const { rows } = await db.query<LoggedEvent>(
    'SELECT endpoint_id, seq::int, type, data FROM endpoint_events ORDER BY endpoint_id, seq',
  );
  return rows;
}

async function readStreams(db: pg.Pool): Promise<Stream[]> {
  const { rows } = await db.query<Stream>(
    `SELECT endpoint_id, last_seq::int, acknowledged_seq::int, revoked_at IS NOT NULL AS revoked
     FROM endpoint_streams JOIN endpoints USING (endpoint_id)`,
  );
  return rows;
}

const CALL_STATE_OF: Readonly<Record<string, string>> = { ringing: 'ringing', answered: 'active' };

function checkInvitation(invitation: Invitation, options: InvariantOptions): string[] {
  const { state, reason, rings, call_id } = invitation;
  const faults: string[] = [];
  const fault = (text: string) => faults.push(`call ${call_id} (${state}, ${reason}): ${text}`);
  const callState = CALL_STATE_OF[state] ?? 'ended';
  if (invitation.call_state !== callState) fault(`its call is ${invitation.call_state}`);
  if (callState === 'ended' && invitation.end_reason !== reason)
    fault(`its call ended by ${invitation.end_reason}`);
  if (invitation.open !== (callState !== 'ended'))
    fault(`stands ${invitation.open ? '' : 'not '}among the open`);
  if (callState === 'ended' ? !invitation.ended_with_time : !invitation.open_without_time)
    fault('the time of its end does not fit');
  if (state === 'answered' && !invitation.answered) fault('answered at no time');
  for (const ring of rings) {
    if ((ring.state === 'stopped') !== (ring.stop_reason !== null))
      fault(`ring ${ring.ring_id} is ${ring.state} by ${ring.stop_reason}`);
  }
  if (options.allEnded === true && callState !== 'ended') fault('has not ended');
  if (invitation.answered !== (invitation.answered_by_endpoint_id !== null)) fault('answered, but by nobody');
  if (state === 'ringing') return faults;
  for (const ring of rings) {
    if (ring.state !== 'stopped') fault(`ring ${ring.ring_id} is ${ring.state}`);
    const wanted = stopReasonsOf(invitation, ring);
    if (ring.stop_reason !== null && !wanted.includes(ring.stop_reason))
      fault(`ring ${ring.ring_id} stopped by ${ring.stop_reason}, not ${wanted.join(' or ')}`);
  }
  if (state === 'declined' && rings.filter((ring) => ring.stop_reason === 'declined_here').length !== 1)
    fault('not exactly one ring was declined here');
  // In a glare the answer comes from the endpoint that placed the other call; it may not have been rung.
  const merged = invitation.answer_key?.startsWith('merged:') === true;
  if (
    invitation.answered &&
    !merged &&
    rings.filter((ring) => ring.stop_reason === 'answered_here').length !== 1
  )
    fault('not exactly one ring was answered here');
  return faults;
}

/** Why a ring of this invitation may have been stopped. */
function stopReasonsOf(invitation: Invitation, ring: Ring): string[] {
  if (invitation.answered) {
    return [ring.endpoint_id === invitation.answered_by_endpoint_id ? 'answered_here' : 'answered_elsewhere'];
  }
  if (invitation.state === 'declined') return ['declined_here', 'declined_elsewhere'];
  if (invitation.state === 'cancelled')
    return [invitation.reason === 'merged' ? 'merged' : 'caller_cancelled'];
  return [invitation.state === 'missed' ? 'timeout' : 'failed'];
}

/** One stop a ring, with the ring's own reason, and no ring after it. */
function checkRingEvents(
  ring: Ring,
  byEndpoint: ReadonlyMap<string, readonly LoggedEvent[]>,
  revoked: ReadonlySet<string>,
): string[] {
  if (revoked.has(ring.endpoint_id)) return [];
  const own = (byEndpoint.get(ring.endpoint_id) ?? []).filter(({ data }) => data.ringId === ring.ring_id);
  const stops = own.filter(({ type }) => type === 'ring.stopped');
  const wanted = ring.state === 'stopped' ? 1 : 0;
  const faults: string[] = [];
  if (stops.length !== wanted) faults.push(`ring ${ring.ring_id} (${ring.state}) has ${stops.length} stops`);
  const [stop] = stops;
  if (stop !== undefined && stop.data.reason !== ring.stop_reason)
    faults.push(
      `ring ${ring.ring_id} stopped by ${ring.stop_reason}, but its app was told ${stop.data.reason}`,
    );
  if (stop !== undefined && own.some(({ type, seq }) => type !== 'ring.stopped' && seq > stop.seq))
    faults.push(`ring ${ring.ring_id} rang again after its stop`);
  if (own.every(({ type }) => type === 'ring.stopped'))
    faults.push(`ring ${ring.ring_id} was never told to its app`);
  return faults;
}

function checkLog(stream: Stream, events: readonly LoggedEvent[]): string[] {
  const seqs = events.map((event) => event.seq);
  const gap = seqs.find((seq, i) => i > 0 && seq !== (seqs[i - 1] ?? 0) + 1);
  const faults: string[] = [];
  if (gap !== undefined) faults.push(`log of ${stream.endpoint_id} has a gap before ${gap}`);
  if ((seqs.at(-1) ?? 0) !== stream.last_seq)
    faults.push(`log of ${stream.endpoint_id} ends at ${seqs.at(-1)}, its stream says ${stream.last_seq}`);
  return faults;
}

/** What came over the socket is what the log says, in its order; an open socket has all of it. */
function checkPhone(phone: Phone, events: readonly LoggedEvent[]): string[] {
  const faults: string[] = [];
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  const name = `${phone.endpoint.person.auraId}/${phone.endpoint.appId}`;
  for (const frame of phone.frames) {
    const event = bySeq.get(frame.seq);
    if (event === undefined || event.type !== frame.type || !sameData(event, frame))
      faults.push(`${name} was sent ${frame.type} ${frame.seq}, the log has ${event?.type}`);
  }
  const last = events.at(-1)?.seq ?? 0;
  const seen = Math.max(phone.startedAt, ...phone.frames.map((frame) => frame.seq));
  if (phone.isOpen && seen < last) faults.push(`${name} has seen ${seen} of ${last}`);
  for (const [before, frame] of phone.frames.entries()) {
    const next = phone.frames[before + 1];
    if (next !== undefined && next.connection === frame.connection && next.seq !== frame.seq + 1)
      faults.push(`${name} was sent ${next.seq} after ${frame.seq}`);
  }
  return faults;
}

/** jsonb keeps no order of keys; nothing in these events is an array. */
function sameData(event: LoggedEvent, frame: Frame): boolean {
  return canonical(event.data) === canonical(frame.data);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** An endpoint with an open, acknowledging page has acknowledged everything. */
function checkAcknowledged(phones: readonly Phone[], streams: readonly Stream[]): string[] {
  const open = new Set(
    phones.filter((phone) => phone.isOpen && phone.acknowledge).map((phone) => phone.endpoint.endpointId),
  );
  const ahead = streams
    .filter((stream) => stream.acknowledged_seq > stream.last_seq)
    .map((s) => `${s.endpoint_id} has acknowledged ${s.acknowledged_seq} of ${s.last_seq}`);
  const behind = streams
    .filter((stream) => open.has(stream.endpoint_id) && stream.acknowledged_seq < stream.last_seq)
    .map((s) => `${s.endpoint_id} has acknowledged ${s.acknowledged_seq} of ${s.last_seq}`);
  return [...ahead, ...behind];
}
