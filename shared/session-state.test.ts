import { describe, expect, it } from 'vitest';
import type { Clip, Highlight, SessionEvent, SessionView, SignalBin } from './model.ts';
import { applyEvent, applySystemEvent, emptyView } from './session-state.ts';
import { summaryOf } from './testing/frames.ts';
import { seededRandom } from './testing/random.ts';

const sessionId = 's1';
const bin = (second: number, loudness = -20): SignalBin => ({ second, values: [loudness], speech: 0 });
const highlight = (id: string, version: number, startMs: number): Highlight => ({
  id, sessionId, version, state: 'provisional', startMs, endMs: startMs + 20_000, peakMs: startMs, score: 0.5, title: `${id} v${version}`, reasons: [],
});
const clip = (id: string, version: number, startMs: number, pinned = false): Clip => ({
  id, sessionId, version, state: 'provisional', startMs, endMs: startMs + 20_000, handleBeforeMs: 0, handleAfterMs: 0, score: 0.5, title: '', reasons: [],
  mime: 'video/mp4', bytes: 1, width: 1, height: 1, pinned, createdAt: 0, expiresAt: null, mediaUrl: '', thumbnailUrl: '',
});
const words = (...starts: number[]): SessionEvent => ({ type: 'words', sessionId, words: starts.map((startMs) => ({ startMs, endMs: startMs + 90, text: `w${startMs}`, confidence: 1 })) });
const start = emptyView(summaryOf(sessionId));
const play = (events: SessionEvent[], view: SessionView = start): SessionView => events.reduce((state, event) => applyEvent(state, event), view);

const EVENTS: SessionEvent[] = [
  { type: 'session', session: summaryOf(sessionId, { durationMs: 3000, chunks: 3 }) },
  { type: 'stages', sessionId, stages: { ...start.stages, transcribe: { ...start.stages.transcribe, status: 'off', note: 'set GROQ_API_KEY' } } },
  words(100, 300),
  words(300, 500),
  { type: 'signals', sessionId, bins: [bin(0), bin(1)] },
  { type: 'signals', sessionId, bins: [bin(1, -9), bin(2)] },
  { type: 'gap', sessionId, gap: { fromSequence: 9, toSequence: 9, startMs: 9000, endMs: 9500, reason: 'ring' } },
  { type: 'gap', sessionId, gap: { fromSequence: 4, toSequence: 5, startMs: 4000, endMs: 6000, reason: 'ring' } },
  { type: 'highlight', sessionId, highlight: highlight('h2', 1, 40_000) },
  { type: 'highlight', sessionId, highlight: highlight('h1', 2, 10_000) },
  { type: 'highlight', sessionId, highlight: highlight('h1', 1, 60_000) },
  { type: 'clip', sessionId, clip: clip('h1', 1, 10_000) },
  { type: 'clip', sessionId, clip: clip('h1', 1, 10_000, true) },
  { type: 'deadLetter', sessionId, deadLetter: { id: 'd1', sessionId, stage: 'cut', startMs: 0, endMs: 1, code: 'tool', message: 'no', attempts: 3, createdAt: 0 } },
  { type: 'notice', sessionId, level: 'info', code: 'x', message: 'y', at: 0 },
];

describe('applyEvent', () => {
  it('[V1] keeps one word, bin, gap, highlight and clip each, in order of time, the highest version', () => {
    const view = play(EVENTS);
    expect(view.session.chunks).toBe(3);
    expect(view.words.map(({ startMs }) => startMs)).toEqual([100, 300, 500]);
    expect(view.bins.map(({ second, values }) => [second, values[0]])).toEqual([[0, -20], [1, -9], [2, -20]]);
    expect(view.gaps.map(({ fromSequence }) => fromSequence)).toEqual([4, 9]);
    expect(view.highlights.map(({ title }) => title)).toEqual(['h1 v2', 'h2 v1']);
    expect(view.clips.map(({ id, pinned }) => [id, pinned])).toEqual([['h1', true]]);
    expect(view.deadLetters).toHaveLength(1);
  });

  it('[V2] gives the same state when everything is delivered again', () => {
    const once = play(EVENTS);
    expect(play(EVENTS, once)).toEqual(once);
    expect(play(EVENTS.flatMap((event) => [event, event]))).toEqual(once);
  });

  it('[V2] gives the same words and bins in any order of delivery', () => {
    const seed = Number(process.env.SEED ?? 7);
    const random = seededRandom(seed);
    const order = Array.from({ length: 300 }, (_, at) => at * 1000).sort(() => random() - 0.5);
    const view = play(order.flatMap((startMs): SessionEvent[] => [words(startMs), { type: 'signals', sessionId, bins: [bin(startMs / 1000)] }]));
    expect(view.words.map(({ startMs }) => startMs), `seed ${seed}`).toEqual(order.toSorted((a, b) => a - b));
    expect(view.bins.map(({ second }) => second)).toEqual(Array.from({ length: 300 }, (_, at) => at));
  });

  it('a committed word never changes', () => {
    const view = play([words(100)]);
    const again: SessionEvent = { type: 'words', sessionId, words: [{ startMs: 100, endMs: 999, text: 'w100', confidence: 0 }] };
    expect(applyEvent(view, again).words).toEqual(view.words);
  });

  it('changes nothing for another session', () => {
    expect(applyEvent(start, { type: 'clip', sessionId: 'other', clip: clip('x', 1, 0) })).toBe(start);
    expect(applyEvent(start, { type: 'session', session: summaryOf('other') })).toBe(start);
  });

  it('removes what is deleted or resolved', () => {
    const view = play([...EVENTS, { type: 'clipDeleted', sessionId, clipId: 'h1' }, { type: 'deadLetterResolved', sessionId, deadLetterId: 'd1' }]);
    expect(view.clips).toEqual([]);
    expect(view.deadLetters).toEqual([]);
    expect(play([{ type: 'sessionDeleted', sessionId }], view).words).toEqual([]);
  });

  it('[V3] keeps the newest of what it is told to keep', () => {
    const view = EVENTS.reduce((state, event) => applyEvent(state, event, { bins: 2, words: 1 }), start);
    expect(view.bins.map(({ second }) => second)).toEqual([1, 2]);
    expect(view.words.map(({ startMs }) => startMs)).toEqual([500]);
  });
});

describe('applySystemEvent', () => {
  it('[V1] keeps sessions newest first, one per id', () => {
    const events: SessionEvent[] = [
      { type: 'session', session: summaryOf('a', { startedAt: 1 }) },
      { type: 'session', session: summaryOf('b', { startedAt: 2 }) },
      { type: 'session', session: summaryOf('a', { startedAt: 1, status: 'closed' }) },
      { type: 'session', session: summaryOf('c', { startedAt: 3 }) },
      { type: 'sessionDeleted', sessionId: 'c' },
    ];
    const view = events.reduce(applySystemEvent, { sessions: [], providers: [] });
    expect(view.sessions.map(({ id, status }) => [id, status])).toEqual([['b', 'live'], ['a', 'closed']]);
    expect(events.reduce(applySystemEvent, view)).toEqual(view);
  });
});
