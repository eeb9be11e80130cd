import { describe, expect, it } from 'vitest';
import { bitRate, delivered, perHour, picture, ringSize, saveLabel } from './format.ts';

describe('how the extension’s numbers read', () => {
  it.each([[0, '0 kbit/s'], [128_000, '128 kbit/s'], [999_499, '999 kbit/s'], [999_500, '1.0 Mbit/s'], [2_510_000, '2.5 Mbit/s'], [16_200_000, '16 Mbit/s'], [-4, '0 kbit/s']])('bit rate %i', (value, text) => expect(bitRate(value)).toBe(text));
  it('an hour and a ring cost what the bit rates say, the microphone included', () => {
    expect(perHour('720p', false)).toBe('1.2 GB'); // (2.5 + 0.128) Mbit/s · 3600 s / 8
    expect(perHour('2160p', false)).toBe('7.3 GB');
    expect(ringSize('720p', false, 5)).toBe('98.5 MB');
    expect(ringSize('720p', true, 5)).toBe('103 MB');
  });
  it('leaves out what is not measured', () => {
    expect(picture({ width: 1280, height: 720, framesPerSecond: 29.97, bitsPerSecond: 2_400_000 })).toBe('1280 × 720 · 30 fps · 2.4 Mbit/s');
    expect(picture({ width: 1280, height: 720, framesPerSecond: 0, bitsPerSecond: 0 })).toBe('1280 × 720');
    expect(picture({ width: 0, height: 0, framesPerSecond: 0, bitsPerSecond: 0 })).toBe('measuring…');
  });
  it('a share of nothing is nothing, and never more than all', () => {
    expect(delivered({ pushed: 0, acked: 0 })).toBe(0);
    expect(delivered({ pushed: 40, acked: 10 })).toBe(0.25);
    expect(delivered({ pushed: 4, acked: 5 })).toBe(1);
  });
  it.each([[30, '30 s'], [120, '2 min'], [300, '5 min']])('save %i', (seconds, text) => expect(saveLabel(seconds)).toBe(text));
});
