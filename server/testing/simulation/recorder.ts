// The recording side of a world: what is captured, the ring it may outlive, and one life of the real client that sends it.
import { createClient } from '../../../shared/client.ts';
import type { ClientError } from '../../../shared/client-error.ts';
import type { Recording } from '../../../shared/recording.ts';
import type { ChunkMeta, Ring } from '../../../shared/ring.ts';
import type { SocketFactory } from '../../../shared/socket.ts';
import type { Life } from './life.ts';
import { type Said, PACKET_MS, clusterBytes, initBytes, wordText } from './media.ts';
import { WORD_MS } from './media-ports.ts';
import type { Draw, Plan } from './plan.ts';

export type Capture = { kind: 'init' | 'cluster' | 'lost'; startMs: number; durationMs: number; bytes: Uint8Array; sound: Said[] };
/** `waiting` for good: its client died before it heard. `volatile`: no bytes of it outlive its client. */
export type Kept = { capture: Capture; state: 'waiting' | 'taken' | 'refused'; volatile: boolean };

export const film = ({ recorder }: Plan, draw: Draw): Capture[] => {
  let word = 0;
  return Array.from({ length: recorder.chunks }, (_, i) => {
    const startMs = i * recorder.packets * PACKET_MS;
    const sound = Array.from({ length: recorder.packets }, (_ignored, k): Said => {
      const atMs = startMs + k * PACKET_MS;
      const loud = recorder.loud.some(({ fromMs, untilMs }) => atMs >= fromMs && atMs < untilMs);
      const speaks = draw.chance(loud ? 0.9 : recorder.talk);
      return { loud: loud ? 112 : 72 + draw.int(0, 6), voice: speaks, word: speaks ? ++word : 0 };
    });
    const kind = draw.chance(recorder.losesChunks) ? 'lost' : 'cluster';
    return { kind, startMs, durationMs: recorder.packets * PACKET_MS, sound, bytes: clusterBytes({ startMs, mark: i + 1, sound }) };
  });
};

/** What a lasting ring holds; it outlives clients. */
export type Shelf = { through: number; hash: number; lastSeq: number; chunks: Map<number, { meta: ChunkMeta; bytes: Uint8Array | null }> };
export const newShelf = (): Shelf => ({ through: 0, hash: 0, lastSeq: 0, chunks: new Map() });

const lastingRing = (life: Life, shelf: Shelf, failed: (meta: ChunkMeta) => void): Ring => ({
  load: () => life.call('ring', 'load', () => {
    const chunks: (ChunkMeta & { held: boolean })[] = [];
    for (let seq = shelf.through + 1; seq <= shelf.lastSeq; seq++) {
      const known = shelf.chunks.get(seq);
      const before: ChunkMeta | undefined = chunks.at(-1);
      const at = (before?.startMs ?? 0) + (before?.durationMs ?? 0);
      chunks.push(known ? { ...known.meta, held: known.bytes !== null } : { seq, crc: 0, startMs: at, durationMs: 0, size: 0, held: false });
    }
    return { through: shelf.through, hash: shelf.hash, chunks };
  }),
  put: (meta, bytes) => life.call('ring', 'put', () => {
    shelf.chunks.set(meta.seq, { meta: { ...meta }, bytes: new Uint8Array(bytes) });
    shelf.lastSeq = Math.max(shelf.lastSeq, meta.seq);
  }).catch((error: unknown) => {
    failed(meta);
    throw error;
  }),
  read: (seq) => life.call('ring', 'read', () => shelf.chunks.get(seq)?.bytes ?? null),
  drop: (seq) => life.call('ring', 'drop', () => {
    const known = shelf.chunks.get(seq);
    if (known) known.bytes = null;
  }),
  release: (through, hash) => life.call('ring', 'release', () => {
    if (through <= shelf.through) return;
    Object.assign(shelf, { through, hash, lastSeq: Math.max(shelf.lastSeq, through) });
    for (const seq of shelf.chunks.keys()) if (seq <= through) shelf.chunks.delete(seq);
  }),
});

export type RecorderOptions = {
  plan: Plan;
  life: Life;
  random: () => number;
  socket: SocketFactory;
  key: string;
  /** which client of this recording it is, from 0 */
  take: number;
  captures: Capture[];
  /** where in the film it begins */
  from: number;
  shelf: Shelf | null;
  /** each push, in order */
  kept: Kept[];
  resume: boolean;
};

export type Recorder = {
  life: Life;
  take: number;
  recording: Recording;
  header: Capture;
  outcome: 'running' | 'stopped' | { failed: string };
  /** next capture */
  at(): number;
  close(): void;
};

/** Tells clients that send the same bytes apart by the dates of their chunks: 1/64 ms each. */
export const TAKE_MS = 1 / 64;

export const startRecorder = (options: RecorderOptions): Recorder => {
  const { plan, life, captures, kept, take } = options;
  const { recorder: how } = plan;
  const client = createClient({ url: 'ws://simulated', token: 'token', client: 'simulation', clientVersion: '1', socket: options.socket, clock: life.clock, random: options.random, ringBytes: how.ringBytes, ringMs: how.ringMs });
  const recording = client.record({
    key: options.key, title: 'A stream', sourceUrl: '', mime: 'video/webm;codecs=vp8,opus', video: null, mode: how.mode, resume: options.resume,
    ...(options.shelf ? { ring: lastingRing(life, options.shelf, ({ startMs, durationMs }) => {
      for (const entry of kept) if (entry.capture.startMs + take * TAKE_MS === startMs && entry.capture.durationMs === durationMs) entry.volatile = true;
    }) } : {}), ...(how.transcript === 'client' ? { transcript: 'client' as const } : {}),
  });
  let next = options.from;
  const header: Capture = { kind: 'init', startMs: captures[next]?.startMs ?? captures.at(-1)!.startMs, durationMs: 0, bytes: initBytes(how.mode === 'file' ? 0 : take), sound: [] }; // a film has chunks
  const recorder: Recorder = { life, take, recording, header, outcome: 'running', at: () => next, close: () => client.close() };
  const fail = (error: unknown): void => { if (recorder.outcome === 'running') recorder.outcome = { failed: (error as ClientError).code ?? String(error) }; };

  const hand = (capture: Capture): Promise<void> => {
    const entry: Kept = { capture, state: 'waiting', volatile: capture.kind === 'lost' };
    kept.push(entry);
    const media = { startMs: capture.startMs + take * TAKE_MS, durationMs: capture.durationMs, bytes: capture.bytes };
    const done = capture.kind === 'lost' ? recording.lose(media) : recording.push(media);
    return done.then(() => { entry.state = 'taken'; }, () => { entry.state = 'refused'; });
  };
  const speak = (capture: Capture): void => {
    if (how.transcript !== 'client' || capture.durationMs === 0) return;
    const words = capture.sound.flatMap(({ word }, k) => (word === 0 ? [] : [{ startMs: capture.startMs + k * PACKET_MS, endMs: capture.startMs + k * PACKET_MS + WORD_MS, text: wordText(word), confidence: 0.9 }]));
    try {
      recording.words({ fromMs: capture.startMs, untilMs: capture.startMs + capture.durationMs, words });
    } catch {
      // refused: the recording goes on without
    }
  };
  const stop = (): void => {
    recording.stop().then(() => { if (recorder.outcome === 'running') recorder.outcome = 'stopped'; }, fail);
  };
  const go = (): void => {
    const capture = captures[next];
    if (!capture) return stop();
    next++;
    const done = hand(capture);
    speak(capture);
    if (how.mode === 'file') void done.then(() => life.later(capture.durationMs * how.pace * 0.1, go));
    else life.later(capture.durationMs * how.pace, go);
  };
  void hand(header);
  go();
  return recorder;
};
