/**
 * Every error's way out: one table from our codes to HTTP status and Matrix errcode, one body that serves both
 * RFC 9457 (problem details) and Matrix clients. What is not an AuraError is a fault of ours: logged, hidden, 500.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { AuraError, type ErrorCode } from '../core/errors.ts';

const STATUS: Readonly<
  Record<ErrorCode, { readonly status: number; readonly errcode: string; readonly title: string }>
> = {
  invalid: { status: 400, errcode: 'M_INVALID_PARAM', title: 'Invalid request' },
  unauthenticated: { status: 401, errcode: 'M_UNKNOWN_TOKEN', title: 'Not signed in' },
  forbidden: { status: 403, errcode: 'M_FORBIDDEN', title: 'Not allowed' },
  not_found: { status: 404, errcode: 'M_NOT_FOUND', title: 'Not found' },
  conflict: { status: 409, errcode: 'AURALINK_CONFLICT', title: 'Too late, or in the way of something' },
  taken: { status: 409, errcode: 'M_USER_IN_USE', title: 'Taken' },
  too_large: { status: 413, errcode: 'M_TOO_LARGE', title: 'Too large' },
  rate_limited: { status: 429, errcode: 'M_LIMIT_EXCEEDED', title: 'Too many requests' },
  unavailable: { status: 503, errcode: 'AURALINK_UNAVAILABLE', title: 'Not available at the moment' },
};

const ERROR_TYPE_BASE = 'https://auralink.network/errors/';

interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly errcode: string;
  readonly reason: string;
  readonly extra?: Readonly<Record<string, unknown>>;
}

export function problemOf(error: AuraError): Problem {
  const { status, errcode, title } = STATUS[error.code];
  const { errcode: own, ...extra } = error.details;
  const missingToken = error.details.reason === 'missing_token' ? 'M_MISSING_TOKEN' : errcode;
  return {
    status,
    title,
    detail: error.message,
    errcode: typeof own === 'string' ? own : missingToken,
    reason: error.details.reason ?? error.code,
    extra,
  };
}

/** Matrix clients read an `errcode` out of plain JSON only. */
const isMatrixApi = (url: string): boolean => url.startsWith('/_matrix/identity');

/** Sends a problem body; also usable from handlers outside the error path (404, upgrade refusals). */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const retryAfter = problem.extra?.retryAfterSeconds;
  if (typeof retryAfter === 'number') reply.header('retry-after', String(Math.ceil(retryAfter)));
  return reply
    .code(problem.status)
    .type(isMatrixApi(reply.request.url) ? 'application/json' : 'application/problem+json')
    .send({
      type: `${ERROR_TYPE_BASE}${problem.reason}`,
      title: problem.title,
      status: problem.status,
      detail: problem.detail,
      errcode: problem.errcode,
      error: problem.detail,
      ...(typeof retryAfter === 'number' && { retry_after_ms: Math.ceil(retryAfter * 1_000) }),
      ...problem.extra,
      reason: problem.reason,
    });
}

const bad = (
  errcode: string,
  detail: string,
  reason: string,
  extra: Record<string, unknown> = {},
): Problem => ({
  status: 400,
  title: STATUS.invalid.title,
  detail,
  errcode,
  reason,
  extra,
});

function findClientFault(error: FastifyError): Problem | null {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const first = error.validation[0];
    const path = first?.instancePath.replace(/^\//, '').replaceAll('/', '.') ?? '';
    const where = error.validationContext ?? 'body';
    const field = path === '' ? where : path;
    const errcode = where === 'body' ? 'M_BAD_JSON' : 'M_INVALID_PARAM';
    return bad(errcode, `${field}: ${first?.message ?? 'is not valid'}.`, 'invalid', { field });
  }
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return bad('M_NOT_JSON', 'The body is not JSON.', 'not_json', { field: 'body' });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return {
        ...bad('M_NOT_JSON', 'Send application/json.', 'not_json', { field: 'content-type' }),
        status: 415,
      };
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return problemOf(new AuraError('too_large', 'The body is too large.', { field: 'body' }));
    default:
      break;
  }
  const status = error.statusCode ?? 500;
  if (status < 400 || status >= 500) return null;
  return { ...bad('M_UNKNOWN', error.message, 'invalid'), status };
}

/** What the router itself refuses, before any route: a part of the path that is too long, or no URL at all. */
export function answerRouterError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const tooLong = error.code === 'FST_ERR_MAX_PARAM_LENGTH';
  const detail = tooLong
    ? 'A part of the path is too long; no id or name here is.'
    : 'The path is not a URL’s: every % must be followed by two hexadecimal digits of UTF-8.';
  const problem = bad('M_INVALID_PARAM', detail, tooLong ? 'path_too_long' : 'bad_path', { field: 'path' });
  sendProblem(reply, tooLong ? { ...problem, status: 414 } : problem);
}

/** Installs the error handler and the answer to unknown routes and methods. */
export function installErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError | AuraError, request: FastifyRequest, reply: FastifyReply) => {
    if (error instanceof AuraError) {
      if (error.code === 'unavailable') request.log.warn({ err: error }, 'a part is away');
      return sendProblem(reply, problemOf(error));
    }
    const fault = findClientFault(error);
    if (fault !== null) return sendProblem(reply, fault);
    request.log.error({ err: error }, 'a request failed through a fault of ours');
    return sendProblem(reply, {
      status: 500,
      title: 'Internal error',
      detail: 'Something went wrong on our side; the operator can find it in the log by this request id.',
      errcode: 'M_UNKNOWN',
      reason: 'internal',
      extra: { requestId: request.id },
    });
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      status: 404,
      title: STATUS.not_found.title,
      detail: `There is no ${request.method} ${request.url.split('?')[0]}.`,
      errcode: 'M_UNRECOGNIZED',
      reason: 'unknown_route',
    }),
  );
}
