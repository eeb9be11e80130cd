// Target `opus`: damaged and invented Opus packets through the reader of their coarse energies. Frames of a packet lie inside it, and
// whatever it holds becomes features that are numbers, one tenth of a second behind the other.
import type { FrameFeatures } from '../../media/audio-features.ts';
import { BandFeatures } from '../../media/band-features.ts';
import { opusFrames, opusSamples, OPUS_RATE } from '../../media/opus.ts';
import { createWalker } from '../../media/walker.ts';
import { type Chance, chanceOf } from './chance.ts';
import { type FuzzOptions, type FuzzReport, runCases } from './fuzz.ts';
import { mediaBases } from './hostile-media.ts';

const packetsOf = (bytes: Uint8Array): Uint8Array[] => {
  const walker = createWalker({ videoData: false });
  return walker.push(bytes).flatMap((event) => (event.type === 'packet' && event.packet.kind === 'audio' && event.packet.data.length > 0 ? [event.packet.data] : []));
};

const hostilePacket = (chance: Chance, real: readonly Uint8Array[]): Uint8Array => {
  if (chance.often(0.2)) return chance.bytes(chance.below(chance.often(0.1) ? 4_000 : 200));
  const packet = Uint8Array.from(chance.pick(real));
  if (chance.often(0.3)) return packet;
  if (chance.often(0.2)) return packet.subarray(0, chance.below(packet.length));
  if (chance.often(0.3)) packet[0] = chance.below(256);
  if (chance.often(0.3) && packet.length > 1) packet[1] = chance.below(256);
  for (let flips = chance.below(6); flips > 0; flips -= 1) packet[chance.below(packet.length)] = chance.pick([0, 0xff, chance.below(256)]);
  return packet;
};

const featuresFault = (features: readonly FrameFeatures[]): string | undefined => {
  for (const [at, { startMs, ...values }] of features.entries()) {
    if (!Object.values(values).every(Number.isFinite)) return `features that are no numbers: ${JSON.stringify(values)}`;
    const before = features[at - 1];
    if (before && Math.abs(startMs - before.startMs - 100) > 0.01) return `a frame at ${startMs} ms after one at ${before.startMs} ms`;
  }
  return undefined;
};

export const fuzzOpus = async (options: FuzzOptions): Promise<FuzzReport> => {
  const real = (await mediaBases()).flatMap(({ bytes }) => {
    try {
      return packetsOf(bytes).slice(0, 200);
    } catch {
      return []; // a recording of another kind
    }
  });
  return runCases('opus', options, (number) => {
    const chance = chanceOf(options.seed, number);
    const reader = new BandFeatures(chance.pick([1, 2]), chance.pick([0, -127, 127, 6]));
    const packets = Array.from({ length: 1 + chance.below(60) }, () => hostilePacket(chance, real));
    const features: FrameFeatures[] = [];
    let startMs = chance.below(1_000);
    for (const data of packets) {
      for (const { from, to } of opusFrames(data) ?? []) if (!(from >= 0 && from <= to && to <= data.length)) return { outcome: 'wrong', wrong: `a frame from ${from} to ${to} of ${data.length} bytes`, input: data };
      reader.push({ startMs, data });
      features.push(...reader.take());
      startMs += chance.often(0.95) ? (opusSamples(data) * 1_000) / OPUS_RATE : chance.below(5_000) - 1_000;
    }
    features.push(...reader.end());
    const wrong = featuresFault(features);
    return { outcome: features.length > 0 ? 'heard' : 'too short', input: packets[0] ?? '', ...(wrong === undefined ? {} : { wrong }) };
  });
};
