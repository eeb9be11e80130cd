// The fallback where the browser has no WebCodecs or no H.264: WebM by MediaRecorder, sent as the byte stream it is.
// Its pieces are cut anywhere, so there is no init piece: the first one carries the header and whatever media came with it.
// The server and the client treat sequence 1 as the header, which the ring never drops; a later piece alone cannot be decoded.
import { ExtensionError } from '../messages.ts';
import { AUDIO_BITS_PER_SECOND, GOP_MS, QUALITIES } from '../settings.ts';
import { evenSize } from './picture-box.ts';
import { pieceQueue } from './piece-queue.ts';
import type { EncodedPiece, Encoder, EncoderOptions } from './ports.ts';
import { rates } from './rates.ts';
import { within } from './within.ts';

const SLICE_MS = 1_000;
const STOP_MS = 5_000;
const STORE_MS = 10_000;
/** the first blob may be one byte; the header with its two tracks is a few hundred */
const HEADER_BYTES = 4_096;
const TYPES = ['video/webm;codecs=vp9,opus', 'video/webm;codecs=vp8,opus', 'video/webm'];

/** What the specification has and the types do not yet: https://www.w3.org/TR/mediastream-recording/ */
type RecorderOptions = MediaRecorderOptions & { videoKeyFrameIntervalDuration: number };

/** MediaRecorder takes one track of sound. */
const mixed = (stream: MediaStream, microphone: MediaStreamTrack | null): { stream: MediaStream; close: () => void } => {
  if (!microphone) return { stream, close: () => undefined };
  const context = new AudioContext({ sampleRate: 48_000 });
  const out = context.createMediaStreamDestination();
  for (const track of [...stream.getAudioTracks(), microphone]) context.createMediaStreamSource(new MediaStream([track])).connect(out);
  return { stream: new MediaStream([...stream.getVideoTracks(), ...out.stream.getAudioTracks()]), close: () => void context.close() };
};

export const startMediaRecorder = async (options: EncoderOptions): Promise<Encoder> => {
  const [videoTrack] = options.stream.getVideoTracks();
  const mimeType = 'MediaRecorder' in globalThis ? TYPES.find((type) => MediaRecorder.isTypeSupported(type)) : undefined;
  if (!videoTrack) throw new ExtensionError('no-picture', 'the tab gave no pictures; reload it and record again');
  if (!mimeType) throw new ExtensionError('no-encoder', 'this browser can record neither MP4 nor WebM; update it');

  const { stream, close } = mixed(options.stream, options.microphone);
  const recorderOptions: RecorderOptions = {
    mimeType, videoBitsPerSecond: QUALITIES[options.settings.quality].videoBitsPerSecond, audioBitsPerSecond: AUDIO_BITS_PER_SECOND, videoKeyFrameIntervalDuration: GOP_MS,
  };
  const recorder = new MediaRecorder(stream, recorderOptions);
  const pieces = pieceQueue(options);
  const measured = rates();
  const ended = new Promise<void>((resolve) => recorder.addEventListener('stop', () => resolve(), { once: true }));
  const zero = performance.now();
  let lastMs = 0;
  let blobs = 0;
  let pending: Blob[] = [];
  let begun = false;

  const flush = (): void => {
    if (pending.length === 0) return;
    const blob = new Blob(pending);
    const startMs = lastMs;
    const durationMs = performance.now() - zero - startMs;
    lastMs += durationMs;
    pending = [];
    begun = true;
    pieces.push(blob.arrayBuffer().then((buffer): EncodedPiece => ({ kind: 'media', startMs, durationMs, bytes: new Uint8Array(buffer) })));
  };
  recorder.addEventListener('dataavailable', ({ data }) => {
    if (data.size === 0) return;
    blobs++;
    measured.count(performance.now(), data.size);
    pending.push(data);
    if (begun || pending.reduce((sum, { size }) => sum + size, 0) >= HEADER_BYTES) flush();
  });
  recorder.addEventListener('error', (event) => options.onFailure(new ExtensionError('encoder', `the browser stopped encoding: ${'error' in event ? String(event.error) : 'no reason given'}`)));
  recorder.start(SLICE_MS);

  const { width = 0, height = 0, frameRate = 0 } = videoTrack.getSettings();
  const picture = evenSize({ width, height });
  const end = async (): Promise<{ note: string }> => {
    if (recorder.state !== 'inactive') recorder.stop();
    const stopped = await within(ended.then(() => ''), STOP_MS, () => `the encoder did not finish within ${STOP_MS / 1000} s; the last second may be missing`);
    flush();
    close();
    const stored = await within(pieces.settled().then(() => ''), STORE_MS, () => `the browser's storage did not take the last piece within ${STORE_MS / 1000} s`);
    return { note: [stopped, stored].filter((note) => note !== '').join('; ') };
  };
  let stopping: Promise<{ note: string }> | null = null;
  return {
    kind: 'mediarecorder',
    mime: recorder.mimeType || mimeType,
    picture,
    // MediaRecorder tells nothing of single frames: its blobs are what is counted
    status: () => ({ ...picture, framesPerSecond: frameRate, bitsPerSecond: measured.read(performance.now()).bitsPerSecond, queued: 0, dropped: 0, framesIn: blobs, framesOut: blobs }),
    mediaMs: () => performance.now() - zero,
    stop: () => (stopping ??= end()),
  };
};
