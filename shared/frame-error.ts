/** A frame that breaks the protocol. The message names the field, the value as far as it is short, and the remedy. */
export class FrameError extends Error {
  readonly code: 'bad_frame' | 'too_large' | 'version';
  constructor(code: FrameError['code'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'FrameError';
    this.code = code;
  }
}
