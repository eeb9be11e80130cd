// Phrases, quotes, boundaries, titles and verdicts: everything that is about words.
import { seededRandom } from '../../shared/testing/random.ts';
import { describe, expect, it } from 'vitest';
import type { Highlight, Word } from '../../shared/model.ts';
import type { Verdict } from '../ports.ts';
import { createAnalyser } from './analyser.ts';
import { gapsOf, rangeOf } from './boundaries.ts';
import { createPhraseFinder } from './phrases.ts';
import { findLastQuote, findQuote } from './quotes.ts';
import { sentimentOf } from './sentiment.ts';
import { titleFromSound, titleFromWords, trimTitle } from './titles.ts';
import { judged } from './verdict.ts';

/** 300-ms words, 100 ms apart */
const say = (text: string, atMs = 0): Word[] => text.split(' ').map((one, i) => ({ startMs: atMs + i * 400, endMs: atMs + i * 400 + 300, text: one, confidence: 1 }));

const phrasesIn = (text: string): string[] => {
  const finder = createPhraseFinder([{ text: 'clip that', weight: 1 }, { text: "can't believe", weight: 0.5 }, { text: 'that', weight: 0.1 }]);
  return say(text).flatMap((word) => finder.push(word).map((hit) => hit.text));
};

describe('phrases', () => {
  it('[H9] are found whatever their case and punctuation, longest first', () => {
    expect(phrasesIn('Wow, CLIP that!')).toEqual(['clip that', 'that']);
    expect(phrasesIn('I cant … believe it')).toEqual(["can't believe"]);
  });
  it('[H9] are not found inside other words or across a long pause', () => {
    expect(phrasesIn('paperclip thatch')).toEqual([]);
    const finder = createPhraseFinder([{ text: 'clip that', weight: 1 }]);
    expect([...say('clip'), ...say('that', 9_000)].flatMap((word) => finder.push(word))).toEqual([]);
  });
});

describe('quotes', () => {
  const words = say('I can not believe it, no way, no way! Clip that.');
  it('[J5] are found by their letters, at whole words', () => {
    expect(findQuote(words, 'cannot BELIEVE it')).toEqual({ first: 1, last: 4 });
    expect(findLastQuote(words, 'no way')).toEqual({ first: 7, last: 8 });
    for (const wrong of ['not believe that', 'elieve', '', '…', 'no way clip it']) expect(findQuote(words, wrong)).toBeNull();
  });
});

describe('boundaries', () => {
  it('[H8] random words: never inside a word, 15–60 s, core inside, whatever the words (seed 42)', () => {
    const random = seededRandom(42);
    for (let round = 0; round < 500; round++) {
      const words: Word[] = [];
      const pace = 50 + 900 * random();
      for (let at = 0; at < 200_000;) {
        const endMs = at + 60 + 700 * random();
        words.push({ startMs: at, endMs, text: random() < 0.1 ? 'end.' : 'word', confidence: 1 });
        at = endMs + (random() < 0.3 ? pace * random() : 0) - (random() < 0.05 ? 40 : 0);
      }
      const core = { startMs: 40_000 + Math.floor(40_000 * random()), endMs: 0 };
      core.endMs = core.startMs + 2_000 + Math.floor(43_000 * random());
      const span = rangeOf({ core, spans: words, exact: true, limitMs: 200_000, notBeforeMs: random() < 0.3 ? core.startMs - 6_000 : 0 });
      expect(span.endMs - span.startMs).toBeGreaterThanOrEqual(15_000);
      expect(span.endMs - span.startMs).toBeLessThanOrEqual(60_000);
      expect(span.startMs).toBeLessThanOrEqual(core.startMs);
      expect(span.endMs).toBeGreaterThanOrEqual(core.endMs);
      const merged = gapsOf(words, 0, 200_000);
      for (const edge of [span.startMs, span.endMs]) expect(merged.some((gap) => edge >= gap.startMs && edge <= gap.endMs), `round ${round}`).toBe(true);
    }
  });
  it('[H8] keeps at most 0.35 s before the first word and 0.45 s after the last', () => {
    const words = [...say('before it', 30_000), ...say('now we go there and see it. and so on and on', 36_200), ...say('look at that', 50_600), ...say('after it', 56_000)];
    const span = rangeOf({ core: { startMs: 40_000, endMs: 50_000 }, spans: words, exact: true, limitMs: 60_000, notBeforeMs: 0 });
    expect(span.startMs).toBe(36_200 - 350);
    expect(span.endMs).toBe(51_700 + 450);
  });
  it('[H8] ends inside what is there when the stream ends', () => {
    const span = rangeOf({ core: { startMs: 50_000, endMs: 55_000 }, spans: [], exact: false, limitMs: 55_400, notBeforeMs: 0 });
    expect(span.endMs).toBeLessThanOrEqual(55_400);
    expect(span.endMs - span.startMs).toBeGreaterThanOrEqual(15_000);
  });
});

describe('titles', () => {
  it('take the sentence with the phrase near the peak', () => {
    const words = [...say('We walk to the river.'), ...say('No way, that is insane!', 4_000), ...say('Let us go on then.', 9_000)];
    expect(titleFromWords(words, 5_000, [{ text: 'no way', weight: 0.6, startMs: 4_000, endMs: 4_700 }])).toBe('No way, that is insane!');
    expect(titleFromWords([], 5_000, [])).toBeNull();
  });
  it('are one short line', () => {
    expect(trimTitle(`a\u0000b\n${'word '.repeat(40)}`)).toMatch(/^a b word .*…$/);
    expect(trimTitle('x'.repeat(500)).length).toBeLessThanOrEqual(64);
    expect(titleFromSound([], 754_500)).toBe('Loud moment at 12:34');
    expect(titleFromSound([], 3_723_000)).toBe('Loud moment at 1:02:03');
  });
  it('feeling is counted by strength, not by sign', () => {
    expect(sentimentOf(say('what a disaster')).strength).toBe(4);
    expect(sentimentOf(say('Amazing!')).words).toEqual(['amazing']);
  });
});

describe('verdicts', () => {
  const words = say(Array.from({ length: 120 }, (_, i) => (i === 60 ? 'no' : i === 61 ? 'way' : `w${i}`)).join(' '));
  const highlight: Highlight = { id: 's-1', sessionId: 's', version: 2, state: 'refined', startMs: 15_000, endMs: 35_000, peakMs: 24_200, score: 0.8, title: 'old', reasons: [] };
  const verdict: Verdict = { keep: true, title: 'No way', quote: 'no way w62', firstWords: 'w40 w41', lastWords: 'w88 w89', reason: '<b>because</b>' };
  it('[J5] are void when they quote what was not said', () => {
    expect(judged(highlight, words, { ...verdict, quote: 'buy my coins' }, 1e9)).toBeNull();
  });
  it('[J5] give title, boundaries and evidence in the words of the transcript', () => {
    const after = judged(highlight, words, verdict, 1e9);
    expect(after).toMatchObject({ version: 3, state: 'refined', title: 'No way', startMs: 40 * 400 - 100, endMs: 89 * 400 + 400 });
    expect(JSON.stringify(after)).not.toContain('because');
  });
  it('[J5] an invented title gives way to the quote; boundaries out of bounds change nothing', () => {
    expect(judged(highlight, words, { ...verdict, title: 'FREE MONEY at evil.example' }, 1e9)?.title).toBe('No way w62');
    for (const [firstWords, lastWords] of [['w60 no', 'w70 w71'], ['w1 w2', 'w118 w119'], ['w58 w59', 'no way w62'], ['w100', 'w119'], ['nothing', 'w89']]) {
      const after = judged(highlight, words, { ...verdict, firstWords: firstWords ?? '', lastWords: lastWords ?? '' }, 40_000);
      const length = (after?.endMs ?? 0) - (after?.startMs ?? 0);
      expect(length).toBeGreaterThanOrEqual(15_000);
      expect(length).toBeLessThanOrEqual(60_000);
    }
  });
  it('[J6] veto', () => {
    expect(judged(highlight, words, { ...verdict, keep: false }, 1e9)).toMatchObject({ state: 'vetoed', version: 3, startMs: 15_000 });
  });
});

describe('analyser and words', () => {
  const calm = Array.from({ length: 1_200 }, (_, i) => ({ startMs: i * 100, loudness: -28 + (i % 7), onset: 0.1, voice: 0.9, laughter: 0 }));
  const run = (words: Word[]): { analyser: ReturnType<typeof createAnalyser>; highlights: Highlight[] } => {
    const analyser = createAnalyser({ sessionId: 's' });
    const { highlights } = analyser.push({ frames: calm, scenes: [], words, untilMs: 120_000, wordsUntilMs: 120_000, ended: true });
    return { analyser, highlights };
  };
  it('[H9] an order to clip makes a highlight of what came before it, a calm "no way" does not', () => {
    expect(run(say('there is no way around the lake', 60_000)).highlights).toEqual([]);
    const { highlights } = run([...say('so he walks over the bridge and falls', 55_000), ...say('somebody clip that please', 60_000)]);
    expect(highlights).toHaveLength(1);
    expect(highlights[0]).toMatchObject({ state: 'refined', title: 'Somebody clip that please' });
    expect(highlights[0]?.startMs).toBeLessThan(56_000);
  });
  it('[J6] asks once, shows the words around, and a verdict stays', () => {
    const { analyser, highlights } = run([...say('so he walks over the bridge and falls', 55_000), ...say('somebody clip that please', 60_000)]);
    const id = highlights[0]?.id ?? '';
    expect(analyser.question(id)?.words.map(({ text }) => text)).toContain('bridge');
    expect(analyser.applyVerdict(id, { keep: false, title: '', quote: 'never said this', firstWords: '', lastWords: '', reason: '' })).toBeNull();
    expect(analyser.applyVerdict(id, { keep: false, title: '', quote: 'clip that please', firstWords: '', lastWords: '', reason: '' })).toMatchObject({ state: 'vetoed' });
    expect(analyser.question(id)).toBeNull();
    expect(analyser.applyVerdict(id, { keep: true, title: '', quote: 'clip that please', firstWords: '', lastWords: '', reason: '' })).toBeNull();
  });
  it('asks nothing where nothing was said', () => {
    expect(createAnalyser({ sessionId: 's' }).question('s-1')).toBeNull();
  });
});
