// Errors a caller branches on. The message holds the offending value and the remedy; the cause is kept.
import type { ErrorCode } from '../shared/protocol.ts';

/** A request or frame we refuse: what was wrong goes to the client as it stands. */
export class Refused extends Error {
  readonly code: ErrorCode | 'not_found' | 'bad_request' | 'range' | 'too_many';
  readonly retryable: boolean;
  /** when trying again makes sense, where that is known */
  readonly retryAfterS: number | null;
  constructor(code: Refused['code'], message: string, options: { retryable?: boolean; retryAfterS?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'Refused';
    this.code = code;
    this.retryAfterS = options.retryAfterS ?? null;
    this.retryable = options.retryable ?? this.retryAfterS !== null;
  }
}

/** Media that cannot be read. `poison` = the same bytes will fail again, so retrying is useless. */
export class MediaError extends Error {
  readonly code: 'unsupported' | 'malformed' | 'limit' | 'incomplete' | 'tool';
  readonly atByte: number | null;
  constructor(code: MediaError['code'], message: string, options: { atByte?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'MediaError';
    this.code = code;
    this.atByte = options.atByte ?? null;
  }
}

/** A provider that did not answer as it should. `retryAfterMs` honours Retry-After. */
export class ProviderError extends Error {
  readonly provider: string;
  readonly kind: 'rate' | 'server' | 'timeout' | 'network' | 'garbage' | 'auth' | 'model' | 'budget' | 'off';
  readonly retryAfterMs: number | null;
  constructor(provider: string, kind: ProviderError['kind'], message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.provider = provider;
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** A start that cannot work: which check failed and what to do. */
export class StartError extends Error {
  constructor(check: string, remedy: string, options: { cause?: unknown } = {}) {
    super(`${check}\n  → ${remedy}`, { cause: options.cause });
    this.name = 'StartError';
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The `code` of a system, PostgreSQL, driver or own error; empty where there is none. */
export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '');
