import { describe, expect, it } from 'vitest';
import { look, mayRestart, watchFrom } from './watchdog.ts';
import type { Finding } from './watchdog.ts';

type Second = { framesIn?: number; framesOut?: number; dropped?: number; pieces?: number };
/** One look a second; gives the finding of each. */
const watch = (seconds: Second[]): Finding[] => {
  let watched = watchFrom(0);
  let seen = { framesIn: 0, framesOut: 0, dropped: 0, pieces: 0 };
  return seconds.map((second, at) => {
    seen = { ...seen, ...second };
    const looked = look(watched, seen, (at + 1) * 1000);
    watched = looked.watched;
    return looked.finding;
  });
};
const steady = (count: number, from = 0, pieces = 1): Second[] => Array.from({ length: count }, (_, at) => ({ framesIn: (from + at + 1) * 30, framesOut: (from + at + 1) * 30, pieces }));
const firstBroken = (findings: Finding[]): [number, string] | null => {
  const at = findings.findIndex(({ type }) => type === 'broken');
  const finding = findings[at];
  return finding?.type === 'broken' ? [at + 1, finding.code] : null;
};

describe('watchdog', () => {
  it('finds nothing wrong with a recording that runs', () => expect(watch(steady(60)).every(({ type }) => type === 'well')).toBe(true));

  it('a still page, whose frames do not come but are repeated, is well', () => {
    expect(firstBroken(watch(Array.from({ length: 60 }, (_, at) => ({ framesIn: 1, framesOut: at * 5 + 1, pieces: 1 }))))).toBeNull();
  });

  it('says after 12 s that nothing was recorded', () => expect(firstBroken(watch(steady(20, 0, 0)))).toEqual([12, 'no-piece']));

  it('says within 7 s that frames go in and nothing comes out', () => {
    const stuck = Array.from({ length: 20 }, (_, at) => ({ framesIn: (11 + at) * 30 }));
    expect(firstBroken(watch([...steady(10), ...stuck]))).toEqual([17, 'encoder-stuck']);
  });

  it('an encoder that stopped just as the page became still counts as stuck too', () => {
    expect(firstBroken(watch([...steady(10), { framesIn: 301 }, ...Array.from({ length: 10 }, () => ({}))]))).toEqual([17, 'encoder-stuck']);
  });

  it('a pause of five seconds is borne', () => expect(firstBroken(watch([...steady(10), ...Array.from({ length: 5 }, (_, at) => ({ framesIn: 330 + at })), ...steady(5, 15)]))).toBeNull());

  it('tells of frames left out, with their number', () => expect(watch([...steady(3), { framesIn: 120, framesOut: 100, dropped: 12 }]).at(-1)).toEqual({ type: 'slow', dropped: 12 }));

  it('allows three restarts a minute', () => {
    expect(mayRestart([], 0)).toBe(true);
    expect(mayRestart([0, 10_000], 20_000)).toBe(true);
    expect(mayRestart([0, 10_000, 20_000], 30_000)).toBe(false);
    expect(mayRestart([0, 10_000, 20_000], 61_000)).toBe(true);
  });
});
