// Rows for tests that need some, each field its own so that a swapped column shows.
import type { DeadLetter, Highlight, SignalBin, Word } from '../../shared/model.ts';
import type { NewSession, StoredClip } from '../ports.ts';

export const aSession = (patch: Partial<NewSession> = {}): NewSession => ({
  key: '01J00000000000000000000001', user: 'admin', title: 'A stream', sourceUrl: 'https://example.org/live', mime: 'video/webm;codecs=vp8,opus', tier: 'plus', startedAt: 1_795_000_000_123, transcript: 'client', ...patch,
});

export const aWord = (startMs: number, text: string): Word => ({ startMs, endMs: startMs + 200.25, text, confidence: 0.875 });

export const aBin = (second: number, loudness = -23.5): SignalBin => ({ second, values: [loudness, 1.5, 0.25, 0, 3, 0, 0.5, 0, 0.125, 0], speech: 0b10_0000_0001 });

export const aHighlight = (sessionId: string, patch: Partial<Highlight> = {}): Highlight => ({
  id: 'h1', sessionId, version: 1, state: 'provisional', startMs: 10_000.5, endMs: 30_000.25, peakMs: 20_000, score: 0.75, title: 'A loud moment',
  reasons: [{ signal: 'loudness', value: -12.5, percentile: 0.99, atMs: 20_000, text: 'louder than 99 % of this stream' }], ...patch,
});

export const aClip = (sessionId: string, patch: Partial<StoredClip> = {}): StoredClip => ({
  id: 'c1', sessionId, version: 1, state: 'provisional', startMs: 10_000.5, endMs: 30_000.25, handleBeforeMs: 9_000, handleAfterMs: 10_000, score: 0.75, title: 'A loud moment',
  reasons: [{ signal: 'judge', value: 1, percentile: 1, atMs: 20_000, text: 'said "no way"' }], mime: 'video/mp4', bytes: 5_000_000_000, width: 1280, height: 720, pinned: false,
  createdAt: 1_795_000_030_000, expiresAt: 1_795_000_030_000 + 172_800_000, mediaKey: 'clips/c1/1.mp4', thumbnailKey: 'clips/c1/1.jpg', sums: null, ...patch,
});

export const aDeadLetter = (sessionId: string, patch: Partial<DeadLetter> = {}): DeadLetter => ({
  id: 'd1', sessionId, stage: 'cut', startMs: 1.5, endMs: 2.5, code: 'malformed', message: 'the clip does not decode', attempts: 3, createdAt: 1_795_000_040_000, ...patch,
});
