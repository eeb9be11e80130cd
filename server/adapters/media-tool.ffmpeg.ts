// MediaTool on an FFmpeg executable, 4.1 or newer. fluent-ffmpeg only writes argument lists here: its probing of formats and codecs
// breaks from FFmpeg 7 on, and its processes have no limits, so ours (workers/ffmpeg.ts) run them.
import ffmpeg from 'fluent-ffmpeg';
import { MediaError } from '../errors.ts';
import type { MediaTool, Verification } from '../ports.ts';
import { runFfmpeg } from '../workers/ffmpeg.ts';

declare module 'fluent-ffmpeg' {
  // eslint-disable-next-line typescript/consistent-type-definitions -- an augmentation must be an interface
  interface FfmpegCommand {
    /** what `run()` would start FFmpeg with, without the probing it does before; not in the published types */
    _getArguments(): string[];
  }
}

const DEMUXERS = { mp4: 'mp4', webm: 'matroska' } as const;
const THUMBNAIL = { timeoutMs: 15_000, maxOutputBytes: 8 * 1024 * 1024 };
/** one line of text per audio packet and picture: about four hours */
const VERIFY = { timeoutMs: 120_000, maxOutputBytes: 128 * 1024 * 1024 };
const REENCODE = { timeoutMs: 30 * 60_000, maxOutputBytes: 16 * 1024 * 1024 };
const MAX_ERRORS = 20;

// eslint-disable-next-line no-underscore-dangle -- the public way to these arguments probes FFmpeg first
const argumentsOf = (command: ffmpeg.FfmpegCommand): string[] => command._getArguments();

const inputOf = (file: string, container: 'mp4' | 'webm'): ffmpeg.FfmpegCommand => ffmpeg().input(file).inputFormat(DEMUXERS[container]);

/** Every picture and sound as decoded, none doubled or left out to keep a rate. Renamed in 5.1; builds without a number are older ones. */
const passthrough = (version: string): string[] => {
  const [, major = '0', minor = '0'] = /^n?(\d+)\.(\d+)/.exec(version) ?? [];
  return [Number(major) * 100 + Number(minor) < 501 ? '-vsync' : '-fps_mode', 'passthrough'];
};

const eachLine = (onLine: (line: string) => void): ((bytes: Buffer) => void) => {
  let open = '';
  return (bytes) => {
    const lines = (open + bytes.toString('latin1')).split('\n');
    open = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
};

type Counted = { type: string; secondsPerTick: number; count: number; ticks: number; end: number };

/** Reads FFmpeg's framecrc: `#name stream: value` lines, then `stream, dts, pts, duration, size, crc` per packet. */
class FrameCounter {
  readonly #streams = new Map<string, Counted>();
  #width = 0;
  #height = 0;

  push(line: string): void {
    if (line.startsWith('#')) {
      const [, name, index = '', value = ''] = /^#(\w+) (\d+): (.*)/.exec(line) ?? [];
      if (name === 'media_type') this.#stream(index).type = value;
      if (name === 'tb') this.#stream(index).secondsPerTick = Number(value.split('/')[0]) / Number(value.split('/')[1]);
      if (name === 'dimensions') [this.#width = 0, this.#height = 0] = value.split('x').map(Number);
      return;
    }
    const [number = '', , pts, duration] = line.split(',');
    const known = this.#stream(number.trim());
    known.count += 1;
    known.ticks += Number(duration);
    known.end = Math.max(known.end, Number(pts) + Number(duration));
  }

  result(): Omit<Verification, 'errors'> {
    const all = [...this.#streams.values()];
    const of = (type: string) => all.filter((known) => known.type === type);
    return {
      durationMs: Math.max(0, ...all.map((known) => known.end * known.secondsPerTick * 1000)),
      videoFrames: of('video').reduce((sum, known) => sum + known.count, 0),
      // a tick of decoded sound is one sample
      audioSamples: of('audio').reduce((sum, known) => sum + known.ticks, 0),
      width: this.#width, height: this.#height,
    };
  }

  #stream(index: string): Counted {
    const known = this.#streams.get(index) ?? { type: '', secondsPerTick: 0, count: 0, ticks: 0, end: 0 };
    this.#streams.set(index, known);
    return known;
  }
}

/** `Duration: 00:00:30.04` in what FFmpeg says about its input. */
const readDuration = (stderr: string): number => {
  const [, hours, minutes, seconds] = /Duration: (\d+):(\d+):([\d.]+)/.exec(stderr) ?? [];
  return hours === undefined ? 0 : (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
};

export const createFfmpegMediaTool = ({ path, version }: { path: string; version: string }): MediaTool => {
  const pictureAt = async (file: string, options: { container: 'mp4' | 'webm'; atMs: number; width: number }, signal: AbortSignal): Promise<Uint8Array> => {
    const command = inputOf(file, options.container).noAudio().frames(1).videoFilters(`scale=${Math.round(options.width)}:-2`).videoCodec('mjpeg').outputOptions(['-q:v', '4']).outputFormat('image2pipe').output('pipe:1');
    if (options.atMs > 0) command.seekInput(options.atMs / 1000);
    const { stdout } = await runFfmpeg({ path, args: ['-v', 'error', ...argumentsOf(command)], ...THUMBNAIL, tolerant: true }, signal);
    return new Uint8Array(stdout);
  };

  return {
    version,
    path,

    thumbnail: async (file, options, signal) => {
      // at or near the end there may be no picture left to show
      for (const atMs of new Set([options.atMs, options.atMs / 2, 0])) {
        const jpeg = await pictureAt(file, { ...options, atMs }, signal);
        if (jpeg.length > 0) return jpeg;
      }
      throw new MediaError('tool', `FFmpeg found no picture in ${file}`);
    },

    verify: async (file, { container }, signal) => {
      const counter = new FrameCounter();
      // wrapped frames are counted without their pixels being copied or summed up
      const args = ['-v', 'error', '-f', DEMUXERS[container], '-i', file, '-map', '0:v:0?', '-map', '0:a:0?', '-c:v', 'wrapped_avframe', ...passthrough(version), '-f', 'framecrc', 'pipe:1'];
      const { stderr } = await runFfmpeg({ path, args, ...VERIFY, onOutput: eachLine((line) => counter.push(line)), tolerant: true }, signal);
      return { ...counter.result(), errors: stderr.split('\n').filter((line) => line.trim() !== '').slice(0, MAX_ERRORS) };
    },

    reencode: async (file, target, { container, onProgress }, signal) => {
      const command = inputOf(file, container)
        .videoCodec('libx264').audioCodec('aac').audioBitrate('160k').outputFormat('mp4')
        .videoFilters('scale=trunc(iw/2)*2:trunc(ih/2)*2').outputOptions(['-map', '0:v:0?', '-map', '0:a:0?', '-preset', 'veryfast', '-crf', '20', '-pix_fmt', 'yuv420p', '-movflags', '+faststart'])
        .output(target);
      const total = onProgress ? readDuration((await runFfmpeg({ path, args: ['-f', DEMUXERS[container], '-i', file], ...THUMBNAIL, tolerant: true }, signal)).stderr) : 0;
      const onLine = (line: string): void => {
        // microseconds, whatever its name says, in every version
        const [, done] = /^out_time_ms=(\d+)/.exec(line) ?? [];
        if (done !== undefined && total > 0) onProgress?.(Math.min(1, Number(done) / 1000 / total));
      };
      await runFfmpeg({ path, args: ['-v', 'error', '-progress', 'pipe:1', ...argumentsOf(command)], ...REENCODE, nice: 5, onOutput: eachLine(onLine) }, signal);
      onProgress?.(1);
    },
  };
};
