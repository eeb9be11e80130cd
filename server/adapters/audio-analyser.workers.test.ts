import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MediaError } from '../errors.ts';
import type { Packet } from '../media/media.ts';
import type { AudioAnalyser, AudioFrame } from '../ports.ts';
import { audioPackets, encode, signalOf, wavOf, type AudioFixture, type FixtureFormat } from '../testing/audio-fixture.ts';
import { hasTestdata, testdata } from '../testing/testdata.ts';
import { findFfmpeg } from '../workers/ffmpeg.ts';
import { openMediaPool } from '../workers/media-pool.ts';
import { createAudioAnalysers, createPcmDecoder } from './audio-analyser.workers.ts';

const ffmpeg = await findFfmpeg();
const settings = { ffmpegPath: ffmpeg.path, models: { vad: '', taggingModel: '', taggingLabels: '' } };
const pool = openMediaPool({ workers: 2, settings });
const open = createAudioAnalysers({ pool });
const decodePcm = createPcmDecoder({ pool });
afterAll(() => pool.close());
const never = new AbortController().signal;

/** 12 s: bursts of a tone in the middle of frames, over quiet noise */
const BURSTS = [3040, 5250, 9550];
let seed = 5;
const noise = (): number => ((seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 1_073_741_824 - 1) * 0.003;
const mono = signalOf(12, 48_000, (t) => noise() + (BURSTS.some((at) => t * 1000 >= at && t * 1000 < at + 300) ? 0.4 * Math.sin(2 * Math.PI * 700 * t) : 0));
const stereo = mono.reduce((out, value, i) => {
  out[2 * i] = value;
  out[2 * i + 1] = value;
  return out;
}, new Float32Array(mono.length * 2));
const fixture = async (format: FixtureFormat): Promise<AudioFixture> => audioPackets(await encode(wavOf(stereo, 48_000, 2), format, ffmpeg.path));
const fixtures = new Map<FixtureFormat, AudioFixture>();
for (const format of ['opus.webm', 'aac.mp4', 'vorbis.webm', 'mp3.mkv'] as const) fixtures.set(format, await fixture(format));
const of = (format: FixtureFormat): AudioFixture => {
  const found = fixtures.get(format);
  if (!found) throw new Error(format);
  return found;
};

const batches = (packets: Packet[], size: (i: number) => number): Packet[][] => {
  const list: Packet[][] = [];
  for (let at = 0, i = 0; at < packets.length; i++) {
    const step = Math.max(1, size(i));
    list.push(packets.slice(at, at + step));
    at += step;
  }
  return list;
};
const run = async (analyser: AudioAnalyser, list: Packet[][]): Promise<AudioFrame[]> => {
  const frames: AudioFrame[] = [];
  for (const batch of list) frames.push(...(await analyser.push(batch, never)));
  frames.push(...(await analyser.end(never)));
  await analyser.close();
  return frames;
};
const analyse = ({ track, packets }: AudioFixture, size: (i: number) => number = () => 50, startMs = 0): Promise<AudioFrame[]> => run(open({ sessionId: 'a', track, startMs }), batches(packets, size));
/** starts of frames that are 10 LU louder than the frame 300 ms before */
const rises = (frames: AudioFrame[]): number[] => frames.filter((frame, i) => frame.loudness > -30 && (frames[i - 1]?.loudness ?? -70) < frame.loudness - 10).map((frame) => frame.startMs);
const peak = (frames: AudioFrame[] | undefined, at: number): number => Math.max(...(frames ?? []).filter((frame) => frame.startMs >= at - 100 && frame.startMs < at + 500).map((frame) => frame.loudness));

describe('audio analyser in media workers', () => {
  it.each(['opus.webm', 'aac.mp4', 'vorbis.webm', 'mp3.mkv'] as const)('[X10] %s: a frame for each tenth of a second, bursts where they are', async (format) => {
    const frames = await analyse(of(format));
    expect(frames.map((frame) => frame.startMs).slice(0, 120)).toEqual(Array.from({ length: 120 }, (_, i) => i * 100));
    expect(frames.length).toBeLessThanOrEqual(121);
    const found = rises(frames);
    for (const at of BURSTS) expect(Math.min(...found.map((rise) => Math.abs(rise - at)))).toBeLessThanOrEqual(100);
    expect(found.length).toBeLessThanOrEqual(6);
    expect(frames.find((frame) => frame.startMs === 3100)?.loudness).toBeGreaterThan(-20);
  });

  it('[X10] hears AAC and Vorbis as it hears Opus, within 1 LU', async () => {
    const [opus, ...others] = await Promise.all((['opus.webm', 'aac.mp4', 'vorbis.webm'] as const).map((format) => analyse(of(format))));
    for (const other of others) for (const at of BURSTS) expect(Math.abs(peak(other, at) - peak(opus, at))).toBeLessThan(1);
  });

  it.each(['opus.webm', 'aac.mp4'] as const)('[X5] %s: the same frames whatever the batches', async (format) => {
    const whole = await analyse(of(format), () => 10_000);
    expect(await analyse(of(format), (i) => 1 + ((i * 7) % 13))).toEqual(whole);
    expect(await analyse(of(format), () => 37)).toEqual(whole);
  });

  it.each(['opus.webm', 'aac.mp4'] as const)('[X11] %s: after a restart a second earlier, the frames of an uninterrupted run', async (format) => {
    const whole = await analyse(of(format));
    const { track, packets } = of(format);
    const again = await analyse({ track, packets: packets.filter((packet) => packet.startMs >= 3_800) }, () => 40, 5_000);
    expect(again[0]?.startMs).toBe(5_000);
    for (const frame of again) {
      const same = whole.find((candidate) => candidate.startMs === frame.startMs);
      expect(Math.abs((same?.loudness ?? 99) - frame.loudness)).toBeLessThan(0.3);
      expect(Math.abs((same?.onset ?? 9) - frame.onset)).toBeLessThan(0.1);
    }
    expect(again.filter((frame) => whole.find((candidate) => candidate.startMs === frame.startMs)?.voice.toFixed(0) !== frame.voice.toFixed(0)).length).toBeLessThan(again.length * 0.05);
  });

  it.each(['opus.webm', 'aac.mp4', 'vorbis.webm'] as const)('[X4] %s: lost packets are silence, and what follows keeps its time', async (format) => {
    const { track, packets } = of(format);
    for (const [from, to] of [[6_000, 7_500], [1_000, 9_000]] as const) {
      const frames = await analyse({ track, packets: packets.filter((packet) => packet.startMs < from || packet.startMs >= to) });
      const found = rises(frames);
      expect(Math.min(...found.map((rise) => Math.abs(rise - 9500)))).toBeLessThanOrEqual(100);
      expect(frames.find((frame) => frame.startMs === to - 200)?.loudness).toBe(-70);
    }
  });

  it('[X12] gives 16 kHz mono of exactly the range asked for', async () => {
    for (const format of ['opus.webm', 'aac.mp4'] as const) {
      const { track, packets } = of(format);
      const pcm = await decodePcm({ track, packets: packets.filter((packet) => packet.startMs >= 2_500 && packet.startMs < 6_100), startMs: 2_850, endMs: 6_000 }, never);
      expect(pcm.length).toBe(3150 * 16);
      const first = pcm.findIndex((value) => Math.abs(value) > 0.2) / 16 + 2850;
      // FFmpeg's AAC encoder delays the sound by one packet, 21 ms
      expect(Math.abs(first - 3040 - (format === 'aac.mp4' ? 21 : 0))).toBeLessThan(6);
    }
    const { track, packets } = of('opus.webm');
    await expect(decodePcm({ track, packets, startMs: 0, endMs: 700_000 }, never)).rejects.toMatchObject({ code: 'limit' });
  });

  it('[X8] a codec nothing decodes is a typed refusal; a closed or failed analyser says so', async () => {
    const { track, packets } = of('opus.webm');
    const odd = open({ sessionId: 'odd', track: { ...track, codec: 'other', codecName: 'alac' }, startMs: 0 });
    await expect(odd.push(packets.slice(0, 3), never)).rejects.toMatchObject({ name: 'MediaError', code: 'unsupported' });
    await expect(odd.push(packets.slice(0, 3), never)).rejects.toThrow(/broken; open another/);
    await odd.close();
    const aborted = open({ sessionId: 'gone', track, startMs: 0 });
    await expect(aborted.push(packets, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    await aborted.close();
    await expect(aborted.end(never)).rejects.toBeInstanceOf(MediaError);
    expect(pool.state()).toMatchObject({ seats: 0, running: 0, waiting: 0 });
  });

  it('[X8] an FFmpeg that dies is started again a few times, then it is a typed error', async () => {
    const { track, packets } = of('aac.mp4');
    const folder = await mkdtemp(join(tmpdir(), 'clippy-ffmpeg-'));
    const dying = join(folder, 'ffmpeg');
    // decodes 80 KB, some seconds of this sound, and is gone
    await writeFile(dying, `#!/bin/sh\nhead -c 80000 | "${ffmpeg.path}" "$@"\n`, { mode: 0o755 });
    const mortal = openMediaPool({ workers: 1, settings: { ...settings, ffmpegPath: dying } });
    const absent = openMediaPool({ workers: 1, settings: { ...settings, ffmpegPath: join(folder, 'none') } });
    try {
      const frames = await run(createAudioAnalysers({ pool: mortal })({ sessionId: 'm', track, startMs: 0 }), batches(packets, () => 20));
      expect(frames.map((frame) => frame.startMs)).toEqual(Array.from({ length: frames.length }, (_, i) => i * 100));
      expect(frames.length).toBeGreaterThan(110);
      const dead = run(createAudioAnalysers({ pool: absent })({ sessionId: 'd', track, startMs: 0 }), batches(packets, () => 20));
      await expect(dead).rejects.toMatchObject({ name: 'MediaError', code: 'tool' });
    } finally {
      await Promise.all([mortal.close(), absent.close()]);
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('[X8] garbage in AAC packets ends nothing but their sound', async () => {
    const { track, packets } = of('aac.mp4');
    const mangled = packets.map((packet, i) => (i > 20 && i < 60 ? { ...packet, data: Uint8Array.from(packet.data, (byte, j) => (byte + i * j) & 255) } : packet));
    const frames = await analyse({ track, packets: mangled });
    expect(rises(frames).some((rise) => Math.abs(rise - 9500) <= 100)).toBe(true);
  });

  it.skipIf(!hasTestdata)('[X4] a recorder that stamps packets late gives one continuous sound (needs shared test data)', async () => {
    const { track, packets } = audioPackets(await readFile(testdata('webm-live/chrome52.webm')));
    const frames = await analyse({ track, packets });
    expect(frames[0]?.startMs).toBe(200);
    expect(frames.length).toBe(507);
    // a microphone is never digitally silent for 10 ms: that would be a hole we made
    const pcm = await decodePcm({ track, packets, startMs: 300, endMs: 50_000 }, never);
    let longest = 0;
    for (let i = 0, zeros = 0; i < pcm.length; i++) longest = Math.max(longest, (zeros = pcm[i] === 0 ? zeros + 1 : 0));
    expect(longest).toBeLessThan(160);
  });
});
