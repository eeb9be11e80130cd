// Sound values for tests of the protocol and what reads it.
import { crc32c } from '../crc32c.ts';
import type { SessionSummary } from '../model.ts';
import type { ClientFrame } from '../protocol.ts';

export const KEY = '01JD6Q2V0000000000000000AA';

export const chunkOf = (seq: number, bytes: Uint8Array): Extract<ClientFrame, { t: 'chunk' }> => ({
  t: 'chunk', session: 's1', epoch: 1, seq, crc: crc32c(bytes), startMs: (seq - 1) * 1000, durationMs: 1000, bytes,
});

export const summaryOf = (id: string, patch: Partial<SessionSummary> = {}): SessionSummary => ({
  id, title: 'A stream', sourceUrl: '', mime: 'video/webm', status: 'live', tier: 'free', startedAt: 1_795_000_000_000, endedAt: null, durationMs: 0,
  bytes: 0, chunks: 0, missing: 0, lastSequence: 0, pinned: false, clips: 0, deadLetters: 0, note: '', ...patch,
});
