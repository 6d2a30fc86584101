/**
 * How wake messages look on the wire: `{"from": processId, "messages": [...]}` as JSON, packed into as few frames as
 * the carrier's size limit allows. An event that does not fit is sent without its data; the receiver reads the log.
 */
import type { WakeMessage } from '../auralink-modules/endpoints/ports.ts';
import type { ProcessId } from '../core/ids.ts';

export interface WakeFrame {
  readonly from: ProcessId;
  readonly messages: readonly WakeMessage[];
}

/** Every returned frame is at most `maxBytes` of UTF-8. */
export function packFrames(from: ProcessId, messages: readonly WakeMessage[], maxBytes: number): string[] {
  const head = headOf(from);
  const tail = ']}';
  const room = maxBytes - Buffer.byteLength(head) - tail.length;
  const frames: string[] = [];
  let body = '';
  let bytes = 0;
  for (const message of messages) {
    const text = encode(message, room);
    const size = Buffer.byteLength(text);
    if (body !== '' && bytes + 1 + size > room) {
      frames.push(head + body + tail);
      body = '';
      bytes = 0;
    }
    bytes += size + (body === '' ? 0 : 1);
    body = body === '' ? text : `${body},${text}`;
  }
  if (body !== '') frames.push(head + body + tail);
  return frames;
}

const headOf = (from: ProcessId): string => `{"from":${JSON.stringify(from)},"messages":[`;

/** Whether `from` sent this frame, told without parsing it: every process hears its own, and that is half of all. */
export function isFrameOf(from: ProcessId, text: string): boolean {
  return text.startsWith(headOf(from));
}

function encode(message: WakeMessage, room: number): string {
  const text = JSON.stringify(message);
  if (message.kind !== 'event' || Buffer.byteLength(text) <= room) return text;
  return JSON.stringify({ kind: 'event', endpointId: message.endpointId, seq: message.seq });
}

/** Null for anything that is not a frame of ours, e.g. of a later version. */
export function parseFrame(text: string): WakeFrame | null {
  try {
    const frame = JSON.parse(text) as Partial<WakeFrame> | null;
    if (typeof frame?.from !== 'string' || !Array.isArray(frame.messages)) return null;
    return { from: frame.from, messages: frame.messages.filter(isWakeMessage) };
  } catch {
    return null;
  }
}

function isWakeMessage(value: unknown): value is WakeMessage {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, endpointId, seq, personIds } = value as Record<string, unknown>;
  if (kind === 'identity_changed') {
    return Array.isArray(personIds) && personIds.every((personId) => typeof personId === 'string');
  }
  if (typeof endpointId !== 'string') return false;
  return kind === 'endpoint_revoked' || (kind === 'event' && Number.isSafeInteger(seq));
}
