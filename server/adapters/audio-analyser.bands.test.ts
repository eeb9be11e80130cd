import { describe, expect, it } from 'vitest';
import type { Packet, Track } from '../media/media.ts';
import type { AudioAnalyser, AudioFrame, OpenAudioAnalyser } from '../ports.ts';
import { encode, audioPackets, signalOf, wavOf } from '../testing/audio-fixture.ts';
import { findFfmpeg } from '../workers/ffmpeg.ts';
import { createBandAnalysers } from './audio-analyser.bands.ts';

const never = new AbortController().signal;
const ffmpeg = await findFfmpeg();
const BURSTS = [3040, 5250, 9550];
const sound = audioPackets(await encode(wavOf(signalOf(12, 48_000, (t) => (BURSTS.some((at) => t * 1000 >= at && t * 1000 < at + 300) ? 0.4 * Math.sin(2 * Math.PI * 700 * t) : 0.002 * Math.sin(2 * Math.PI * 250 * t))), 48_000), 'opus.webm', ffmpeg.path));

/** Says what it was given; its frames are all of one loudness. */
const decoders = () => {
  const opened: { startMs: number; heard: number[]; ended: number; closed: number }[] = [];
  const decoding: OpenAudioAnalyser = ({ startMs }): AudioAnalyser => {
    const mine = { startMs, heard: new Array<number>(), ended: 0, closed: 0 };
    opened.push(mine);
    const frames: AudioFrame[] = [];
    let next = startMs;
    return {
      push: async (packets) => {
        mine.heard.push(...packets.map((packet) => packet.startMs));
        for (const packet of packets) for (; next + 100 <= packet.startMs + 20; next += 100) frames.push({ startMs: next, loudness: -11, onset: 0, voice: 1, laughter: 0 });
        return frames.splice(0);
      },
      end: async () => { mine.ended += 1; return []; },
      close: async () => { mine.closed += 1; },
    };
  };
  return { opened, decoding };
};
const run = async (open: OpenAudioAnalyser, packets: Packet[], options: { track?: Track; size?: number; startMs?: number } = {}): Promise<AudioFrame[]> => {
  const analyser = open({ sessionId: 's', track: options.track ?? sound.track, startMs: options.startMs ?? 0 });
  const size = options.size ?? packets.length;
  const frames: AudioFrame[] = [];
  for (let at = 0; at < packets.length; at += size) frames.push(...(await analyser.push(packets.slice(at, at + size), never)));
  frames.push(...(await analyser.end(never)));
  await analyser.close();
  return frames;
};
const rises = (frames: AudioFrame[]): number[] => frames.filter((frame, i) => frame.loudness > -30 && (frames[i - 1]?.loudness ?? -70) < frame.loudness - 10).map((frame) => frame.startMs);

describe('createBandAnalysers', () => {
  it('[X18][X5] hears Opus without a decoder: a frame for each tenth, bursts where they are, the same in any batching', async () => {
    const { opened, decoding } = decoders();
    const open = createBandAnalysers({ decoding });
    const whole = await run(open, sound.packets);
    expect(opened).toEqual([]);
    expect(whole.map(({ startMs }) => startMs).slice(0, 120)).toEqual(Array.from({ length: 120 }, (_, i) => i * 100));
    for (const at of BURSTS) expect(Math.min(...rises(whole).map((rise) => Math.abs(rise - at)))).toBeLessThanOrEqual(100);
    expect(rises(whole).length).toBe(3);
    for (const size of [1, 7, 64]) expect(await run(open, sound.packets, { size })).toEqual(whole);
  });

  it('[X18][X11][X4] after a restart a second earlier, the frames of an uninterrupted run; lost packets are silence and move nothing', async () => {
    const open = createBandAnalysers(decoders());
    const whole = await run(open, sound.packets);
    const again = await run(open, sound.packets.filter(({ startMs }) => startMs >= 3_800), { startMs: 5_000, size: 40 });
    expect(again[0]?.startMs).toBe(5_000);
    for (const frame of again) expect(Math.abs((whole.find(({ startMs }) => startMs === frame.startMs)?.loudness ?? 99) - frame.loudness)).toBeLessThan(0.5);
    const holed = await run(open, sound.packets.filter(({ startMs }) => startMs < 6_000 || startMs >= 7_500));
    expect(holed.find(({ startMs }) => startMs === 7_300)?.loudness).toBe(-70);
    expect(Math.min(...rises(holed).map((rise) => Math.abs(rise - 9550)))).toBeLessThanOrEqual(100);
  });

  it('[X18] from the first packet of another mode on a decoder hears, with a second of lead, and no frame is missing or doubled', async () => {
    for (const toc of [0x48, 0x78, 0xe0]) { // SILK, hybrid, CELT in frames of 2.5 ms
      const { opened, decoding } = decoders();
      const mixed = sound.packets.map((packet, i) => (i === 333 ? { ...packet, data: Uint8Array.of(toc, 1, 2, 3) } : packet));
      for (const size of [1, 50, 1000]) {
        const frames = await run(createBandAnalysers({ decoding }), mixed, { size });
        const atMs = mixed[333]?.startMs ?? 0;
        expect(frames.map(({ startMs }) => startMs).slice(0, 119)).toEqual(Array.from({ length: 119 }, (_, i) => i * 100));
        expect(frames.filter(({ loudness }) => loudness === -11)[0]?.startMs).toBe(Math.floor(atMs / 100) * 100);
        const one = opened.at(-1);
        expect(one).toMatchObject({ ended: 1, closed: 1 });
        expect(Math.abs((one?.heard[0] ?? 0) - (atMs - 1_000))).toBeLessThanOrEqual(40);
        expect(one?.heard).toEqual(one?.heard.toSorted((a, b) => a - b));
        expect(one?.heard.at(-1)).toBe(mixed.at(-1)?.startMs);
      }
      expect(opened.length).toBe(3);
    }
  });

  it('[X18] what is not mono or stereo Opus is decoded from the start', async () => {
    const surround = new Uint8Array(27);
    surround.set(new TextEncoder().encode('OpusHead'));
    surround.set([6, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5], 9);
    for (const over of [{ codec: 'aac' as const }, { config: surround, channels: 6 }]) {
      const { opened, decoding } = decoders();
      await run(createBandAnalysers({ decoding }), sound.packets, { track: { ...sound.track, ...over } });
      expect(opened).toMatchObject([{ startMs: 0, ended: 1, closed: 1 }]);
      expect(opened[0]?.heard.length).toBe(sound.packets.length);
    }
  });
});
