// Any codec to 16 kHz PCM in time: Opus in this thread, everything else through a long-lived FFmpeg child.
import { MediaError, messageOf } from '../errors.ts';
import type { Track } from '../media/media.ts';
import { PCM_RATE, type PcmBlock } from '../media/pcm-frames.ts';
import { startFfmpeg, type FfmpegProcess } from './ffmpeg.ts';
import { matroskaCluster, matroskaHeader } from './matroska-audio.ts';
import type { PackedPacket } from './media-messages.ts';
import { openOpus } from './opus.ts';

/** Packets in order; `sink` gets their sound, in order, as soon as it is decoded. `end` after the last. */
export type AudioDecoder = { channels: number; push(packets: PackedPacket[]): Promise<void>; end(): Promise<void>; close(): Promise<void> };
export type PcmSink = (block: PcmBlock) => void;

const opusAudio = async (track: Track, sink: PcmSink): Promise<AudioDecoder> => {
  const opus = await openOpus(track);
  return {
    channels: opus.channels,
    push: async (packets) => {
      for (const packet of packets) sink(opus.decode(packet));
    },
    end: async () => {},
    close: async () => opus.close(),
  };
};

/** A hole in the packets longer than this starts the child's clock anew; shorter ones it fills with silence itself. */
const RESTART_GAP_MS = 5_000;
const MAX_RESTARTS = 3;
/** How far behind the packets the child's output may stay before a push waits for it, and for how long it does. */
const LAG_MS = 250;
const WAIT_MS = 400;
/** A child that gives more sound than it got, or takes or gives nothing for so long, is ended. */
const EXCESS_MS = 10_000;
const STUCK_MS = 15_000;

// fills holes and trims overlaps above 30 ms, so that output sample n is always n/16000 s after the base
const IN_TIME = `aresample=${PCM_RATE}:async=1:min_hard_comp=0.03:first_pts=0`;
const childArgs = (channels: number): string[] =>
  `-loglevel error -threads 1 -fflags +nobuffer -probesize 4096 -analyzeduration 0 -f matroska -i pipe:0 -map 0:a:0 -vn -sn -dn -ac ${channels} -af ${IN_TIME} -flush_packets 1 -f f32le pipe:1`.split(' ');

/** One run of the child: from its base time until it is finished or dies. `onProgress` is told of each piece of output. */
type Run = { child: FfmpegProcess; baseMs: number; /** of the last packet written */ fedMs: number; samples: number; drained: Promise<void>; /** its output has ended */ over: boolean; onProgress: () => void };

/** Interleaved f32le to one array per channel. */
const planes = (bytes: Buffer, channels: number): Float32Array[] => {
  // a copy: Node's pooled buffers begin anywhere, floats only at multiples of four
  const floats = new Float32Array(Uint8Array.from(bytes).buffer);
  if (channels === 1) return [floats];
  const samples = floats.length / channels;
  return Array.from({ length: channels }, (_, channel) => {
    const plane = new Float32Array(samples);
    for (let i = 0, at = channel; i < samples; i++, at += channels) plane[i] = floats[at]!; // `at` stays below floats.length
    return plane;
  });
};

const startRun = (options: { path: string; track: Track; channels: number; baseMs: number; sink: PcmSink }): Run => {
  const { channels, baseMs, sink } = options;
  const child = startFfmpeg({ path: options.path, args: childArgs(channels) });
  const run: Run = { child, baseMs, fedMs: baseMs, samples: 0, drained: Promise.resolve(), over: false, onProgress: () => {} };
  const drain = async (): Promise<void> => {
    let carry = Buffer.alloc(0);
    for (let part = await child.read(); part; part = await child.read()) {
      const bytes = carry.length > 0 ? Buffer.concat([carry, part]) : part;
      const whole = bytes.length - (bytes.length % (4 * channels));
      carry = Buffer.from(bytes.subarray(whole));
      if (whole === 0) continue;
      if (baseMs + (run.samples * 1000) / PCM_RATE > run.fedMs + EXCESS_MS) return void child.close();
      sink({ startMs: baseMs + (run.samples * 1000) / PCM_RATE, channels: planes(bytes.subarray(0, whole), channels) });
      run.samples += whole / 4 / channels;
      run.onProgress();
    }
  };
  // a pipe that breaks is the child's death, which its exit code and the next write report
  run.drained = drain()
    .catch(() => {})
    .finally(() => (run.over = true));
  return run;
};

/** Ends a child that does not do `work` in time; the work then fails or ends by itself. */
const orEnded = async <T>(child: FfmpegProcess, work: Promise<T>): Promise<T> => {
  const timer = setTimeout(() => void child.close(), STUCK_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
};

/** Waits until the child is near `untilMs`, has ended, or has had time enough: what is late comes with the next push. */
const caughtUp = (run: Run, untilMs: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, WAIT_MS);
    const finish = (): void => {
      clearTimeout(timer);
      resolve();
    };
    run.onProgress = () => {
      if (run.baseMs + (run.samples * 1000) / PCM_RATE >= untilMs - LAG_MS) finish();
    };
    void run.drained.then(() => finish());
    run.onProgress();
  });

const ffmpegAudio = (track: Track, path: string, sink: PcmSink): AudioDecoder => {
  if (!path) throw new MediaError('unsupported', `sound in ${track.codecName} needs FFmpeg; install it or set FFMPEG_PATH`);
  // level and picture of more than two channels are judged on FFmpeg's stereo downmix
  const channels = track.channels === 1 ? 1 : 2;
  const header = matroskaHeader(track);
  let run: Run | null = null;
  let restarts = 0;
  let lastMs = 0;
  const finish = async (): Promise<void> => {
    if (!run) return;
    const { child, drained } = run;
    child.finish();
    await orEnded(child, drained);
    const code = await orEnded(child, child.ended);
    const heard = run.samples;
    run = null;
    if (code !== 0 && heard === 0) throw new MediaError('tool', `FFmpeg could not decode sound in ${track.codecName} (${code ?? 'killed'}): ${child.stderr().trim().slice(-300)}`);
  };
  const write = async (packet: PackedPacket): Promise<void> => {
    if (run && (packet.startMs > lastMs + RESTART_GAP_MS || packet.startMs < run.baseMs)) await finish();
    if (!run) {
      run = startRun({ path, track, channels, baseMs: packet.startMs, sink });
      await run.child.write(header);
    }
    await orEnded(run.child, run.child.write(matroskaCluster(packet, run.baseMs)));
    lastMs = run.fedMs = packet.startMs;
  };
  const died = async (error: unknown): Promise<void> => {
    await run?.child.close();
    run = null;
    if (++restarts > MAX_RESTARTS) throw new MediaError('tool', `FFmpeg ended ${restarts} times on this sound (${track.codecName}): ${messageOf(error)}`, { cause: error });
  };
  return {
    channels,
    push: async (packets) => {
      for (const packet of packets) {
        try {
          await write(packet);
        } catch (error) {
          // the packet that met the death is lost; the hole is silence
          await died(error);
        }
      }
      if (run) await caughtUp(run, lastMs);
      if (run?.over) await died(new Error(run.child.stderr().trim().slice(-300) || 'it ended before its input did'));
    },
    end: finish,
    close: async () => {
      await run?.child.close();
      run = null;
    },
  };
};

/** Throws `MediaError` unsupported for a codec nothing here decodes. */
export const openDecoder = async (track: Track, ffmpegPath: string, sink: PcmSink): Promise<AudioDecoder> => {
  if (track.kind !== 'audio') throw new MediaError('unsupported', `track ${track.number} is ${track.kind}, not audio`);
  return track.codec === 'opus' ? opusAudio(track, sink) : ffmpegAudio(track, ffmpegPath, sink);
};
