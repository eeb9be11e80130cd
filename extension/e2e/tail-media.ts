// Recordings for save-tail.test.ts, and what FFmpeg makes of a file: pictures by their checksums, sound by its samples.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { testFfmpeg } from '../../server/testing/ffmpeg-path.ts';
import type { Piece } from './save-tail-page.ts';

const execute = promisify(execFile);
const ffmpeg = async (args: string[]): Promise<Buffer> => (await execute(testFfmpeg(), ['-v', 'error', '-nostdin', ...args], { encoding: 'buffer', maxBuffer: 1 << 30 })).stdout;

export const FPS = 30;
/** A chirp once a second: a shift of one sample shows. */
const chirp = (hertz: number, seconds: number): string => `aevalsrc=0.4*sin(2*PI*(${hertz}*t+900*mod(t\\,1)*mod(t\\,1))):s=48000:d=${seconds}`;

/** Fragmented MP4 as the recorder makes it: H.264 and Opus, 2 s between keyframes, a fragment each. */
export const makeFragmented = (file: string, seconds: number, options: { secondAudio?: boolean; bitrate?: string; size?: string } = {}): Promise<Buffer> =>
  ffmpeg([
    '-f', 'lavfi', '-i', `testsrc2=size=${options.size ?? '320x180'}:rate=${FPS}:duration=${seconds}`, '-f', 'lavfi', '-i', chirp(300, seconds),
    ...(options.secondAudio ? ['-f', 'lavfi', '-i', chirp(710, seconds), '-map', '0', '-map', '1', '-map', '2'] : []),
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0',
    ...(options.bitrate ? ['-b:v', options.bitrate, '-minrate', options.bitrate, '-maxrate', options.bitrate, '-bufsize', options.bitrate, '-nal-hrd', 'cbr'] : []),
    '-c:a', 'libopus', '-b:a', '96k', '-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4', '-y', file,
  ]);

/** The init and one piece per fragment of `fragmentMs`; of those at most `maxBytes`, as the sender cuts them. */
export const piecesOf = (media: Uint8Array, fragmentMs: number, maxBytes = Infinity): Piece[] => {
  const bytes = Buffer.from(media.buffer, media.byteOffset, media.byteLength);
  const starts: number[] = [0];
  for (let at = 0; at + 8 <= bytes.length; at += bytes.readUInt32BE(at)) {
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (type === 'moof' || type === 'mfra') starts.push(at);
  }
  const hasIndex = bytes.toString('latin1', starts.at(-1)! + 4, starts.at(-1)! + 8) === 'mfra';
  const ends = hasIndex ? starts.slice(1) : [...starts.slice(1), bytes.length];
  return ends.flatMap((to, index) => {
    const from = starts[index]!; // as many as ends, or one more
    const count = Math.ceil((to - from) / maxBytes) || 1;
    const [startMs, durationMs] = index === 0 ? [0, 0] : [(index - 1) * fragmentMs, fragmentMs];
    const size = Math.min(maxBytes, to - from);
    return Array.from({ length: count }, (_, n) => ({ from: from + n * size, to: Math.min(to, from + (n + 1) * size), startMs: startMs + (durationMs * n) / count, durationMs: durationMs / count }));
  });
};

type Row = { at: number; sum: string };

/** FFmpeg's framemd5: `#tb stream: a/b`, then `stream, dts, pts, duration, size, checksum`; times in seconds. */
const rowsOf = (text: string): Row[] => {
  const ticks = new Map([...text.matchAll(/^#tb (\d+): (\d+)\/(\d+)/gm)].map(([, stream = '', top, bottom]) => [stream, Number(top) / Number(bottom)]));
  return text.split('\n').filter((line) => /^\d/.test(line)).map((line) => {
    const [stream = '', , pts, , , sum = ''] = line.split(',').map((field) => field.trim());
    return { at: Number(pts) * (ticks.get(stream) ?? NaN), sum };
  });
};

/** A checksum and a time in seconds for each picture presented. */
export const pictures = async (file: string): Promise<Row[]> =>
  rowsOf((await ffmpeg(['-i', file, '-map', '0:v:0', '-fps_mode', 'passthrough', '-enc_time_base', '-1', '-f', 'framemd5', 'pipe:1'])).toString());

/** Checksum and time of each packet of sound, as recorded. */
export const soundPackets = async (file: string): Promise<Row[]> => rowsOf((await ffmpeg(['-copyts', '-i', file, '-map', '0:a:0', '-c', 'copy', '-copyts', '-f', 'framemd5', 'pipe:1'])).toString());

/** Mono at 48 kHz, the first sample at 0 s. */
export const samples = async (file: string, track = 0): Promise<Int16Array> => {
  const raw = await ffmpeg(['-i', file, '-map', `0:a:${track}`, '-af', 'aresample=48000:async=1:first_pts=0', '-ac', '1', '-f', 's16le', 'pipe:1']);
  return new Int16Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + (raw.length & ~1)));
};

/** By how many samples `heard` (from `at`) comes after `source` (from `sourceAt`), by correlation over a second. */
export const lag = (source: Int16Array, sourceAt: number, heard: Int16Array, at: number): { samples: number; correlation: number } => {
  let best = { samples: 0, correlation: -1 };
  for (let shift = -960; shift <= 960; shift++) {
    let [product, one, other] = [0, 0, 0];
    for (let n = 0; n < 48_000; n += 3) {
      const [a, b] = [source[sourceAt + n] ?? 0, heard[at + n + shift] ?? 0];
      product += a * b;
      one += a * a;
      other += b * b;
    }
    const correlation = product / Math.sqrt(one * other || 1);
    if (correlation > best.correlation) best = { samples: shift, correlation };
  }
  return best;
};

/** Where the last picture or sound ends. FFmpeg pads the last packet of a whole file: give it one cut at a fragment. */
export const endOf = async (file: string, audioTracks: number): Promise<number> => {
  const sounds = await Promise.all(Array.from({ length: audioTracks }, (_, track) => samples(file, track)));
  return Math.max((await pictures(file)).at(-1)!.at + 1 / FPS, ...sounds.map((sound) => sound.length / 48_000)); // a file without pictures is no use here
};

const SMALL = { width: 64, height: 36 };
/** Each presented picture, small and grey. */
export const thumbnails = async (file: string): Promise<Uint8Array[]> => {
  const raw = await ffmpeg(['-i', file, '-map', '0:v:0', '-fps_mode', 'passthrough', '-vf', `scale=${SMALL.width}:${SMALL.height},format=gray`, '-f', 'rawvideo', 'pipe:1']);
  const size = SMALL.width * SMALL.height;
  return Array.from({ length: raw.length / size }, (_, index) => raw.subarray(index * size, (index + 1) * size));
};

/** Mean distance of pixels; far where there is no picture. */
export const difference = (a: Uint8Array, b: Uint8Array | undefined): number => (b ? a.reduce((sum, value, index) => sum + Math.abs(value - b[index]!), 0) / a.length : 255); // of one size
