// The first bytes of a Whisper model in whisper.cpp's format: enough to refuse everything else before it is read or kept.
import { TranscribeError } from './transcribe-error.ts';

const MAGIC = 0x67676d6c; // "ggml"
export const HEAD_BYTES = 48;
/** The engine has 2 GiB of memory for the model and its work. */
export const MAX_MODEL_BYTES = 2_000_000_000;
const LEAST_TOKENS = 51_864;

const refuse = (why: string): never => {
  throw new TranscribeError('model', `${why}; choose a Whisper model in ggml format, such as ggml-base.en-q5_1.bin`);
};

/** Throws TranscribeError `model`. */
export const checkModelHead = (head: Uint8Array, bytes: number): void => {
  if (bytes > MAX_MODEL_BYTES) refuse(`the file has ${(bytes / 1e9).toFixed(1)} GB, at most ${MAX_MODEL_BYTES / 1e9} can be run here`);
  if (head.length < HEAD_BYTES) refuse(`the file has only ${bytes} bytes`);
  const view = new DataView(head.buffer, head.byteOffset, HEAD_BYTES);
  if (view.getUint32(0, true) !== MAGIC) refuse('the file does not begin like a ggml model');
  const tokens = view.getInt32(4, true);
  const mels = view.getInt32(40, true);
  if (tokens < LEAST_TOKENS || (mels !== 80 && mels !== 128)) refuse(`the file is a ggml model, but not of Whisper (${tokens} tokens, ${mels} mel bands)`);
};
