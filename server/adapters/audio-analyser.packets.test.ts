import { describe, expect, it } from 'vitest';
import type { Packet, Track } from '../media/media.ts';
import { openPacketActivity } from './audio-analyser.packets.ts';

const never = new AbortController().signal;
const track: Track = { number: 1, kind: 'audio', codec: 'opus', codecName: 'opus', config: new Uint8Array(0), width: 0, height: 0, sampleRate: 48_000, channels: 2 };
const packet = (startMs: number, bytes: number, durationMs = 20): Packet => ({ track: 1, kind: 'audio', startMs, durationMs, key: true, byteStart: 0, byteLength: bytes, data: new Uint8Array(bytes) });
const hear = async (packets: Packet[], { batch = packets.length, startMs = 0 } = {}) => {
  const analyser = openPacketActivity({ sessionId: 's', track, startMs });
  const frames = [];
  for (let at = 0; at < packets.length; at += batch) frames.push(...(await analyser.push(packets.slice(at, at + batch), never)));
  frames.push(...(await analyser.end(never)));
  await analyser.close();
  return frames;
};

describe('openPacketActivity', () => {
  // one second of sound, one of coded silence (Opus: three bytes), one of the quietest speech (6 kbit/s)
  const packets = Array.from({ length: 150 }, (_, i) => packet(i * 20, [240, 3, 15][Math.floor(i / 50)] ?? 0));

  it('[X17] tells coded silence from sound by the size of packets, and nothing else', async () => {
    const frames = await hear(packets);
    expect(frames.map(({ startMs }) => startMs)).toEqual(Array.from({ length: 30 }, (_, i) => i * 100));
    expect(frames.map(({ voice }) => voice)).toEqual(Array.from({ length: 30 }, (_, i) => (Math.floor(i / 10) === 1 ? 0 : 1)));
    expect(new Set(frames.flatMap(({ loudness, onset, laughter }) => [loudness, onset, laughter]))).toEqual(new Set([-70, 0]));
  });

  it('[X17] gives the same frames in any batching and after a restart, also with packets longer than a frame or of unknown length', async () => {
    const odd = Array.from({ length: 60 }, (_, i) => packet(i * 120 + 7, i % 7 === 0 ? 3 : 90, i % 5 === 0 ? 0 : 120));
    for (const list of [packets, odd]) {
      const whole = await hear(list);
      for (const batch of [1, 3, 64]) expect(await hear(list, { batch })).toEqual(whole);
      expect(await hear(list.filter(({ startMs }) => startMs >= 500), { startMs: 1_500 })).toEqual(whole.filter(({ startMs }) => startMs >= 1_500));
    }
  });
});
