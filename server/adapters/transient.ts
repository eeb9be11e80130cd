// Which failures of storage pass by themselves. Repositories and stores throw what their drivers throw; callers that own a
// retry policy ask here instead of knowing drivers.
import { ProviderError, Refused, codeOf } from '../errors.ts';

const DRIVER = new Set(['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'ENOSPC', 'EMFILE', 'ENFILE']);

// https://www.postgresql.org/docs/18/errcodes-appendix.html
const SQLSTATE = new Set(['40001', '40P01', '55P03', '57014', '57P01', '57P02', '57P03', '25006']);

/** True for a lost connection, a server that restarts or is full, a lock or time limit: the same call may succeed later. */
export const isTransient = (error: unknown): boolean => {
  if (error instanceof Refused) return error.retryable;
  if (error instanceof ProviderError) return ['rate', 'server', 'timeout', 'network'].includes(error.kind);
  const code = codeOf(error);
  // a recording's bytes that could not be read: whatever the object store answered, it may answer otherwise later
  if (code === 'io' && error instanceof Error && error.cause) return error.cause instanceof ProviderError || isTransient(error.cause);
  // the socket file is missing only while the server restarts
  if (code === 'ENOENT') return error instanceof Error && 'syscall' in error && error.syscall === 'connect';
  return DRIVER.has(code) || SQLSTATE.has(code) || /^(08|53)...$/.test(code);
};
