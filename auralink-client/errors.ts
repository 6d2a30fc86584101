/** The one error type that the SDK throws, made from what the service answers (RFC 9457 and Matrix in one body). */
import type { LineFault } from './document-types.ts';

export interface AuraLinkErrorFields {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** `M_…` or `AURALINK_…`; `AURALINK_NETWORK` when no answer came. */
  readonly errcode: string;
  /** Finer reason within the code, such as `already_answered`. */
  readonly reason?: string | undefined;
  /** The input at fault, as a dotted path. */
  readonly field?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The account whose password was right, where it has no address to sign in to. */
  readonly matrixUserId?: string | undefined;
  /** Other names, where one was taken. */
  readonly suggestions?: readonly string[] | undefined;
  /** Where the lines of a document are wrong. */
  readonly faults?: readonly LineFault[] | undefined;
}

export class AuraLinkError extends Error implements AuraLinkErrorFields {
  override readonly name = 'AuraLinkError';
  readonly status: number;
  readonly errcode: string;
  readonly reason: string | undefined;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly matrixUserId: string | undefined;
  readonly suggestions: readonly string[] | undefined;
  readonly faults: readonly LineFault[] | undefined;

  constructor(message: string, fields: AuraLinkErrorFields, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = fields.status;
    this.errcode = fields.errcode;
    this.reason = fields.reason;
    this.field = fields.field;
    this.retryAfterMs = fields.retryAfterMs;
    this.matrixUserId = fields.matrixUserId;
    this.suggestions = fields.suggestions;
    this.faults = fields.faults;
  }
}

export function networkError(cause: unknown): AuraLinkError {
  return new AuraLinkError(
    'The service cannot be reached.',
    { status: 0, errcode: 'AURALINK_NETWORK' },
    cause,
  );
}

/** Reads a refusal's body; a body that is not ours (a balancer's page) still gives a proper error. */
export async function errorFromResponse(response: Response): Promise<AuraLinkError> {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // Not JSON: the status says enough.
  }
  const text = (key: string): string | undefined => {
    const value = body[key];
    return typeof value === 'string' ? value : undefined;
  };
  const retryAfter = Number(response.headers.get('retry-after'));
  const retryAfterMs = body.retry_after_ms;
  const { suggestions, faults } = body;
  return new AuraLinkError(
    text('detail') ??
      text('error_description') ??
      text('error') ??
      `The service answered ${response.status}.`,
    {
      status: response.status,
      errcode: text('errcode') ?? text('error') ?? 'M_UNKNOWN',
      reason: text('reason'),
      field: text('field'),
      retryAfterMs:
        typeof retryAfterMs === 'number' ? retryAfterMs : retryAfter > 0 ? retryAfter * 1000 : undefined,
      matrixUserId: text('matrixUserId'),
      suggestions: Array.isArray(suggestions) ? suggestions.map(String) : undefined,
      faults: Array.isArray(faults) ? (faults as LineFault[]) : undefined,
    },
  );
}
