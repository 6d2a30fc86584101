/**
 * How every adapter asks the homeserver: with a time-out and a bound on the answer. What Synapse refuses comes as
 * SynapseError with Matrix's own code, and Synapse being away as AuraError `unavailable`.
 */
import { Pool } from 'undici';
import { AuraError } from '../core/errors.ts';

/** A request to Synapse is given up after it; a password check takes half a second. */
export const SYNAPSE_TIMEOUT_MS = 10_000;
/** Answers that we read are small; more than this is not what we asked for. */
export const SYNAPSE_ANSWER_MAX_BYTES = 1_048_576;
const RETRY_AFTER_SECONDS = 5;

export type Json = Readonly<Record<string, unknown>>;

export interface SynapseRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly token?: string;
  /** Sent as JSON, or as it is when it is a Buffer. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Throws SynapseError, or AuraError `unavailable`. */
export type AskSynapse = (request: SynapseRequest) => Promise<Json>;

export interface SynapseClient {
  readonly ask: AskSynapse;
  close(): Promise<void>;
}

/** Synapse answered, with a refusal. */
export class SynapseError extends Error {
  override readonly name = 'SynapseError';
  readonly status: number;
  readonly errcode: string;
  readonly retryAfterMs: number | null;
  constructor(status: number, errcode: string, message: string, retryAfterMs: number | null) {
    super(`${errcode}: ${message}`);
    this.status = status;
    this.errcode = errcode;
    this.retryAfterMs = retryAfterMs;
  }
}

/** `connections`: at most so many of this process at once. */
export function synapseClient(url: string, connections: number): SynapseClient {
  const pool = new Pool(new URL(url).origin, { connections });
  return { ask: (request) => ask(pool, request), close: () => pool.close() };
}

async function ask(pool: Pool, request: SynapseRequest): Promise<Json> {
  const { method, path, token, body } = request;
  const raw = Buffer.isBuffer(body);
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && !raw && { 'content-type': 'application/json' }),
    ...request.headers,
  };
  let status: number;
  let text: string;
  try {
    const response = await pool.request({
      ...{ method, path, headers },
      body: body === undefined ? null : raw ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(SYNAPSE_TIMEOUT_MS),
    });
    status = response.statusCode;
    if (Number(response.headers['content-length'] ?? 0) > SYNAPSE_ANSWER_MAX_BYTES) {
      response.body.destroy();
      throw new Error('the answer is too long');
    }
    text = await response.body.text();
  } catch (error) {
    throw synapseAway(error);
  }
  const answer = parse(text);
  if (status >= 200 && status < 300) return answer;
  const retryAfterMs = Number(answer.retry_after_ms);
  throw new SynapseError(
    status,
    String(answer.errcode ?? 'M_UNKNOWN'),
    String(answer.error ?? `status ${status}`),
    Number.isFinite(retryAfterMs) ? retryAfterMs : null,
  );
}

function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

export function synapseAway(cause: unknown): AuraError {
  return new AuraError(
    'unavailable',
    'The Matrix server is not reachable at the moment; try again shortly.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
    cause,
  );
}
