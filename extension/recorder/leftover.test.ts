import { describe, expect, it } from 'vitest';
import { fateOf, lostAtEnd } from './leftover.ts';
import type { RecordingRecord } from './ports.ts';

const record = (patch: Partial<RecordingRecord> = {}): RecordingRecord => ({
  key: '01JAAAAAAAAAAAAAAAAAAAAAAA', title: 'T', sourceUrl: '', mime: 'video/mp4', encoder: 'webcodecs', width: 1280, height: 720, microphone: false,
  startedAt: 0, endedAt: null, durationMs: 20_000, storedAt: 100_000, serverUrl: 'http://one.test', delivered: false, transcript: 'server', ...patch,
});
const world = { serverUrl: 'http://one.test', keepMs: 300_000, at: 200_000 };

describe('leftover', () => {
  it('goes by itself to the server it was made for, and waits without one or with another', () => {
    expect(fateOf(record(), world)).toBe('upload');
    expect(fateOf(record({ endedAt: 90_000 }), world)).toBe('upload');
    expect(fateOf(record(), { ...world, serverUrl: null })).toBe('wait');
    expect(fateOf(record(), { ...world, serverUrl: 'http://two.test' })).toBe('wait');
    expect(fateOf(record({ serverUrl: '' }), world)).toBe('wait');
  });

  it('is never thrown away by age before it is delivered', () => {
    expect(fateOf(record(), { ...world, at: 1e12, serverUrl: null })).toBe('wait');
    expect(fateOf(record({ delivered: true }), world)).toBe('keep');
    expect(fateOf(record({ delivered: true }), { ...world, at: 500_000 })).toBe('remove');
  });

  it('declares one open group of pictures where the browser ended without saying so', () => {
    expect(lostAtEnd(record())).toEqual({ startMs: 20_000, durationMs: 2_000 });
    expect(lostAtEnd(record({ endedAt: 90_000 }))).toBeNull();
  });
});
