/**
 * Holds refusals against what the API promises of every error: status, errcode, reason and field, a problem document,
 * and a database in which nothing has changed.
 */
import assert from 'node:assert/strict';
import type { Answer, Phone } from './phone.ts';
import { openRawDoor } from './raw-door.ts';
import type { Stage } from './stage.ts';

const API = '/_auralink/v1';

export interface Expected {
  readonly status: number;
  readonly errcode: string;
  readonly reason?: string;
  readonly field?: string;
}

export interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
}

export interface Refusals {
  /** Sends, and fails unless the refusal is as expected, well formed, and has changed no row. */
  refused(what: string, expected: Expected, send: () => Promise<Sent>): Promise<void>;
  /** A request with this phone's token and the body byte for byte. */
  send(
    from: Phone,
    method: string,
    path: string,
    body?: string,
    headers?: Record<string, string>,
  ): Promise<Sent>;
}

/** What a Phone got, as `refused` takes it. */
export const sent = ({ status, headers, body }: Answer): Sent => ({
  status,
  headers: Object.fromEntries(headers),
  body,
});

export function openRefusals(stage: Stage): Refusals {
  const { raw } = openRawDoor(stage.constellation.settings.config.PUBLIC_PORT);
  return {
    refused: async (what, expected, send) => {
      const before = await stage.rowCounts();
      assertRefusal(what, expected, await send());
      assert.deepEqual(await stage.rowCounts(), before, `${what} changed the database`);
    },
    send: async (from, method, path, body, headers = {}) => {
      const answer = await raw(`${API}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${from.endpoint.token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
      });
      return { ...answer, body: answer.body === '' ? {} : JSON.parse(answer.body) };
    },
  };
}

function assertRefusal(what: string, expected: Expected, { status, headers, body }: Sent): void {
  const text = `${what}: ${status} ${JSON.stringify(body)}`;
  assert.equal(status, expected.status, text);
  assert.match(String(headers['content-type']), /^application\/problem\+json/, text);
  assert.equal(body.errcode, expected.errcode, text);
  assert.equal(body.status, status, text);
  for (const field of ['type', 'title', 'detail', 'error']) assert.equal(typeof body[field], 'string', text);
  if (expected.reason !== undefined) assert.equal(body.reason, expected.reason, text);
  if (expected.field !== undefined) assert.equal(body.field, expected.field, text);
}
