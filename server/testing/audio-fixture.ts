// Audio for tests: packets of a file as the decode stage would give them, and PCM made into one by FFmpeg.
import { createWalker } from '../media/walker.ts';
import type { Packet, Track } from '../media/media.ts';
import { runFfmpeg } from '../workers/ffmpeg.ts';

export type AudioFixture = { track: Track; packets: Packet[] };

/** The first audio track of a WebM or fragmented MP4, in session time from 0. */
export const audioPackets = (bytes: Uint8Array): AudioFixture => {
  const walker = createWalker({ videoData: false });
  let track: Track | undefined;
  const packets: Packet[] = [];
  for (const event of [...walker.push(bytes), ...walker.end()]) {
    if (event.type === 'init') track = event.init.tracks.find((candidate) => candidate.kind === 'audio');
    if (event.type === 'packet' && event.packet.track === track?.number) packets.push(event.packet);
  }
  if (!track) throw new Error(`no audio track in ${bytes.length} bytes`);
  return { track, packets };
};

export const wavOf = (samples: Float32Array, sampleRate: number, channels = 1): Buffer => {
  const data = Buffer.alloc(samples.length * 2);
  for (const [i, sample] of samples.entries()) data.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32767), i * 2);
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(sampleRate, 24);
  head.writeUInt32LE(sampleRate * channels * 2, 28);
  head.writeUInt16LE(channels * 2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
};

const FORMATS = {
  'opus.webm': ['-c:a', 'libopus', '-b:a', '96k', '-f', 'webm'],
  'vorbis.webm': ['-c:a', 'libvorbis', '-f', 'webm'],
  'aac.mp4': ['-c:a', 'aac', '-f', 'mp4', '-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-frag_duration', '1000000'],
  'mp3.mkv': ['-c:a', 'libmp3lame', '-f', 'matroska'],
} as const;
export type FixtureFormat = keyof typeof FORMATS;

export const encode = async (wav: Buffer, format: FixtureFormat, ffmpegPath: string): Promise<Buffer> => {
  const args = ['-f', 'wav', '-i', 'pipe:0', '-vn', ...FORMATS[format], 'pipe:1'];
  const { stdout } = await runFfmpeg({ path: ffmpegPath, args, input: wav, maxOutputBytes: 64 << 20, timeoutMs: 30_000 }, AbortSignal.timeout(30_000));
  return stdout;
};

/** 16 kHz (or other) mono or stereo signal from a function of time in seconds. */
export const signalOf = (seconds: number, sampleRate: number, at: (t: number, i: number) => number): Float32Array =>
  Float32Array.from({ length: Math.round(seconds * sampleRate) }, (_, i) => at(i / sampleRate, i));
