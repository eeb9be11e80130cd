import { array, assert as hold, double, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Word } from '../../shared/model.ts';
import { filterHallucinations, repairTimes } from './hallucination.ts';
import { plain, wordsAfter } from './merge-words.ts';

const words = (text: string, startMs = 0, each = 300): Word[] => text.split(' ').map((part, i) => ({ text: part, startMs: startMs + i * each, endMs: startMs + (i + 1) * each, confidence: 0.9 }));
const heard = (text: string, voice: number | null): string =>
  filterHallucinations(words(text), { startMs: 0, endMs: 60_000, voice: () => voice })
    .words.map((word) => word.text)
    .join(' ');

describe('hallucination filters', () => {
  it.each(['Thank you.', 'Thanks for watching!', 'you', 'Subtitles by the Amara.org community', 'Vielen Dank.', 'ご視聴ありがとうございました'])('[W8] does not believe “%s” near silence', (text) => {
    expect(heard(text, 0.1)).toBe('');
  });

  it('[W8] believes the same words when somebody speaks, and other words whenever said', () => {
    expect(heard('Thank you.', 0.9)).toBe('Thank you.');
    expect(heard('Thank you.', null)).toBe('Thank you.');
    expect(heard('clip that right now', 0.2)).toBe('clip that right now');
  });

  it('[W8] judges each utterance by its own voice', () => {
    const spoken = [...words('what a shot', 0), ...words('Thank you.', 5_000)];
    const { words: kept } = filterHallucinations(spoken, { startMs: 0, endMs: 60_000, voice: (startMs) => (startMs < 3_000 ? 0.9 : 0) });
    expect(kept.map((word) => word.text).join(' ')).toBe('what a shot');
  });

  it('[W8] cuts loops short and leaves the repetitions people say', () => {
    expect(heard('no no no no', 1)).toBe('no no no no');
    expect(heard(Array.from({ length: 40 }, () => 'no').join(' '), 1)).toBe('no');
    expect(heard(`start ${Array.from({ length: 9 }, () => 'I am going home.').join(' ')} end`, 1)).toBe('start I am going home. end');
  });

  it('[W9] counts what it dropped and why', () => {
    const { dropped } = filterHallucinations([...words('Thank you.'), ...words('late', 70_000)], { startMs: 0, endMs: 60_000, voice: () => 0.1 });
    expect(dropped).toEqual({ 'phrase on silence': 2, 'outside the audio': 1 });
  });

  it('[W9] brings any times into order inside the audio', () => {
    const odd = double({ min: -5e4, max: 5e4 });
    hold(
      property(array(record({ text: string(), startMs: odd, endMs: odd, confidence: double() }), { maxLength: 30 }), (given) => {
        const repaired = repairTimes(given, 1000, 20_000);
        for (const [i, word] of repaired.entries()) {
          expect(word.startMs).toBeGreaterThanOrEqual(repaired[i - 1]?.endMs ?? 1000);
          expect(word.endMs).toBeGreaterThan(word.startMs);
          expect(word.endMs).toBeLessThanOrEqual(20_000);
          expect(word.text.trim()).toBe(word.text);
          expect(word.text).not.toBe('');
        }
      }),
      { verbose: true },
    );
    expect(repairTimes(words('a b c', 2000), 0, 60_000)).toEqual(words('a b c', 2000));
  });

  it('[W10] joins windows: no word twice, none before what is committed', () => {
    const last = { text: 'home.', startMs: 9_500, endMs: 10_100, confidence: 1 };
    const next = [...words('going Home and', 9_200, 500)];
    expect(wordsAfter(next, 9_900, last).map((word) => [word.text, word.startMs])).toEqual([['and', 10_200]]);
    expect(wordsAfter(words('and then', 10_050), 10_000, last)[0]?.startMs).toBe(10_100);
    expect(plain('“Don’t!”')).toBe("don't");
  });
});
