// `npm run stream -- FILE`: sends a media file as a live recording and, once the server has worked through it, shows its clips.
// `streamFile` is the same for tests, the demo and the benches.
import { parseArgs } from 'node:util';
import { ulid } from 'ulid';
import { sleep, systemClock } from '../server/clock.ts';
import { messageOf } from '../server/errors.ts';
import { createClient } from '../shared/client.ts';
import { ClientError } from '../shared/client-error.ts';
import type { Clip, Gap, SessionEvent, SessionSummary } from '../shared/model.ts';
import type { Recording } from '../shared/recording.ts';
import { follow } from './drained.ts';
import type { ClipArrival } from './drained.ts';
import { liveMedia } from './live-media.ts';
import type { LiveMedia } from './live-media.ts';
import { noProgress, progressLine } from './stream-progress.ts';
import type { Progress } from './stream-progress.ts';

export type StreamOptions = {
  file: string;
  /** origin, default http://127.0.0.1:7070 */
  server?: string;
  token: string;
  /** media seconds per second; default 1 */
  speed?: number | 'max';
  /** `gop` (default), a number of bytes, or `random:SEED` */
  slice?: string;
  title?: string;
  /** ULID; the same key goes on with the same session */
  key?: string;
  allAudio?: boolean;
  /** a line on stderr, where that is a terminal */
  progress?: boolean;
  /** wait until the pipeline has worked through everything; default true */
  awaitDrained?: boolean;
  /** give up when the server has not answered once in so long; default 30,000 */
  connectMs?: number;
  /** give up on draining when nothing happens for so long; default 120,000 */
  silenceMs?: number;
  /** the server has answered; the media's time 0 is now */
  onStart?: (sessionId: string) => void;
  /** `atMs` counts from `onStart` */
  onEvent?: (event: SessionEvent, atMs: number) => void;
  /** Stops early, and cleanly: what was read is sent and the session is closed. */
  signal?: AbortSignal;
};

export type StreamResult = {
  sessionId: string;
  chunks: number;
  acked: number;
  gaps: Gap[];
  durationMs: number;
  clips: Clip[];
  /** each clip version and when it was announced, ms from `onStart` */
  arrivals: ClipArrival[];
  session: SessionSummary;
  how: LiveMedia['how'];
};

const SERVER = 'http://127.0.0.1:7070';
const MAX_CLIPS = 200;

const clipsOf = async (origin: string, token: string, sessionId: string): Promise<Clip[]> => {
  const reply = await fetch(new URL(`/api/clips?sessionId=${sessionId}&limit=${MAX_CLIPS}`, origin), { headers: { authorization: `Bearer ${token}` } });
  if (!reply.ok) throw new ClientError('unavailable', `the clips of session ${sessionId} could not be read: ${reply.status} ${(await reply.text()).slice(0, 200)}`);
  const { clips } = (await reply.json()) as { clips: Clip[] }; // our own server's answer, checked by its schema
  return clips.toSorted((a, b) => a.startMs - b.startMs);
};

/** Pushes pieces as their media time comes, until the end or the signal. Returns the media time reached. */
const pushAll = async (recording: Recording, media: LiveMedia, options: { speed: number; progress: Progress; signal: AbortSignal }): Promise<number> => {
  const { speed, progress, signal } = options;
  const beganAt = systemClock.now();
  let mediaMs = 0;
  for await (const piece of media.chunks) {
    mediaMs = piece.startMs + piece.durationMs;
    const dueAt = beganAt + mediaMs / speed;
    if (dueAt > systemClock.now()) await sleep(systemClock, dueAt - systemClock.now(), signal).catch(() => undefined); // stopped early: seen below
    if (signal.aborted) break;
    await recording.push(piece);
    progress.update({ mediaMs, elapsedMs: systemClock.now() - beganAt, lagMs: systemClock.now() - dueAt, status: recording.status });
  }
  return mediaMs;
};

/** Rejects with `MediaError` (the file) or `ClientError` (the server); its message says what to do. */
export const streamFile = async (options: StreamOptions): Promise<StreamResult> => {
  const origin = options.server ?? SERVER;
  if (!URL.canParse(origin) || !/^https?:$/.test(new URL(origin).protocol)) throw new ClientError('unavailable', `${origin} is no address of a server; give --server http://HOST:PORT`);
  const title = options.title ?? options.file.split(/[\\/]/).at(-1) ?? options.file;
  const early = options.signal ?? new AbortController().signal;
  const awaitDrained = options.awaitDrained ?? true;
  const media = await liveMedia(options.file, { slice: options.slice ?? 'gop', allAudio: options.allAudio ?? false });
  const progress = options.progress && process.stderr.isTTY ? progressLine(title, media.durationMs) : noProgress;
  const connectMs = options.connectMs ?? 30_000;
  let lastReason = 'no answer';
  const client = createClient({
    url: origin, token: options.token, client: 'cli', clientVersion: '1',
    onStatus: (status) => {
      if (status.state === 'waiting') lastReason = status.reason;
      progress.note(status.state === 'waiting' ? `(reconnecting: ${status.reason})` : '');
    },
  });
  const recording = client.record({ key: options.key ?? ulid(), title, sourceUrl: '', mime: media.mime, video: null, mode: 'file', resume: options.key !== undefined });
  const unanswered = setTimeout(() => recording.abandon(new ClientError('unavailable', `no Clippy server answers at ${origin} (${lastReason}); start one with npm start or give --server`)), connectMs);
  try {
    const sessionId = await recording.session;
    clearTimeout(unanswered);
    const startedAt = performance.now();
    const now = (): number => performance.now() - startedAt;
    options.onStart?.(sessionId);
    const follower = follow(client, { sessionId, now, silenceMs: options.silenceMs ?? 120_000, ...(options.onEvent && { onEvent: options.onEvent }) });
    try {
      await pushAll(recording, media, { speed: options.speed === 'max' ? Infinity : (options.speed ?? 1), progress, signal: early });
      const stopped = await recording.stop();
      progress.note('(working through it)');
      const view = awaitDrained ? await follower.drained() : null;
      const { pushed, lastAcked, lost } = recording.status;
      return {
        sessionId, chunks: pushed, acked: lastAcked - lost, gaps: view?.gaps ?? [], durationMs: (view?.session ?? stopped).durationMs,
        clips: awaitDrained ? await clipsOf(origin, options.token, sessionId) : [], arrivals: follower.arrivals, session: view?.session ?? stopped, how: media.how,
      };
    } finally {
      follower.close();
    }
  } finally {
    clearTimeout(unanswered);
    client.close();
    media.close();
    progress.end();
  }
};

const USAGE = `npm run stream -- FILE [--server URL] [--speed 1|4|max] [--slice BYTES|gop|random:SEED] [--title T] [--key ULID] [--all-audio] [--json]
The token is read from CLIPPY_TOKEN.`;

const readArguments = (): { options: StreamOptions; json: boolean } => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      server: { type: 'string' }, speed: { type: 'string' }, slice: { type: 'string' }, title: { type: 'string' }, key: { type: 'string' },
      'all-audio': { type: 'boolean' }, json: { type: 'boolean' },
    },
  });
  const [file] = positionals;
  const token = process.env['CLIPPY_TOKEN'];
  if (!file || positionals.length > 1) throw new Error(USAGE);
  if (!token) throw new Error('CLIPPY_TOKEN is not set; set it to the admin token the server printed at its first start');
  const speed = values.speed === 'max' ? ('max' as const) : Number(values.speed ?? 1);
  if (speed !== 'max' && !(speed > 0)) throw new Error(`--speed ${values.speed}: give max or a number above 0`);
  const { server, slice, title, key } = values;
  return {
    json: values.json ?? false,
    options: {
      file, token, speed, progress: true, connectMs: 10_000, allAudio: values['all-audio'] ?? false,
      ...(server !== undefined && { server }), ...(slice !== undefined && { slice }), ...(title !== undefined && { title }), ...(key !== undefined && { key }),
    },
  };
};

const report = ({ sessionId, chunks, acked, gaps, durationMs, clips }: StreamResult, json: boolean): string => {
  const shown = clips.map(({ id, version, startMs, endMs, score, title, reasons, mediaUrl }) => ({ id, version, startMs, endMs, score, title, reasons, mediaUrl }));
  if (json) return JSON.stringify({ sessionId, chunks, acked, gaps, durationMs, clips: shown });
  const lines = shown.map(({ startMs, endMs, score, title, mediaUrl }) => `  ${(startMs / 1000).toFixed(1)}–${(endMs / 1000).toFixed(1)} s  ${score.toFixed(2)}  ${title}\n      ${mediaUrl}`);
  return [`session ${sessionId}: ${chunks} chunks, ${acked} acknowledged, ${gaps.length} gaps, ${(durationMs / 1000).toFixed(1)} s, ${clips.length} clips`, ...lines].join('\n');
};

if (import.meta.main) {
  const stop = new AbortController();
  process.on('SIGINT', () => {
    if (stop.signal.aborted) process.exit(130);
    process.stderr.write('\nstopping cleanly; press Ctrl-C again to leave at once\n');
    stop.abort();
  });
  try {
    const { options, json } = readArguments();
    console.log(report(await streamFile({ ...options, signal: stop.signal }), json));
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}
