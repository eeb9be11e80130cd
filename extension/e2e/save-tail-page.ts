// In the page of save-tail.test.ts: a recording put into the store piece by piece, its end saved, played, and sent back.
import { openRecordingStore } from '../recorder/store.ts';
import { saveTail } from '../recorder/save-tail.ts';
import type { RecordingRecord } from '../recorder/ports.ts';

export type Piece = { from: number; to: number; startMs: number; durationMs: number };

const recordOf = (key: string, mime: string): RecordingRecord => ({
  key, title: 'A stream: "live"', sourceUrl: 'https://example.com/', mime, encoder: 'webcodecs', width: 640, height: 360, microphone: false,
  startedAt: Date.now(), endedAt: null, durationMs: 0, storedAt: 0, serverUrl: '', delivered: false, transcript: 'server',
});

const opened = openRecordingStore();

/** All of `pieces` of the served file, under sequences from 1. */
const record = async (key: string, path: string, mime: string, pieces: Piece[]): Promise<void> => {
  const store = await opened;
  const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer());
  await store.create(recordOf(key, mime));
  const ring = store.ring(key, { keepMs: 600_000 });
  for (const [index, { from, to, startMs, durationMs }] of pieces.entries()) await ring.put({ seq: index + 1, crc: 0, startMs, durationMs, size: to - from }, bytes.subarray(from, to));
};

/** Plays the middle for a moment; the error or how far it came. */
const play = async (blob: Blob): Promise<{ duration: number; played: number; width: number; error: string | null }> => {
  const video = document.createElement('video');
  video.src = URL.createObjectURL(blob);
  await new Promise((resolve) => {
    video.addEventListener('canplaythrough', resolve, { once: true });
    video.addEventListener('error', resolve, { once: true });
  });
  const from = (video.currentTime = video.duration / 2);
  await video.play();
  await new Promise((resolve) => {
    const look = (): void => (video.currentTime > from + 0.5 || video.error ? resolve(null) : void requestAnimationFrame(look));
    look();
  });
  const result = { duration: video.duration, played: video.currentTime - from, width: video.videoWidth, error: video.error?.message ?? null };
  URL.revokeObjectURL(video.src);
  return result;
};

const save = async (key: string, seconds: number, path: string) => {
  const store = await opened;
  const found = (await store.list()).find((each) => each.key === key)!; // the test made it
  const started = performance.now();
  const { blob, durationMs, filename } = await saveTail({ store, record: found, seconds, signal: new AbortController().signal });
  const tookMs = performance.now() - started;
  await fetch(path, { method: 'POST', body: blob });
  return { durationMs, filename, tookMs, type: blob.type, size: blob.size, playback: await play(blob) };
};

const failure = (run: () => Promise<unknown>): Promise<{ code: string; message: string } | null> =>
  run().then(() => null, (error: { code?: unknown; name: string; message: string }) => ({ code: typeof error.code === 'string' ? error.code : error.name, message: error.message }));

/** A moving picture and a tone through MediaRecorder, as the recorder does where WebCodecs is missing; the whole stream is sent to `path`. */
const recordWebm = async (key: string, codec: 'vp8' | 'vp9', seconds: number, path: string): Promise<number> => {
  const store = await opened;
  const mime = `video/webm;codecs=${codec},opus`;
  await store.create({ ...recordOf(key, mime), encoder: 'mediarecorder' });
  const ring = store.ring(key, { keepMs: 600_000 });
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
  const context = canvas.getContext('2d')!; // of a new canvas
  let frame = 0;
  const timer = setInterval(() => {
    frame += 1;
    context.fillStyle = '#203040';
    context.fillRect(0, 0, 320, 180);
    context.fillStyle = '#f0e020';
    context.fillRect((frame * 7) % 280, (frame * 3) % 140, 40, 40);
    context.fillRect(0, 170, (frame % 80) * 4, 10);
  }, 33);
  const sound = new AudioContext({ sampleRate: 48_000 });
  const tone = sound.createOscillator();
  const out = sound.createMediaStreamDestination();
  tone.connect(out);
  tone.frequency.setValueAtTime(300, 0);
  tone.frequency.linearRampToValueAtTime(300 + seconds * 200, seconds);
  tone.start();
  const recorder = new MediaRecorder(new MediaStream([...canvas.captureStream(30).getVideoTracks(), ...out.stream.getAudioTracks()]), { mimeType: mime, videoBitsPerSecond: 1_000_000, videoKeyFrameIntervalDuration: 2000 } as MediaRecorderOptions);
  const whole: Blob[] = [];
  let last = Promise.resolve();
  let seq = 0;
  recorder.addEventListener('dataavailable', ({ data }) => {
    whole.push(data);
    last = last.then(async () => {
      const bytes = new Uint8Array(await data.arrayBuffer());
      if (bytes.length > 0) await ring.put({ seq: (seq += 1), crc: 0, startMs: (seq - 1) * 250, durationMs: 250, size: bytes.length }, bytes);
    });
  });
  const ended = new Promise((resolve) => recorder.addEventListener('stop', resolve, { once: true }));
  recorder.start(250);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  recorder.stop();
  await ended;
  await last;
  clearInterval(timer);
  await sound.close();
  await fetch(path, { method: 'POST', body: new Blob(whole) });
  return seq;
};

const parts = { opened, recordOf, record, recordWebm, save, saveTail, failure };
export type SavePage = typeof globalThis & { parts: typeof parts };
Object.assign(globalThis, { parts, ready: true });
