/**
 * The examples of docs/api/internal.md: each a request and its answer, in the order in which a new service gives them.
 * What an example makes up (ids, times, keys, secrets, codes) is bound to what was really answered as the story goes on.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const API = join(import.meta.dirname, '../../docs/api');

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly scope: string;
  readonly body: unknown;
  readonly status: number;
  /** Undefined: the answer has no body. */
  readonly answer: unknown;
  readonly answerType: string | undefined;
  /** As the description names it: `PUT /internal/apps/{appId}`. */
  readonly operation: string;
}

/** Operations of /internal in the description of the API. */
export function internalOperations(): string[] {
  const { paths } = JSON.parse(readFileSync(join(API, 'openapi.json'), 'utf8')) as {
    paths: Record<string, Record<string, unknown>>;
  };
  return Object.entries(paths)
    .filter(([path]) => path.startsWith('/internal/'))
    .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
}

export function documentedExchanges(): Exchange[] {
  const text = readFileSync(join(API, 'internal.md'), 'utf8');
  return [...text.matchAll(/^```http\n([\s\S]*?)^```$/gm)].map((block) => read(block[1] ?? ''));
}

function read(block: string): Exchange {
  const [request = '', answer = ''] = block.split(/\n(?=HTTP\/1\.1 )/);
  const [, method = '', path = ''] = /^([A-Z]+) (\S+) HTTP\/1\.1$/m.exec(request) ?? [];
  const scope = /^authorization: Bearer <(\S+)>$/m.exec(request)?.[1] ?? '';
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
  const answerType = /^content-type: (\S+)$/m.exec(answer)?.[1];
  const operation = internalOperations().find((one) => fits(one, method, path));
  assert.ok(operation !== undefined && scope !== '' && status > 0, block);
  return { method, path, scope, status, answerType, operation, body: json(request), answer: json(answer) };
}

function fits(operation: string, method: string, path: string): boolean {
  const pattern = operation.replaceAll(/\{\w+\}/g, '[^/?]+');
  return new RegExp(`^${pattern}(\\?|$)`).test(`${method} ${path}`);
}

/** What stands behind the empty line. */
function json(message: string): unknown {
  const body = message.split('\n\n')[1]?.trim() ?? '';
  return body === '' ? undefined : JSON.parse(body);
}

/** Fields whose values nobody can know beforehand, though their form. */
const MADE_UP: Readonly<Record<string, RegExp>> = {
  signInCode: /^\S{16,}$/,
  matrixUserId: /^@[\w.=/-]+:\S+$/,
  hint: /^\S{4}$/,
  key: /^alk_\S{43}$/,
  secret: /^whsec_[\w+/]{43}=$/,
  seq: /^\d+$/,
};
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What was really answered in the place of each made-up id. */
export class Story {
  readonly #real = new Map<string, string>();

  /** With the ids that were really answered. */
  told<T>(example: T): T {
    let text = JSON.stringify(example ?? null);
    for (const [madeUp, real] of this.#real) text = text.replaceAll(madeUp, real);
    return JSON.parse(text);
  }

  /** Asserts that the answer is the example, and remembers its ids. A list may have more than the example shows. */
  assertAs(example: unknown, answer: unknown, at = ''): void {
    if (Array.isArray(example) && example.some((one) => typeof one === 'object')) {
      assert.ok(Array.isArray(answer), at);
      for (const one of example)
        assert.ok(
          answer.some((real) => this.#isAs(one, real, at)),
          `${at}: ${JSON.stringify(answer)}`,
        );
    } else if (typeof example === 'object' && example !== null && !Array.isArray(example)) {
      assert.deepEqual(Object.keys(answer ?? {}).sort(), Object.keys(example).sort(), at);
      for (const [field, value] of Object.entries(example)) {
        this.assertAs(value, (answer as Record<string, unknown>)[field], `${at}.${field}`);
      }
    } else this.#assertValue(example, answer, at);
  }

  #isAs(example: unknown, answer: unknown, at: string): boolean {
    try {
      this.assertAs(example, answer, at);
      return true;
    } catch {
      return false;
    }
  }

  #assertValue(example: unknown, answer: unknown, at: string): void {
    const form = MADE_UP[at.split('.').at(-1) ?? ''];
    if (form !== undefined && example !== null) {
      assert.match(String(example), form, at);
      assert.match(String(answer), form, at);
    } else if (typeof example === 'string' && TIME.test(example)) assert.match(String(answer), TIME, at);
    else if (typeof example === 'string' && UUID.test(example)) {
      assert.match(String(answer), UUID, at);
      assert.equal(answer, this.#real.get(example) ?? answer, at);
      this.#real.set(example, String(answer));
    } else assert.deepEqual(answer, example, at);
  }
}
