// The analyser on real sound: planted streams whose moments are known, and recordings from outside. Frames come from the plain
// reference maker, so that a change of the media worker cannot hide a change here.
import { seededRandom } from '../../shared/testing/random.ts';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Highlight, Word } from '../../shared/model.ts';
import type { AudioFrame } from '../ports.ts';
import { plantedStream } from '../testing/planted.ts';
import { decodePcm, framesOf } from '../testing/reference-frames.ts';
import { createAnalyser } from './analyser.ts';

type Seen = { first: { atMs: number; state: Highlight['state'] }; last: Highlight };
/** As a live stream in 200-ms pushes; words, where given, 6 s late. */
const watch = (frames: AudioFrame[], words: Word[] | null): Seen[] => {
  const analyser = createAnalyser({ sessionId: 's' });
  const seen = new Map<string, Seen>();
  let said = 0;
  for (let i = 0; i < frames.length; i += 2) {
    const untilMs = Math.min(frames.length, i + 2) * 100;
    const wordsUntilMs = words ? Math.max(0, untilMs - 6_000) : Infinity;
    const fresh = (words ?? []).slice(said).filter((word) => word.endMs <= wordsUntilMs);
    said += fresh.length;
    const ended = i + 2 >= frames.length;
    const found = analyser.push({ frames: frames.slice(i, i + 2), scenes: [], words: fresh, untilMs, wordsUntilMs, ended }).highlights;
    if (ended && words) found.push(...analyser.push({ frames: [], scenes: [], words: words.slice(said), untilMs: 0, wordsUntilMs: untilMs, ended }).highlights);
    for (const highlight of found) seen.set(highlight.id, { first: seen.get(highlight.id)?.first ?? { atMs: untilMs, state: highlight.state }, last: highlight });
  }
  return [...seen.values()].filter(({ last }) => last.state !== 'vetoed');
};
/** media ms from a moment's end to its first highlight */
const latenciesOf = (moments: { startMs: number; endMs: number }[], seen: Seen[]): number[] =>
  moments.flatMap((moment) => {
    const hit = seen.find(({ last }) => last.startMs <= moment.startMs && last.endMs >= moment.endMs - 500);
    return hit ? [hit.first.atMs - moment.endMs] : [];
  });

describe('planted stream of 10 minutes', () => {
  it('[H7] all six moments are found by sound alone, nothing else is, each within 1.5 s of its end', async () => {
    const { file, moments } = await plantedStream({ seed: 1, container: 'wav' });
    const seen = watch(framesOf(await decodePcm(file)), null);
    const latencies = latenciesOf(moments, seen);
    expect(latencies).toHaveLength(6);
    expect(seen).toHaveLength(6);
    expect(Math.max(...latencies)).toBeLessThan(1_500);
    expect(new Set(seen.map(({ first }) => first.state))).toEqual(new Set(['provisional']));
  });
  it('[H7] [H8] with words: titles are what was said, no cut falls inside a word; frames off by 1.5 LU change nothing', async () => {
    const { file, moments, words } = await plantedStream({ seed: 2, container: 'wav', speech: 'buzz', ratioDb: 8 });
    const random = seededRandom(2);
    const seen = watch(framesOf(await decodePcm(file), { offsetLu: -1.5, jitter: () => 2 * (random() - 0.5) }), words);
    expect(latenciesOf(moments, seen)).toHaveLength(6);
    expect(seen).toHaveLength(6);
    const all = words.map(({ text }) => text.toLowerCase()).join(' ');
    for (const { last } of seen) {
      expect(all).toContain(last.title.toLowerCase());
      expect(last.reasons.some(({ signal }) => signal === 'phrase')).toBe(true);
      for (const edge of [last.startMs, last.endMs]) expect(words.find((word) => edge > word.startMs && edge < word.endMs)).toBeUndefined();
    }
  });
  it('[H5] ten dull minutes with long pauses, hits, coughs, music and an explosion give nothing', async () => {
    const { file } = await plantedStream({ seed: 9, container: 'wav', speech: 'buzz', moments: 0, pauseS: [3, 12] });
    expect(watch(framesOf(await decodePcm(file)), null)).toEqual([]);
  });
});

const folder = new URL(`../../../shared/testdata/video/`, import.meta.url).pathname;
describe.skipIf(!existsSync(folder))('recordings in ../shared/testdata (skipped where that folder is absent)', () => {
  it.each(['manifesto.mp4', 'auto-editor-example.mp4'])('[H5] calm speech in %s gives nothing', async (name) => {
    expect(watch(framesOf(await decodePcm(`${folder}${name}`)), null)).toEqual([]);
  });
  it('[H5] 70 s of uniform battle give at most two', async () => {
    expect(watch(framesOf(await decodePcm(`${folder}tears-of-steel-battle.webm`)), null).length).toBeLessThanOrEqual(2);
  });
});

describe('scripts/demo.mp4', () => {
  it('holds moments that are found', async () => {
    const seen = watch(framesOf(await decodePcm(new URL('../../scripts/demo.mp4', import.meta.url).pathname)), null);
    expect(seen).toHaveLength(2);
  });
});
