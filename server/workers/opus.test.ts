import { describe, expect, it } from 'vitest';
import { MediaError } from '../errors.ts';
import type { Track } from '../media/media.ts';
import { audioPackets, encode, signalOf, wavOf } from '../testing/audio-fixture.ts';
import { findFfmpeg } from './ffmpeg.ts';
import { openOpus, parseOpusHead } from './opus.ts';

const { path } = await findFfmpeg();
const stereo = signalOf(2, 48_000, () => 0).reduce((out, _, i) => {
  out[2 * i] = 0.5 * Math.sin((2 * Math.PI * 500 * i) / 48_000);
  out[2 * i + 1] = 0.25 * Math.sin((2 * Math.PI * 1500 * i) / 48_000);
  return out;
}, new Float32Array(192_000));
const { track, packets } = audioPackets(await encode(wavOf(stereo, 48_000, 2), 'opus.webm', path));

/** amplitude of one frequency */
const tone = (samples: Float32Array, hz: number): number => {
  let re = 0;
  let im = 0;
  for (let i = 0; i < samples.length; i++) {
    re += samples[i]! * Math.cos((2 * Math.PI * hz * i) / 16_000);
    im += samples[i]! * Math.sin((2 * Math.PI * hz * i) / 16_000);
  }
  return (2 * Math.hypot(re, im)) / samples.length;
};
const decodeAll = async (of: Track, list = packets): Promise<Float32Array[]> => {
  const opus = await openOpus(of);
  const blocks = list.map((packet) => opus.decode(packet));
  opus.close();
  return Array.from({ length: opus.channels }, (_, channel) => Float32Array.from(blocks.flatMap((block) => [...(block.channels[channel] ?? [])])));
};
const middle = (samples: Float32Array | undefined): Float32Array => (samples ?? new Float32Array()).subarray(8_000, 24_000);

describe('Opus', () => {
  it('[X6] decodes both channels apart, at 16 kHz, with their levels', async () => {
    const [left, right] = await decodeAll(track);
    expect(left?.length).toBe(packets.length * 320);
    expect(tone(middle(left), 500)).toBeCloseTo(0.5, 1);
    expect(tone(middle(left), 1500)).toBeLessThan(0.02);
    expect(tone(middle(right), 1500)).toBeCloseTo(0.25, 1);
  });

  it('[X6] applies the output gain of the header and silences the pre-skip', async () => {
    const head = Uint8Array.from(track.config);
    new DataView(head.buffer).setInt16(16, -6 * 256, true);
    new DataView(head.buffer).setUint16(10, 48_000, true);
    const [left] = await decodeAll({ ...track, config: head });
    expect(left?.subarray(0, 16_000).every((sample) => sample === 0)).toBe(true);
    expect(tone((left ?? new Float32Array()).subarray(17_000, 25_000), 500)).toBeCloseTo(0.25, 1);
  });

  it('[X6] gives silence of the right length for packets that do not decode, and goes on', async () => {
    const opus = await openOpus(track);
    const broken = [new Uint8Array(0), Uint8Array.of(0xff, 0xff, 1, 2, 3), new Uint8Array(50_000).fill(7), Uint8Array.from({ length: 300 }, (_, i) => (i * 37) % 256)];
    for (const [i, packet] of packets.entries()) {
      const bad = broken[i % 8];
      const block = opus.decode(bad ? { startMs: packet.startMs, data: bad } : packet);
      expect(block.channels.length).toBe(2);
      const length = block.channels[0]?.length ?? 0;
      expect(length).toBeGreaterThan(0);
      expect(length).toBeLessThanOrEqual(1920);
      expect(block.channels.every((samples) => samples.every((sample) => Number.isFinite(sample)))).toBe(true);
    }
    expect(opus.corrupt()).toBeGreaterThan(20);
    opus.close();
  });

  it('[X6] refuses headers that name no stream or too many channels', () => {
    const surround = (channels: number, streams: number, coupled: number, mapping: number[]): Track => ({
      ...track,
      config: Uint8Array.from([...new TextEncoder().encode('OpusHead'), 1, channels, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 1, streams, coupled, ...mapping]),
    });
    expect(parseOpusHead(surround(6, 4, 2, [0, 4, 1, 2, 3, 5]))).toMatchObject({ channels: 6, streams: 4, coupled: 2 });
    expect(() => parseOpusHead(surround(9, 9, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8]))).toThrow(MediaError);
    expect(() => parseOpusHead(surround(6, 1, 0, [0, 4, 1, 2, 3, 5]))).toThrow(/mapping 0,4/);
    expect(() => parseOpusHead(surround(6, 4, 2, [0]))).toThrow(/no channel mapping/);
    expect(parseOpusHead({ ...track, config: new Uint8Array(0), channels: 1 })).toMatchObject({ channels: 1 });
  });
});
