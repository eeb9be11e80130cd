// What the encoder test runs inside Chromium: a page of its own that flashes and beeps every second, recorded by the real encoders.
import { startEncoder } from '../recorder/encoder.ts';
import type { EncodedPiece, EncoderStatus } from '../recorder/ports.ts';
import { DEFAULT_SETTINGS } from '../settings.ts';

export type Scene = { seconds: number; fallback?: boolean; microphone?: boolean; still?: boolean; silentTrack?: boolean; resizeAtMs?: number; crop?: { x: number; y: number; width: number; height: number } };
export type Recorded = { kind: string; mime: string; picture: { width: number; height: number }; status: EncoderStatus; note: string; failures: string[]; /** how late the page itself painted each flash */ lateMs: number[]; pieces: { kind: string; startMs: number; durationMs: number; base64: string }[] };

const FLASH_MS = 100;

const stage = (scene: Scene) => {
  const canvas = document.body.appendChild(document.createElement('canvas'));
  canvas.width = 1280;
  canvas.height = 720;
  const paint = canvas.getContext('2d', { alpha: false })!; // a new canvas has no other context
  const context = new AudioContext({ sampleRate: 48_000 });
  const out = context.createMediaStreamDestination();
  const gain = new GainNode(context, { gain: 0 });
  const tone = new OscillatorNode(context, { frequency: 1000 });
  tone.connect(gain).connect(out);
  tone.start();
  const zero = Math.ceil(context.currentTime) + 1;
  for (let second = 0; second < scene.seconds + 2; second++) {
    gain.gain.setValueAtTime(0.5, zero + second);
    gain.gain.setValueAtTime(0, zero + second + FLASH_MS / 1000);
  }
  const lateMs: number[] = [];
  const draw = (): void => {
    const at = (context.currentTime - zero) * 1000;
    const flash = at >= 0 && at % 1000 < FLASH_MS;
    if (flash) lateMs[Math.floor(at / 1000)] ??= at % 1000;
    paint.fillStyle = flash ? '#fff' : '#000';
    paint.fillRect(0, 0, canvas.width, canvas.height);
    paint.fillStyle = '#08f';
    paint.fillRect((at / 4) % canvas.width, canvas.height - 40, 40, 40);
  };
  draw();
  const timer = scene.still ? 0 : setInterval(draw, 1000 / 60);
  const stream = new MediaStream([...canvas.captureStream(30).getVideoTracks(), ...(scene.silentTrack ? new AudioContext().createMediaStreamDestination() : out).stream.getAudioTracks()]);
  return {
    stream,
    lateMs,
    /** recorded as the second track: another tone, all the time */
    microphone: () => {
      const voice = new OscillatorNode(context, { frequency: 300 });
      const second = context.createMediaStreamDestination();
      voice.connect(second);
      voice.start();
      return second.stream.getAudioTracks()[0] ?? null;
    },
    resize: () => {
      canvas.width = 800;
      canvas.height = 720;
    },
    close: () => {
      clearInterval(timer);
      canvas.remove();
      return context.close();
    },
  };
};

const base64 = async (bytes: Uint8Array): Promise<string> =>
  new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(String(reader.result).split(',')[1] ?? ''));
    reader.readAsDataURL(new Blob([new Uint8Array(bytes)]));
  });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const record = async (scene: Scene): Promise<Recorded> => {
  const played = stage(scene);
  const pieces: EncodedPiece[] = [];
  const failures: string[] = [];
  const encoder = await startEncoder(
    {
      stream: played.stream, microphone: scene.microphone ? played.microphone() : null, settings: DEFAULT_SETTINGS, soundDelayMs: 0, crop: scene.crop ? () => scene.crop ?? null : null,
      onPiece: async (piece) => void pieces.push(piece),
      onFailure: (error) => failures.push(error.message),
    },
    ...(scene.fallback ? [async () => false] : []),
  );
  if (scene.resizeAtMs) setTimeout(played.resize, scene.resizeAtMs);
  await pause(scene.seconds * 1000);
  const status = encoder.status();
  const { note } = await encoder.stop();
  await played.close();
  return { kind: encoder.kind, mime: encoder.mime, picture: encoder.picture, status, note, failures, lateMs: played.lateMs, pieces: await Promise.all(pieces.map(async ({ bytes, ...rest }) => ({ ...rest, base64: await base64(bytes) }))) };
};
declare global {
  interface Window {
    record: typeof record;
  }
}
window.record = record;
