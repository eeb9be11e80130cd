// Media for tests: made by FFmpeg where a test needs it, and the project's test set where that folder exists.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFfmpeg } from '../workers/ffmpeg.ts';
import type { Packet, WalkEvent, Walker } from '../media/media.ts';

const run = promisify(execFile);

const TESTDATA = join(import.meta.dirname, '../../../shared/testdata');
/** The test set's folder, or null on a machine without it. */
export const testdata = existsSync(TESTDATA) ? TESTDATA : null;

export const filesOf = (folder: string, pattern: RegExp): string[] =>
  testdata && existsSync(join(testdata, folder)) ? readdirSync(join(testdata, folder)).filter((name) => pattern.test(name)).sort().map((name) => join(testdata ?? '', folder, name)) : [];

export const ffmpegBinary = await findFfmpeg();

/** FFmpeg on trusted input, without the limits of the product. */
export const ffmpeg = (...args: string[]): Promise<unknown> => run(ffmpegBinary.path, ['-v', 'error', '-nostdin', '-y', ...args], { maxBuffer: 1 << 26 });

export const hasFfprobe = await run('ffprobe', ['-version']).then(() => true, () => false);

export const temporaryFolder = (): { path: (name: string) => string; remove: () => void } => {
  const folder = mkdtempSync(join(tmpdir(), 'clippy-media-'));
  return { path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) };
};

/** Edit lists and decoder priming survive: without these flags FFmpeg moves all times up until none is negative. */
export const FRAGMENTED = ['-movflags', 'frag_keyframe+default_base_moof+empty_moov+delay_moov', '-use_editlist', '1', '-avoid_negative_ts', 'disabled'];

const moving = (seconds: number): string[] => ['-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=25:duration=${seconds}`, '-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}:sample_rate=48000`];

/** H.264 with B-frames and AAC, a keyframe a second, fragmented MP4. */
export const makeMp4 = (target: string, seconds = 6): Promise<unknown> =>
  ffmpeg(...moving(seconds), '-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '25', '-pix_fmt', 'yuv420p', '-c:a', 'aac', ...FRAGMENTED, '-f', 'mp4', target);

/** VP8 and Opus as a live recorder writes them: unknown sizes, no cues. */
export const makeWebm = (target: string, seconds = 6): Promise<unknown> =>
  ffmpeg(...moving(seconds), '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '300k', '-g', '25', '-c:a', 'libopus', '-b:a', '48k', '-f', 'webm', '-live', '1', '-cluster_time_limit', '1000', target);

/** Pushes `bytes` in slices of the sizes `next` gives, each in memory of its own. */
export const walkSlices = (walker: Walker, bytes: Uint8Array, next: () => number): WalkEvent[] => {
  const events: WalkEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, next());
    events.push(...walker.push(bytes.slice(at, at + size)));
    at += size;
  }
  return [...events, ...walker.end()];
};

export const packetsOf = (events: WalkEvent[]): Packet[] => events.flatMap((event) => (event.type === 'packet' ? [event.packet] : []));
