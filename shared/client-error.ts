import type { ErrorCode } from './protocol.ts';

/** Why a client or a recording ended, or could not go on. `ended`: this side closed it. */
export class ClientError extends Error {
  readonly code: ErrorCode | 'ended';
  constructor(code: ClientError['code'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ClientError';
    this.code = code;
  }
}
