// Load on a server from processes of their own, so that making it costs the server's process nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { liveMedia } from '../scripts/live-media.ts';
import { crc32c } from '../shared/crc32c.ts';
import { material } from './material.ts';

/** `at`, `size`: where its bytes stand in the file of pieces */
export type Piece = { at: number; size: number; crc: number; startMs: number; durationMs: number };
export type Pieces = { file: string; mime: string; pieces: Piece[] };

export type LoadJob = Pieces & {
  url: string;
  token: string;
  sessions: number;
  /** keys of recordings count from here */
  firstKey: number;
  /** recordings begin evenly over so long; what is reported counts from its end, for `seconds` */
  rampSeconds: number;
  seconds: number;
  /** pieces a recording keeps in flight; 0: each is sent when its media time has come */
  window: number;
};

export type Spread = { p50: number; p99: number; max: number };
/** `lateMs`: how late pieces were sent, by the generator's own fault. `ackMs`: from handing a piece to the socket to its acknowledgement. */
export type LoadReport = { sent: number; acked: number; bytes: number; seconds: number; cpuSeconds: number; ackMs: Spread; lateMs: Spread; errors: string[] };

export type Load = { /** Resolves at the end of the ramp. */ go(): Promise<{ report: Promise<LoadReport> }>; stop(): void };

/** `seconds` (whole minutes) of the recording every bench streams, in pieces of two seconds, as the extension sends them. */
export const recordedPieces = async (folder: string, seconds: number): Promise<Pieces> => {
  const { mime, chunks } = await liveMedia(material(seconds), { slice: 'gop' });
  const parts: Uint8Array[] = [];
  const pieces: Piece[] = [];
  let held: { bytes: Uint8Array[]; startMs: number; endMs: number } | null = null;
  let at = 0;
  const close = (): void => {
    if (!held) return;
    const bytes = Buffer.concat(held.bytes);
    pieces.push({ at, size: bytes.length, crc: crc32c(bytes), startMs: held.startMs, durationMs: held.endMs - held.startMs });
    parts.push(bytes);
    at += bytes.length;
    held = null;
  };
  for await (const { bytes, startMs, durationMs } of chunks) {
    held ??= { bytes: [], startMs, endMs: startMs };
    held.bytes.push(bytes.slice());
    held.endMs = startMs + durationMs;
    if (held.endMs - held.startMs >= PIECE_MS) close();
  }
  close();
  const file = join(folder, 'pieces');
  await writeFile(file, Buffer.concat(parts));
  return { file, mime, pieces };
};
const PIECE_MS = 1_990;

/** Resolves when every recording is open. `core`: where the generator runs, null where there is only one. */
export const openLoad = (job: LoadJob, core: number | null): Promise<Load> => {
  const command = [process.execPath, resolve(import.meta.dirname, 'load-generator.ts'), JSON.stringify(job)];
  const [program, ...args] = core === null ? command : ['taskset', '-c', String(core), ...command];
  const child: ChildProcess = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] }); // a command has a program
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator](); // piped
  const read = async <T>(): Promise<T> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the load generator ended early');
    return JSON.parse(value) as T; // of load-generator.ts
  };
  return read<{ ready: number }>().then(() => ({
    go: async () => {
      child.stdin!.write('go\n'); // piped
      await read<{ steady: true }>();
      return { report: read<LoadReport>() };
    },
    stop: () => void child.kill('SIGKILL'),
  }));
};
