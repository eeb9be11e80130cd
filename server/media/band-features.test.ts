// Energies read from packets against the same packets decoded in full: libopus is the judge, on every kind of frame.
import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../shared/testing/random.ts';
import { audioPackets, signalOf, wavOf } from '../testing/audio-fixture.ts';
import { findFfmpeg, runFfmpeg } from '../workers/ffmpeg.ts';
import { openOpus } from '../workers/opus.ts';
import { FeatureExtractor, type FrameFeatures } from './audio-features.ts';
import { BandFeatures, isReadable } from './band-features.ts';
import { CeltEnergy } from './celt-energy.ts';
import type { Packet } from './media.ts';
import { opusFrames } from './opus.ts';
import { PcmFramer } from './pcm-frames.ts';

const RATE = 48_000;
const ffmpeg = await findFfmpeg();
const seed = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 100_000);

/** 36 s: a voice (harmonics under a contour, words and pauses) that rises and falls by 30 dB over faint noise, hiss, clicks, a hum. */
const scene = (channels: 1 | 2): Float32Array => {
  const random = seededRandom(7);
  const mono = signalOf(36, RATE, (t) => {
    const level = 10 ** (-(10 + 15 * (1 + Math.cos((2 * Math.PI * t) / 9))) / 20);
    const word = t % 0.6 < 0.42 ? Math.sin((Math.PI * (t % 0.6)) / 0.42) : 0;
    const angle = 2 * Math.PI * (140 * t + 5 * Math.sin(2.1 * t));
    const formant = 600 + 500 * Math.sin(1.7 * t);
    let voice = 0;
    for (let k = 1; k <= 24; k++) voice += Math.sin(k * angle) / (1 + ((140 * k - formant) / 400) ** 2);
    const hiss = t % 12 > 10.5 ? 0.1 * (random() - 0.5) : 0;
    const click = t % 3 < 0.004 ? 0.5 * (random() - 0.5) : 0;
    return 0.6 * level * word * voice + hiss + click + 0.004 * (random() - 0.5) + 0.01 * Math.sin(2 * Math.PI * 330 * t);
  });
  return channels === 1 ? mono : Float32Array.from({ length: 2 * mono.length }, (_, i) => mono[i >> 1]! * (i & 1 ? 0.7 : 1)); // half as many samples a channel
};
const wavs = { 1: wavOf(scene(1), RATE, 1), 2: wavOf(scene(2), RATE, 2) };

const encoded = async (wav: Buffer, args: string[]) => {
  const { stdout } = await runFfmpeg({ path: ffmpeg.path, args: ['-f', 'wav', '-i', 'pipe:0', '-c:a', 'libopus', ...args, '-f', 'webm', 'pipe:1'], input: wav, maxOutputBytes: 16 << 20, timeoutMs: 60_000 }, AbortSignal.timeout(60_000));
  return audioPackets(stdout);
};
const read = (packets: Packet[], channels: number): FrameFeatures[] => {
  const features = new BandFeatures(channels, 0);
  for (const packet of packets) features.push(packet);
  return features.end();
};
const decoded = async ({ track, packets }: ReturnType<typeof audioPackets>): Promise<FrameFeatures[]> => {
  const opus = await openOpus(track);
  const features = new FeatureExtractor(opus.channels, { voice: null, laughter: null });
  const frames: FrameFeatures[] = [];
  const framer = new PcmFramer(opus.channels, (at, channels) => { frames.push(features.push(at, channels)); });
  for (const packet of packets) framer.push(opus.decode(packet));
  framer.end();
  opus.close();
  return frames;
};
const ranks = (values: number[]): number[] => {
  const ranked: number[] = [];
  for (const [rank, { i }] of values.map((value, at) => ({ value, i: at })).sort((a, b) => a.value - b.value).entries()) ranked[i] = rank;
  return ranked;
};
/** Spearman's */
const rankCorrelation = (one: number[], other: number[]): number => {
  const [a, b] = [ranks(one), ranks(other)];
  const middle = (a.length - 1) / 2;
  const sum = (x: number[], y: number[]): number => x.reduce((total, value, i) => total + (value - middle) * ((y[i] ?? 0) - middle), 0);
  return sum(a, b) / sum(a, a);
};
const quantile = (values: number[], share: number): number => values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? NaN;

const KINDS: [string, 1 | 2, string[]][] = [
  ['20 ms, stereo, 96 kbit/s', 2, ['-b:a', '96k']],
  ['20 ms, mono, 64 kbit/s', 1, ['-b:a', '64k', '-application', 'audio']],
  ['20 ms, stereo, constant 128 kbit/s', 2, ['-b:a', '128k', '-vbr', 'off']],
  ['10 ms', 2, ['-b:a', '128k', '-frame_duration', '10']],
  ['60 ms, three frames a packet', 2, ['-b:a', '128k', '-frame_duration', '60']],
  ['low delay, 256 kbit/s', 2, ['-b:a', '256k', '-application', 'lowdelay']],
];

describe.each(KINDS)('Opus in CELT mode: %s', (_, channels, args) => {
  let packets: Packet[] = [];
  let ours: FrameFeatures[] = [];
  let theirs: FrameFeatures[] = [];
  beforeAll(async () => {
    const sound = await encoded(wavs[channels], args);
    packets = sound.packets;
    theirs = await decoded(sound);
    ours = read(packets, channels);
  }, 90_000);

  it('[X18] gives the loudness of decoded sound: median within 1 LU, 95 % within 3.5 LU, in the same order', () => {
    expect(packets.every(({ data }) => isReadable(data))).toBe(true);
    expect(ours.map(({ startMs }) => startMs).slice(0, 360)).toEqual(theirs.map(({ startMs }) => startMs).slice(0, 360));
    expect(Math.abs(ours.length - theirs.length)).toBeLessThanOrEqual(1); // a fraction of a slot at the end
    const pairs = theirs.map((frame, i) => [frame.loudness, ours[i]?.loudness ?? 0] as const).slice(4);
    const errors = pairs.map(([exact, got]) => got - exact);
    expect(Math.abs(quantile(errors, 0.5))).toBeLessThan(1);
    expect(quantile(errors.map(Math.abs), 0.95)).toBeLessThan(3.5);
    expect(rankCorrelation(pairs.map(([exact]) => exact), pairs.map(([, got]) => got))).toBeGreaterThan(0.98);
  });

  it('[X18] hears voice and onsets where decoded sound has them', () => {
    const voice = theirs.map((frame, i) => [frame.voice >= 0.5, (ours[i]?.voice ?? 0) >= 0.5] as const).slice(10);
    expect(voice.filter(([exact, got]) => exact === got).length / voice.length).toBeGreaterThan(0.8);
    expect(rankCorrelation(theirs.map(({ onset }) => onset), ours.map(({ onset }) => onset))).toBeGreaterThan(0.5);
    for (const { onset, voice: heard, loudness } of ours) expect(onset >= 0 && onset <= 1 && heard >= 0 && heard <= 1 && loudness >= -70).toBe(true);
  });
});

describe('packets of any kind', () => {
  it('[X18] digital silence is −70, and sound after it is what it was before', async () => {
    const sound = signalOf(6, RATE, (t) => (t >= 2 && t < 4 ? 0 : 0.3 * Math.sin(2 * Math.PI * 1000 * t)));
    const { packets } = await encoded(wavOf(sound, RATE), ['-b:a', '96k']);
    const frames = read(packets, 1);
    for (const frame of frames.filter(({ startMs }) => startMs >= 2_600 && startMs < 3_900)) expect(frame).toMatchObject({ loudness: -70, onset: 0 });
    expect(Math.max(...frames.slice(30, 39).map(({ voice }) => voice))).toBeLessThan(0.1);
    expect(Math.abs((frames[15]?.loudness ?? 0) - (frames[55]?.loudness ?? 0))).toBeLessThan(0.5);
  }, 60_000);

  it('[X18] three packets of a loud 1 kHz sine give these numbers', () => {
    const sine = [
      '+J/hUwCA7ITNy8nHuwTMMg+39G2AsJ10ypS3dkeRUcoRvl9B87OtXEIC5b4iZ/cFsBTvJJGy9C4SowyFxE9dKoH2T9pIg1H/ylZ47WaYxfoPTkAAf7qAcrjmhjSx',
      '+J5v8b5YLuABGXbpSXkWp2qwbuxo0aV2cvaanAapqHZL0kpYd8IUZI5+isSBsZawH9mnBVD8vtaRMP+0VVRyp3DcbtHTlDNwbCN3bsL3QAcQZUAFVW7xZVbSLFVvcpcuFjY6j26KivuabpyKT/lDPXYqaaGiu4Lv5L0P7UUGCekGuBlx0Q==',
      '+Jwcw5Xz8ZHsH5yrNYddsnq1avLwYBy7HXzOt20Az8+/T+Q50RLG5LKCba5AfpUFPFTxhk/HN1N5zYds83B3KHS6ISUi9hmZJBS1dyqw3jYilVCrW4kocWBy3KXOmu5DIvrL44UNa6LUrro84wmjcyqfa1u9Ii5+/sDiqd1vuF4x0Q==',
    ];
    const celt = new CeltEnergy();
    const loud = sine.map((base64) => {
      const data = Buffer.from(base64, 'base64');
      celt.frame(data, { from: 1, to: data.length }, { size: 3, bandwidth: 3, channels: 1 }, false);
      expect(celt.bands.indexOf(Math.max(...celt.bands))).toBe(4); // 800 to 1000 Hz, where the sine leans over the edge
      return Number(celt.loud.toPrecision(3));
    });
    // decoded: 0.115, 0.126, 0.125. A steady tone is the worst case: the same rounding each time.
    expect(loud).toEqual([0.241, 0.124, 0.0671]);
    expect(celt.bands[16]).toBeLessThan(1e-8);
  });

  it(`[X18] no bytes do harm: random packets, and sound with bits turned over (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(random() * 256));
    const { packets } = await encoded(wavs[2].subarray(0, 44 + 4 * RATE * 3), ['-b:a', '96k']);
    const features = new BandFeatures(2, 0);
    let atMs = 0;
    for (let n = 0; n < 20_000; n++) {
      const data = bytes(Math.floor(random() ** 3 * 700));
      if (data.length > 0) data[0]! |= 0x80;
      for (const { from, to } of opusFrames(data) ?? []) expect(from <= to && to <= data.length).toBe(true);
      features.push({ startMs: atMs, data });
      atMs += 20;
    }
    for (const packet of packets) {
      const data = packet.data.slice();
      for (let flips = Math.floor(random() * 4); flips > 0; flips--) data[1 + Math.floor(random() * (data.length - 1))]! ^= 1 << Math.floor(random() * 8);
      features.push({ startMs: atMs + packet.startMs, data });
    }
    const frames = features.end();
    expect(frames.length).toBeGreaterThan(3_000);
    for (const frame of frames) {
      expect([frame.loudness, frame.onset, frame.voice].every(Number.isFinite), JSON.stringify(frame)).toBe(true);
      expect(frame.onset >= 0 && frame.onset <= 1 && frame.voice >= 0 && frame.voice <= 1 && frame.loudness >= -70 && frame.loudness < 8).toBe(true);
    }
  }, 60_000);

  it('[X18] the frames of a packet are found for every code of §3.2, and not in broken ones', () => {
    const packet = (...parts: (number | number[])[]): Uint8Array => Uint8Array.from(parts.flat());
    const fill = (length: number): number[] => Array.from({ length }, () => 0);
    const toc = 0xf8; // CELT, full band, 20 ms, mono
    expect(opusFrames(packet(toc, fill(5)))).toEqual([{ from: 1, to: 6 }]);
    expect(opusFrames(packet(toc | 1, fill(6)))).toEqual([{ from: 1, to: 4 }, { from: 4, to: 7 }]);
    expect(opusFrames(packet(toc | 1, fill(5)))).toBeNull();
    expect(opusFrames(packet(toc | 2, 2, fill(6)))).toEqual([{ from: 2, to: 4 }, { from: 4, to: 8 }]);
    expect(opusFrames(packet(toc | 2, 253, 1, fill(300)))).toEqual([{ from: 3, to: 260 }, { from: 260, to: 303 }]);
    expect(opusFrames(packet(toc | 2, 9, fill(6)))).toBeNull();
    expect(opusFrames(packet(toc | 3, 0x03, fill(9)))).toEqual([{ from: 2, to: 5 }, { from: 5, to: 8 }, { from: 8, to: 11 }]);
    expect(opusFrames(packet(toc | 3, 0x03, fill(8)))).toBeNull();
    expect(opusFrames(packet(toc | 3, 0x83, 1, 2, fill(7)))).toEqual([{ from: 4, to: 5 }, { from: 5, to: 7 }, { from: 7, to: 11 }]);
    expect(opusFrames(packet(toc | 3, 0x42, 2, fill(6)))).toEqual([{ from: 3, to: 5 }, { from: 5, to: 7 }]);
    expect(opusFrames(packet(toc | 3, 0x42, 255, 1, fill(4)))).toBeNull();
    expect(opusFrames(packet(toc | 3, 0x3f, fill(63)))).toBeNull(); // 1.26 s
    expect(opusFrames(packet(toc | 3, 0x00))).toBeNull();
    expect(opusFrames(new Uint8Array(0))).toBeNull();
  });
});
