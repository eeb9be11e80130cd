import { codeOf } from '../errors.ts';

/**
 * What a timeline could not do.
 * `full`: no space, append again when there is. `io`: the disk failed, append again. `busy`: too much waits for the disk.
 * `quarantined`: these bytes are damaged on disk. `dropped`: retention removed them. `closed`: finished or closed.
 */
export class TimelineError extends Error {
  readonly code: 'full' | 'io' | 'busy' | 'quarantined' | 'dropped' | 'closed';
  /** the bytes of the session's stream it is about, where it is about bytes */
  readonly byteStart: number | null;
  readonly byteEnd: number | null;
  constructor(code: TimelineError['code'], message: string, options: { byteStart?: number; byteEnd?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'TimelineError';
    this.code = code;
    this.byteStart = options.byteStart ?? null;
    this.byteEnd = options.byteEnd ?? null;
  }
}

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export const writeFailure = (path: string, cause: unknown): TimelineError => {
  const code = codeOf(cause);
  return NO_SPACE.has(code)
    ? new TimelineError('full', `no space to append to ${path} (${code}); free space, the client sends again`, { cause })
    : new TimelineError('io', `cannot append to ${path} (${code || String(cause)}); check the disk, the client sends again`, { cause });
};
