import { describe, expect, it } from 'vitest';
import { ago, bytes, dollars, missing, plural, span, stageLine, stageNotes, timecode, titleOf, webLink, worstLag } from './format.ts';

describe('how numbers read', () => {
  it.each([[0, '0:00'], [7_900, '0:07'], [754_000, '12:34'], [3_723_000, '1:02:03'], [172_800_000, '48:00:00'], [-5, '0:00']])('timecode %i', (ms, text) => expect(timecode(ms)).toBe(text));
  it.each([[0, '0.0 s'], [410, '0.4 s'], [9_940, '9.9 s'], [9_960, '10 s'], [23_400, '23 s'], [240_000, '4 min'], [9_000_000, '2.5 h']])('span %i', (ms, text) => expect(span(ms)).toBe(text));
  it.each([[0, '0 B'], [999, '999 B'], [999.9, '1.0 kB'], [1_500, '1.5 kB'], [99_600, '100 kB'], [1_234_567, '1.2 MB'], [999_600_000, '1.0 GB'], [5e15, '5.0 PB'], [5e18, '5000 PB']])('bytes %d', (value, text) => expect(bytes(value)).toBe(text));
  it('counts with their noun', () => {
    expect(plural(1, 'clip')).toBe('1 clip');
    expect(plural(1200, 'clip')).toBe('1,200 clips');
    expect(dollars(0.0123)).toBe('$0.012');
    expect(dollars(12)).toBe('$12.00');
  });
  it('says how long ago, also when clocks differ', () => {
    expect(ago(10_000, 5_000)).toBe('just now');
    expect(ago(0, 7_200_000)).toBe('2 h ago');
    expect(ago(0, 172_800_000)).toBe('2 days ago');
  });
});

it('[P6] tells missing chunks of all there were, declared lost ones included', () => {
  expect(missing({ chunks: 312, missing: 0 })).toBe('0 of 312 chunks missing');
  expect(missing({ chunks: 309, missing: 3 })).toBe('3 of 312 chunks missing');
  expect(missing({ chunks: 1, missing: 0 })).toBe('0 of 1 chunk missing');
});

const stage = (lagMs: number, status: 'running' | 'off') => ({ status, depth: 0, capacity: 4, done: 1, untilMs: 0, lagMs, note: '' }) as const;
it('shows the lag of the slowest working stage, not of one that is off', () => {
  const stages = { decode: stage(100, 'running'), extract: stage(200, 'running'), transcribe: stage(90_000, 'off'), analyse: stage(1_500, 'running'), cut: stage(0, 'running'), archive: stage(0, 'running') };
  expect(worstLag(stages)).toBe(1_500);
  expect(worstLag(undefined)).toBeNull();
  expect([stageLine({ status: 'running', lagMs: 4_000 }), stageLine({ status: 'failing', lagMs: 4_000 })]).toEqual(['4.0 s behind', 'failing']);
  expect(stageNotes({ ...stages, extract: { ...stages.extract, note: 'waits for a worker' } })).toEqual([{ stage: 'Sound', note: 'Waits for a worker' }]);
});

it.each(['javascript:alert(1)', ' JAVASCRIPT:alert(1)', 'data:text/html,<b>', 'file:///etc/passwd', 'blob:https://a/b', 'example.com', '', 'chrome-extension://abc/x'])('links no %j', (url) => expect(webLink(url)).toBeNull());
it('links web pages', () => expect(webLink('https://www.twitch.tv/a?b=1#c')).toBe('https://www.twitch.tv/a?b=1#c'));
it('names what has no title', () => expect(titleOf({ title: '  ', id: '01ABCDEFGHJK' })).toBe('Untitled EFGHJK'));
