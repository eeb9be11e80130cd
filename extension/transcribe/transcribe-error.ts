/**
 * Why words are not made here. It ends transcription and never the recording. `model`: not a Whisper model, or one that does not
 * run; `unsupported`: this browser or page cannot run one; `timeout`, `crashed`: the engine was ended; `storage`: the model's file.
 */
export class TranscribeError extends Error {
  readonly code: 'model' | 'unsupported' | 'timeout' | 'crashed' | 'storage' | 'closed';
  constructor(code: TranscribeError['code'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'TranscribeError';
    this.code = code;
  }
}
