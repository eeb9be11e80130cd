// What an SDK, fetch or a schema throws, as one of the kinds a caller branches on.
import { ZodError } from 'zod';
import { messageOf, ProviderError } from '../errors.ts';

/** longest text of a provider that reaches a message */
const MAX_DETAIL = 200;

/** The part of the SDKs' `APIError` (groq-sdk and openai are made by one generator) that says what went wrong. */
const httpOf = (error: unknown): { status: number | undefined; headers: Headers | undefined } | null => {
  if (!(error instanceof Error) || !('status' in error)) return null;
  const headers = 'headers' in error && error.headers instanceof Headers ? error.headers : undefined;
  return { status: typeof error.status === 'number' ? error.status : undefined, headers };
};

/** `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date (RFC 9110 §10.2.3); null where there is none. */
export const retryAfterOf = (headers: Headers | undefined, now: number): number | null => {
  const ms = Number(headers?.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(ms)) return Math.max(0, ms);
  const after = headers?.get('retry-after');
  if (!after) return null;
  const seconds = Number(after);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(after);
  return Number.isFinite(at) ? Math.max(0, at - now) : null;
};

const kindOfStatus = (status: number, detail: string): ProviderError['kind'] => {
  if (status === 401 || status === 403) return 'auth';
  if (status === 404 || (status === 400 && /model_(not_found|decommissioned)|model .*(does not exist|decommissioned|not found)/i.test(detail))) return 'model';
  if (status === 429) return /insufficient_quota|billing/i.test(detail) ? 'budget' : 'rate';
  if (status === 408 || status === 504) return 'timeout';
  return status >= 500 ? 'server' : 'garbage';
};

/** `timedOut`: our own time limit ended the call. */
export const asProviderError = (provider: string, error: unknown, context: { timedOut: boolean; now: number }): ProviderError => {
  if (error instanceof ProviderError) return error;
  const detail = messageOf(error).replace(/\s+/g, ' ').slice(0, MAX_DETAIL);
  if (context.timedOut) return new ProviderError(provider, 'timeout', `${provider} did not answer in time`, { cause: error });
  const http = httpOf(error);
  if (http?.status !== undefined) {
    const retryAfterMs = retryAfterOf(http.headers, context.now);
    return new ProviderError(provider, kindOfStatus(http.status, detail), `${provider} answered ${http.status}: ${detail}`, { cause: error, ...(retryAfterMs === null ? {} : { retryAfterMs }) });
  }
  if (error instanceof ZodError || error instanceof SyntaxError) return new ProviderError(provider, 'garbage', `${provider} answered something unreadable: ${detail}`, { cause: error });
  return new ProviderError(provider, 'network', `${provider} cannot be reached: ${detail}`, { cause: error });
};
