import { assert as hold, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Word } from '../../shared/model.ts';
import { AGREEMENT_DEFAULTS, agree, nextHearing, skipTo, startAgreement, type Agreement } from './local-agreement.ts';

const word = (text: string, startMs: number, endMs = startMs + 300): Word => ({ text, startMs, endMs, confidence: 0.9 });
const texts = (words: Word[]): string => words.map((each) => each.text).join(' ');
/** 3.0 to 6.0 s */
const talk = (frame: number): boolean => frame >= 30 && frame < 60;

describe('local agreement', () => {
  it('[W5] commits what two hearings agree on from the start, nothing else', () => {
    const start = startAgreement(0);
    const one = agree(start, { words: [word('so', 0), word('what', 400), word('is', 800)], untilMs: 1200, final: false });
    expect(one.committed).toEqual([]);
    const two = agree(one.state, { words: [word('So,', 10), word('what', 410), word('his', 800), word('name', 1200)], untilMs: 2000, final: false });
    expect(texts(two.committed)).toBe('So, what');
    const three = agree(two.state, { words: [word('So,', 10), word('what', 410), word('is', 800), word('name', 1200)], untilMs: 3000, final: false });
    expect(texts(three.committed)).toBe('');
    const end = agree(three.state, { words: [word('so', 10), word('what', 410), word('is', 800), word('named', 1200)], untilMs: 3400, final: true });
    expect(texts(end.committed)).toBe('is named');
    expect(end.state).toMatchObject({ bufferStartMs: 3400, committedUntilMs: 3400, previous: [] });
  });

  it('[W5] does not commit the last committed words once more when the engine echoes them', () => {
    let state: Agreement = { ...startAgreement(5_000), recent: [word('over', 4_000), word('there', 4_700, 5_000)], committedUntilMs: 5_000 };
    const hearing = [word('over', 4_900, 5_050), word('there', 5_050, 5_200), word('we', 5_300), word('go', 5_700)];
    state = agree(state, { words: hearing, untilMs: 6_000, final: false }).state;
    expect(texts(agree(state, { words: hearing, untilMs: 7_000, final: false }).committed)).toBe('we go');
  });

  it('[W6] trims the buffer at a sentence, and never lets it pass 30 s', () => {
    let state = startAgreement(0);
    const said = Array.from({ length: 40 }, (_, i) => word(i === 20 ? 'end.' : `w${i}`, i * 500, i * 500 + 400));
    for (let until = 1000; until <= 20_000; until += 1000) state = agree(state, { words: said.filter((each) => each.startMs >= state.bufferStartMs && each.endMs <= until), untilMs: until, final: false }).state;
    expect(state.bufferStartMs).toBeGreaterThanOrEqual(10_400);
    let deaf = startAgreement(0);
    for (let until = 1000; until <= 120_000; until += 1000) {
      deaf = agree(deaf, { words: [word(`x${until}`, deaf.bufferStartMs), word(`y${until}`, until - 400)], untilMs: until, final: false }).state;
      expect(until - deaf.bufferStartMs).toBeLessThanOrEqual(AGREEMENT_DEFAULTS.maxMs);
    }
  });

  it('[W7] asks for a hearing each second of speech, for a last one after a pause, and skips silence', () => {
    const state = startAgreement(0);
    expect(nextHearing(state, { speech: talk, knownUntilMs: 2_500, ended: false })).toEqual({ skipToMs: 2_300 });
    const skipped = skipTo(state, 2_300);
    expect(nextHearing(skipped, { speech: talk, knownUntilMs: 3_400, ended: false })).toEqual({ startMs: 2_800, endMs: 3_400, final: false });
    const heard = { ...skipped, heardUntilMs: 3_400 };
    expect(nextHearing(heard, { speech: talk, knownUntilMs: 4_300, ended: false })).toBe(null);
    expect(nextHearing(heard, { speech: talk, knownUntilMs: 7_600, ended: false })).toEqual({ startMs: 2_800, endMs: 7_500, final: true });
    expect(nextHearing(heard, { speech: talk, knownUntilMs: 5_000, ended: true })).toEqual({ startMs: 2_800, endMs: 5_000, final: true });
  });

  it('[W5] over a noisy engine: committed words never change, stay in order, and end as they were said', () => {
    hold(
      property(record({ seed: integer({ min: 1, max: 1e9 }), step: integer({ min: 1, max: 4 }), pauses: integer({ min: 3, max: 40 }) }), ({ seed, step, pauses }) => {
        let random = seed;
        const chance = (): number => (random = (random * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
        const said: Word[] = [];
        for (let at = 300; at < 60_000; ) {
          const length = 100 + Math.floor(chance() * 400);
          said.push(word(`w${said.length}${chance() < 0.15 ? '.' : ''}`, at, at + length));
          at += length + (said.length % pauses === 0 ? 2_000 : 40);
        }
        const speech = (frame: number): boolean => said.some((each) => each.startMs < (frame + 1) * 100 && each.endMs > frame * 100);
        let state = startAgreement(0);
        const committed: Word[] = [];
        for (let known = step * 1000; ; known = Math.min(known + step * 1000, 65_000)) {
          const ended = known === 65_000;
          for (let next = nextHearing(state, { speech, knownUntilMs: known, ended }); next; next = nextHearing(state, { speech, knownUntilMs: known, ended })) {
            if ('skipToMs' in next) {
              state = skipTo(state, next.skipToMs);
              continue;
            }
            const { startMs, endMs, final } = next;
            expect(endMs - startMs).toBeLessThanOrEqual(AGREEMENT_DEFAULTS.maxMs);
            const inside = said.filter((each) => (each.startMs + each.endMs) / 2 >= startMs && each.endMs <= endMs);
            // the end of a growing buffer is what engines get wrong
            const guesses = inside.map((each, i) => (!final && i >= inside.length - 2 && chance() < 0.6 ? { ...each, text: `guess${Math.floor(chance() * 1e6)}` } : { ...each, startMs: each.startMs + Math.floor(chance() * 30) }));
            const step1 = agree(state, { words: guesses, untilMs: endMs, final });
            committed.push(...step1.committed);
            state = step1.state;
          }
          if (ended) break;
        }
        for (const [i, each] of committed.entries()) expect(each.startMs).toBeGreaterThanOrEqual(committed[i - 1]?.endMs ?? 0);
        expect(texts(committed)).toBe(texts(said));
      }),
      { numRuns: 60, verbose: true },
    );
  });
});
