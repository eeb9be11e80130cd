// The analyser's promises that hold for any input: batching, lag and restarts do not change what is found.
import { seededRandom } from '../../shared/testing/random.ts';
import { describe, expect, it } from 'vitest';
import type { Highlight, SignalBin, Word } from '../../shared/model.ts';
import type { AudioFrame } from '../ports.ts';
import { type Analyser, createAnalyser } from './analyser.ts';
import { overlapOf } from './dedupe.ts';

type Stream = { frames: AudioFrame[]; scenes: { atMs: number; change: number }[]; words: Word[]; endMs: number };
const CALM = 'so we walk along the river and then look at the old house. maybe there is a lamp in the tower.'.split(' ');
const LOUD = 'no way did you see that. that is insane we did it. oh my god look at that.'.split(' ');

/** Calm talk at −28 LUFS with pauses; loud passages of 1–30 s at −16. */
const streamOf = (seed: number, durationS = 240): Stream => {
  const random = seededRandom(seed);
  const frames: AudioFrame[] = [];
  const words: Word[] = [];
  const loud: [number, number][] = [];
  for (let at = 20 + 40 * random(); at < durationS; at += 15 + 60 * random()) loud.push([at, at + 1 + (random() < 0.2 ? 30 : 8) * random()]);
  let talkUntil = 0;
  let quietUntil = 0;
  let nextWord = 500;
  for (let i = 0; i < durationS * 10; i++) {
    const t = i / 10;
    const isLoud = loud.some(([from, to]) => t >= from && t < to);
    if (t >= talkUntil && t >= quietUntil) {
      quietUntil = t + 2 * random();
      talkUntil = quietUntil + 1 + 4 * random();
    }
    const talking = isLoud || t >= quietUntil;
    frames.push({ startMs: i * 100, loudness: (isLoud ? -16 : talking ? -28 : -45) + 3 * (random() - 0.5), onset: random(), voice: talking ? 0.9 : 0.1, laughter: 0 });
    while (nextWord <= i * 100 && nextWord < durationS * 1000 - 1000) {
      const length = 150 + Math.floor(250 * random());
      const list = isLoud ? LOUD : CALM;
      if (talking) words.push({ startMs: nextWord, endMs: nextWord + length, text: random() < 0.01 ? 'clip that' : (list[words.length % list.length] ?? 'so'), confidence: 0.9 });
      nextWord += length + Math.floor(120 * random());
    }
  }
  const scenes = Array.from({ length: durationS / 2 }, (_, i) => ({ atMs: i * 2000, change: random() ** 3 }));
  return { frames, scenes, words, endMs: durationS * 1000 };
};

type Store = { bins: Map<number, SignalBin>; highlights: Map<string, Highlight>; emitted: Highlight[]; words: Word[]; untilMs: number; wordsUntilMs: number };
const emptyStore = (): Store => ({ bins: new Map(), highlights: new Map(), emitted: [], words: [], untilMs: 0, wordsUntilMs: 0 });
const isUpTo = (from: number, to: number) => (atMs: number): boolean => atMs >= from && atMs < to;

/** Feeds [store.untilMs, toMs) in batches of `step()` ms; `lagMs` null = no words lane. */
const feed = (analyser: Analyser, stream: Stream, store: Store, options: { toMs: number; step: () => number; lagMs: number | null }): void => {
  const keep = (result: ReturnType<Analyser['push']>): void => {
    for (const bin of result.bins) store.bins.set(bin.second, bin);
    for (const highlight of result.highlights) {
      expect(highlight.version, 'versions rise').toBeGreaterThan(store.highlights.get(highlight.id)?.version ?? 0);
      store.highlights.set(highlight.id, highlight);
      store.emitted.push(highlight);
    }
  };
  const wordsTo = (untilMs: number): Word[] => {
    const fresh = stream.words.filter((word) => isUpTo(store.wordsUntilMs, untilMs)(word.endMs));
    store.words.push(...fresh);
    store.wordsUntilMs = Math.max(store.wordsUntilMs, untilMs);
    return fresh;
  };
  while (store.untilMs < options.toMs) {
    const next = Math.min(options.toMs, store.untilMs + Math.max(100, Math.round(options.step() / 100) * 100));
    const within = isUpTo(store.untilMs, next);
    const words = options.lagMs === null ? [] : wordsTo(Math.max(0, next - options.lagMs));
    keep(analyser.push({
      frames: stream.frames.filter((frame) => within(frame.startMs)), scenes: stream.scenes.filter((scene) => within(scene.atMs)), words,
      untilMs: next, wordsUntilMs: options.lagMs === null ? Infinity : store.wordsUntilMs, ended: next === stream.endMs,
    }));
    store.untilMs = next;
  }
  if (options.toMs === stream.endMs && options.lagMs !== null) keep(analyser.push({ frames: [], scenes: [], words: wordsTo(stream.endMs), untilMs: 0, wordsUntilMs: stream.endMs, ended: true }));
};
const contentOf = (store: Store): Highlight[] => [...store.highlights.values()].sort((a, b) => a.startMs - b.startMs).map((highlight) => ({ ...highlight, version: 0 }));
const runWhole = (stream: Stream, options: { step: () => number; lagMs: number | null }): Store => {
  const store = emptyStore();
  feed(createAnalyser({ sessionId: 's' }), stream, store, { toMs: stream.endMs, ...options });
  return store;
};
/** 1024: a phrase and a loud passage in the last seconds */
const SEEDS = [1, 2, 3, 4, 5, 6, 1024];

const constant = (loudness: number): AudioFrame[] => Array.from({ length: 3000 }, (_, i) => ({ startMs: i * 100, loudness, onset: 0.1, voice: 1, laughter: 0 }));

describe('analyser', () => {
  it.each(SEEDS)('[H1] batching changes nothing, versions included (seed %i)', (seed) => {
    const stream = streamOf(seed);
    const random = seededRandom(seed + 100);
    const plain = runWhole(stream, { step: () => 100, lagMs: null });
    for (const step of [() => 2000, () => 100 + 9000 * random(), () => stream.endMs]) {
      const other = runWhole(stream, { step, lagMs: null });
      expect([...other.highlights.values()]).toEqual([...plain.highlights.values()]);
      expect([...other.bins.values()]).toEqual([...plain.bins.values()]);
    }
  });
  it.each(SEEDS)('[H2] how far words lag does not change what is found in the end (seed %i)', (seed) => {
    const stream = streamOf(seed);
    const prompt = runWhole(stream, { step: () => 1000, lagMs: 0 });
    for (const lagMs of [6_300, 30_000, 110_000]) {
      const late = runWhole(stream, { step: () => 1700, lagMs });
      expect(contentOf(late)).toEqual(contentOf(prompt));
      expect([...late.bins.values()].sort((a, b) => a.second - b.second)).toEqual([...prompt.bins.values()].sort((a, b) => a.second - b.second));
      for (const highlight of late.highlights.values()) expect(highlight.version).toBeLessThanOrEqual(5);
    }
  });
  it.each(SEEDS)('[H3] a restart changes nothing and finds no moment twice (seed %i)', (seed) => {
    const stream = streamOf(seed);
    const random = seededRandom(seed + 200);
    for (const lagMs of [null, 7_000]) {
      const whole = runWhole(stream, { step: () => 700, lagMs });
      const store = emptyStore();
      let analyser = createAnalyser({ sessionId: 's' });
      for (let at = 1000 * Math.ceil(60 * random()); at < stream.endMs; at += 1000 * Math.ceil(60 * random())) {
        feed(analyser, stream, store, { toMs: at, step: () => 700, lagMs });
        analyser = createAnalyser({ sessionId: 's' });
        analyser.restore({ bins: [...store.bins.values()].map((bin) => ({ ...bin, values: bin.values.map(Math.fround) })), words: [...store.words], highlights: [...store.highlights.values()] });
      }
      feed(analyser, stream, store, { toMs: stream.endMs, step: () => 700, lagMs });
      expect(contentOf(store)).toEqual(contentOf(whole));
    }
  });
  it('[H3] publishes after a restart what was found but not stored', () => {
    const stream = streamOf(3);
    const whole = runWhole(stream, { step: () => 700, lagMs: null });
    const [first] = contentOf(whole);
    const store = emptyStore();
    feed(createAnalyser({ sessionId: 's' }), stream, store, { toMs: Math.ceil((first?.endMs ?? 0) / 1000 + 8) * 1000, step: () => 700, lagMs: null });
    store.highlights.clear();
    const analyser = createAnalyser({ sessionId: 's' });
    analyser.restore({ bins: [...store.bins.values()], words: [], highlights: [] });
    feed(analyser, stream, store, { toMs: stream.endMs, step: () => 700, lagMs: null });
    expect(contentOf(store)).toEqual(contentOf(whole));
  });
  it.each(SEEDS)('[H4] every highlight is 15–60 s, inside the stream, cuts no word and repeats no other (seed %i)', (seed) => {
    const stream = streamOf(seed);
    const { highlights, emitted } = runWhole(stream, { step: () => 500, lagMs: 5_000 });
    expect(highlights.size).toBeGreaterThan(0);
    const kept = [...highlights.values()].filter(({ state }) => state !== 'vetoed');
    for (const highlight of emitted) {
      const length = highlight.endMs - highlight.startMs;
      expect(length).toBeGreaterThanOrEqual(15_000);
      expect(length).toBeLessThanOrEqual(60_000);
      expect(highlight.startMs).toBeGreaterThanOrEqual(0);
      expect(highlight.endMs).toBeLessThanOrEqual(stream.endMs);
      expect(highlight.score >= 0 && highlight.score <= 1).toBe(true);
      expect(highlight.reasons.length).toBeGreaterThan(0);
    }
    for (const highlight of kept) {
      expect(highlight.state).toBe('refined');
      for (const edge of [highlight.startMs, highlight.endMs]) expect(stream.words.some((word) => edge > word.startMs && edge < word.endMs)).toBe(false);
      expect(kept.filter((other) => other.id !== highlight.id && overlapOf(highlight, other) > 0.4)).toEqual([]);
    }
  });
  it('[H5] a silent, a constant and a soundless stream give nothing', () => {
    for (const frames of [constant(-70), constant(-12), []]) {
      const found = createAnalyser({ sessionId: 's' }).push({ frames, scenes: [], words: [], untilMs: 300_000, wordsUntilMs: Infinity, ended: true });
      expect(found.highlights).toEqual([]);
      expect(found.bins).toHaveLength(300);
    }
  });
  it('[H6] the first sound after a long silence is no highlight, nor is anything before the warm-up', () => {
    const frames: AudioFrame[] = Array.from({ length: 1800 }, (_, i) => ({ startMs: i * 100, loudness: i < 900 ? -70 : -20, onset: 0.1, voice: i < 900 ? 0 : 1, laughter: 0 }));
    expect(createAnalyser({ sessionId: 's' }).push({ frames, scenes: [], words: [], untilMs: 180_000, wordsUntilMs: Infinity, ended: true }).highlights).toEqual([]);
  });
  it('takes a repeated push without counting anything twice', () => {
    const stream = streamOf(4);
    const input = { frames: stream.frames.slice(0, 2300), scenes: [], words: [], untilMs: 230_000, wordsUntilMs: Infinity, ended: false };
    const analyser = createAnalyser({ sessionId: 's' });
    const first = analyser.push(input);
    expect(first.highlights.length).toBeGreaterThan(0);
    expect(analyser.push(input)).toEqual({ bins: [], highlights: [] });
  });
});
