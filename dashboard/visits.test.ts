import { expect, it } from 'vitest';
import { visitsOf } from './visits.ts';

const page = (atMs: number, sourceUrl: string, title = '', playing: boolean | null = true) => ({ atMs, title, sourceUrl, playing });

it('makes one visit of a stay, whatever changed in it, and leaves out what is unknown', () => {
  expect(visitsOf([page(0, 'a', 'A'), page(900, 'a', 'A (1)', false), page(1_000, 'a'), page(5_000, '', '', null), page(6_000, 'a', 'A'), page(9_000, 'b', 'B')])).toEqual([
    { startMs: 0, title: 'A (1)', sourceUrl: 'a' }, { startMs: 6_000, title: 'A', sourceUrl: 'a' }, { startMs: 9_000, title: 'B', sourceUrl: 'b' },
  ]);
  expect(visitsOf([])).toEqual([]);
});
