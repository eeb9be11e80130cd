import { array, assert as hold, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LONGEST_FILL_MS, PcmFramer, type PcmBlock } from './pcm-frames.ts';

/** a block whose samples say where in the session they belong (sample number / 2^20) */
const block = (startMs: number, lengthMs: number, sample = startMs * 16): PcmBlock => ({ startMs, channels: [Float32Array.from({ length: lengthMs * 16 }, (_, i) => (sample + i + 1) / 2 ** 20)] });

const frame = (blocks: PcmBlock[]): { at: number[]; sound: Float32Array } => {
  const at: number[] = [];
  const parts: number[] = [];
  const framer = new PcmFramer(1, (startMs, [samples]) => {
    at.push(startMs);
    parts.push(...(samples ?? []));
  });
  for (const each of blocks) framer.push(each);
  framer.end();
  return { at, sound: Float32Array.from(parts) };
};
/** where in the session a sample says it belongs, or null for silence */
const placeOf = (value: number | undefined): number | null => (value ? Math.round(value * 2 ** 20) - 1 : null);
const steady = (fromMs: number, count: number, lengthMs = 20): PcmBlock[] => Array.from({ length: count }, (_, i) => block(fromMs + i * lengthMs, lengthMs));

describe('PCM framing', () => {
  it('[X4] puts frames on the tenth-of-a-second grid, silence before the first sample and after the last', () => {
    const { at, sound } = frame(steady(437, 10));
    expect(at).toEqual([400, 500, 600]);
    expect(sound.length).toBe(4800);
    expect(sound.findIndex((value) => value !== 0)).toBe(37 * 16);
    expect(placeOf(sound[37 * 16])).toBe(437 * 16);
    expect(placeOf(sound[237 * 16])).toBe(null);
  });

  it('[X4] does not hear what lies before the session', () => {
    const { at, sound } = frame([block(-6.5, 20, 0), block(13.5, 20, 320)]);
    expect(at).toEqual([0]);
    expect(placeOf(sound[0])).toBe(104);
  });

  it('[X4] fills one lost packet of a steady stream with silence at once, and drops what comes twice', () => {
    const packets = steady(0, 200);
    const lost = frame(packets.filter((_, i) => i !== 100));
    expect(placeOf(lost.sound[2000 * 16 + 8])).toBe(null);
    expect(placeOf(lost.sound[2020 * 16 + 8])).toBe(2020 * 16 + 8);
    const doubled = frame([...packets.slice(0, 101), ...packets.slice(100)]);
    expect(placeOf(doubled.sound[2040 * 16])).toBe(2040 * 16);
    expect(doubled.sound.length).toBe(lost.sound.length);
  });

  it('[X4] keeps samples together while times jitter, and follows an offset that lasts', () => {
    const jitter = [0, -60, -20, 20, -40, 0, 7, -20, 60, -40];
    const jittery = steady(200, 100, 60).map((each, i) => ({ ...each, startMs: each.startMs + (jitter[i % jitter.length] ?? 0) }));
    const { sound } = frame(jittery);
    expect(Array.from({ length: 90_000 }, (_, i) => placeOf(sound[i])).every((place, i) => place === 200 * 16 + i)).toBe(true);
    const late = steady(200, 100, 60).map((each, i) => ({ ...each, startMs: each.startMs + (jitter[i % jitter.length] ?? 0) + (i > 30 ? 200 : 0) }));
    const shifted = frame(late).sound;
    const place = placeOf(shifted[5000 * 16]) ?? 0;
    expect(Math.abs(place / 16 - 5000)).toBeLessThanOrEqual(65);
  });

  it('[X4] fills a hole of seconds at once and steps over one of more than five minutes', () => {
    const hole = frame([...steady(0, 10), ...steady(5_000, 10)]);
    expect(hole.at.length).toBe(52);
    expect(placeOf(hole.sound[5_000 * 16])).toBe(5_000 * 16);
    const far = 200 + LONGEST_FILL_MS + 1000;
    const jumped = frame([...steady(0, 10), ...steady(far, 10)]);
    expect(jumped.at).toEqual([0, 100, far, far + 100]);
    const back = frame([...steady(10_000, 100), ...steady(0, 10), ...steady(12_000, 10)]);
    expect(back.at.every((at, i) => i === 0 || at > (back.at[i - 1] ?? 0))).toBe(true);
  });

  it('[X5] gives the same frames however the sound was cut into blocks', () => {
    const whole = frame(steady(130, 50)).sound;
    hold(
      property(array(integer({ min: 1, max: 120 }), { minLength: 20, maxLength: 60 }), (lengths) => {
        let at = 130;
        const blocks: PcmBlock[] = [];
        for (const length of [...lengths, 1000]) {
          const step = Math.min(length, 1130 - at);
          if (step > 0) blocks.push(block(at, step));
          at += Math.max(0, step);
        }
        expect(frame(blocks).sound).toEqual(whole);
      }),
      { numRuns: 30, verbose: true },
    );
  });
});
