import { describe, expect, it } from 'vitest';
import type { SignalBin, Word } from '../../shared/model.ts';
import { ProviderError } from '../errors.ts';
import type { Transcriber } from '../ports.ts';
import { countedWords } from '../testing/counted-words.ts';
import { createMemoryMediaLog } from '../testing/media-log.memory.ts';
import { createBell } from './gauges.ts';
import { createSpeechTrack } from './speech-track.ts';
import type { Hole, WordsBatch, WordsJob, WordsLane } from './words-lane.ts';
import { createWordsLane } from './words.ts';

const signal = AbortSignal.timeout(10_000);
/** speech in every second for which `spoken` holds */
const bins = (fromS: number, toS: number, spoken: (second: number) => boolean): SignalBin[] => Array.from({ length: toS - fromS }, (_, i) => ({ second: fromS + i, values: [], speech: spoken(fromS + i) ? 0x3ff : 0 }));
const spoken = (second: number): boolean => second % 20 < 14;
const heardBy = (audio: { startMs: number; endMs: number }): Word[] => countedWords(audio).filter((word) => spoken(Math.floor(word.startMs / 1_000)));
const engine = (kind: 'api' | 'local', hear = async (audio: { startMs: number; endMs: number }): Promise<Word[]> => heardBy(audio)): Transcriber & { heard: [number, number][] } => {
  const heard: [number, number][] = [];
  return {
    name: 'e', kind, heard, close: async () => {}, state: () => ({ name: 'e', status: 'ok', note: '', spentHour: 0, spentDay: 0, budgetHour: 0, budgetDay: 0 }),
    transcribe: async (audio) => {
      heard.push([audio.startMs, audio.endMs]);
      return { words: await hear(audio), untilMs: audio.endMs, language: 'en', model: 'e' };
    },
  };
};
const noIndex = { addInit: () => {}, addFragments: () => {}, addKeyframes: () => {}, parts: () => [], fragmentAt: () => null, fragmentAfter: () => null, keyframeBefore: () => null, indexedTo: () => 0, flush: async () => {} };
const open = (transcriber: Transcriber, over: { fromMs?: number; saved?: Word[]; holes?: Hole[]; untilMs?: number; ended?: boolean; /** ms at which parts begin */ starts?: number[] } = {}) => {
  const { starts = [] } = over;
  const index = { ...noIndex, parts: () => starts.map((startMs, part) => ({ part, byteStart: startMs, byteEnd: startMs, offsetMs: 0, bytes: new Uint8Array(0) })), fragmentAfter: (byte: number) => ({ byteStart: byte + 1, startMs: byte + 1, part: 0 }) };
  const known = { untilMs: over.untilMs ?? 60_000, ended: over.ended ?? true };
  const bell = createBell();
  const lane = createWordsLane({
    media: createMemoryMediaLog(), index, decodePcm: async () => new Float32Array(0), transcriber, language: null, priority: 5, paddingMs: 200,
    fromMs: over.fromMs ?? 0, saved: over.saved ?? [], holes: over.holes ?? [], known: () => known, changed: (inner) => bell.wait(inner),
  });
  lane.learn(bins(0, known.untilMs / 1_000, spoken));
  return { lane, known, bell };
};
/** in pairs, as the stage runs a lane of two; committed in order */
const drain = async (lane: WordsLane): Promise<WordsBatch[]> => {
  const batches: WordsBatch[] = [];
  for (let more = true; more; ) {
    const jobs: WordsJob[] = [];
    while (jobs.length < lane.concurrency) {
      const job = await lane.next(signal);
      if (!job) {
        more = false;
        break;
      }
      jobs.push(job);
    }
    batches.push(...(await Promise.all(jobs.map((job) => lane.transcribe(job, signal)))));
  }
  return batches;
};
const texts = (batches: WordsBatch[]): string[] => batches.flatMap(({ words }) => words.map(({ text }) => text));
const all = (): string[] => heardBy({ startMs: 0, endMs: 60_000 }).map(({ text }) => text);

describe('the words lane of an API engine', () => {
  it('[W4] hears every stretch of speech once, in order, and ends at the end of the recording', async () => {
    const api = engine('api');
    const batches = await drain(open(api).lane);
    expect(texts(batches)).toEqual(all());
    expect(batches.at(-1)).toMatchObject({ ended: true, untilMs: 60_000 });
    for (const [i, one] of batches.entries()) expect(one.untilMs).toBeGreaterThanOrEqual(batches[i - 1]?.untilMs ?? 0);
    expect(api.heard.every(([startMs, endMs]) => endMs - startMs <= 15_000)).toBe(true);
  });

  it('[W22] a window answered before the one in front of it is still joined behind it, without doubled words', async () => {
    // no pause for a minute: windows are cut inside speech and overlap
    const track = bins(0, 60, () => true);
    let release = (): void => {};
    const slow = new Promise<void>((resolve) => { release = resolve; });
    let calls = 0;
    const api = engine('api', async (audio) => {
      calls += 1;
      if (calls === 1) await slow;
      else if (calls === 2) setImmediate(release);
      // an engine may hear the word that the cut goes through in both windows
      return countedWords({ startMs: audio.startMs, endMs: audio.endMs + 250 }).map((word) => ({ ...word, startMs: word.startMs - 100, endMs: word.endMs - 100 }));
    });
    const { lane } = open(api);
    lane.learn(track);
    const said = texts(await drain(lane));
    expect(new Set(said).size).toBe(said.length);
    expect(said).toEqual(said.toSorted((a, b) => Number(a.slice(4)) - Number(b.slice(4))));
    expect(said.length).toBeGreaterThan(230);
  });

  it('[S9] a window that waits for the one before it ends when both are aborted', async () => {
    const api = engine('api', async (audio) => {
      if (audio.startMs < 5_000) throw new ProviderError('e', 'server', 'away');
      return heardBy(audio);
    });
    const { lane } = open(api);
    const stop = new AbortController();
    const [one, other] = [await lane.next(signal), await lane.next(signal)];
    if (!one || !other) throw new Error('two windows were expected');
    await expect(lane.transcribe(one, stop.signal)).rejects.toThrow('away'); // its shell waits before it tries again
    const second = lane.transcribe(other, stop.signal);
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error('stopped'));
    await expect(second).rejects.toThrow('stopped');
  });

  it.each(['api', 'local'] as const)('[W4] no window of a %s engine reaches over a new initialisation', async (kind) => {
    const heard = engine(kind);
    const starts = [0, 7_500, 27_000];
    const { lane } = open(heard, { starts });
    expect(texts(await drain(lane))).toEqual(all());
    for (const [startMs, endMs] of heard.heard) for (const at of starts) expect(startMs < at && endMs > at, `${startMs}..${endMs} over ${at}`).toBe(false);
  });

  it('a window that is set aside holds up none behind it', async () => {
    const api = engine('api', async (audio) => {
      if (audio.startMs < 5_000) throw new ProviderError('e', 'garbage', 'nonsense');
      return heardBy(audio);
    });
    const { lane } = open(api);
    const [one, other] = [await lane.next(signal), await lane.next(signal)];
    if (!one || !other) throw new Error('two windows were expected');
    const second = lane.transcribe(other, signal);
    await expect(lane.transcribe(one, signal)).rejects.toThrow('nonsense');
    expect(lane.nothing(one)).toMatchObject({ words: [], untilMs: one.endMs });
    expect((await second).untilMs).toBe(other.endMs);
  });

  it('a hole is filled first and moves no cursor; a restart from the cursor hears nothing again', async () => {
    const api = engine('api');
    const holes = [{ startMs: 2_000, endMs: 9_000 }];
    const saved = heardBy({ startMs: 20_000, endMs: 34_000 });
    const batches = await drain(open(api, { fromMs: 34_400, saved, holes }).lane);
    expect(batches[0]).toMatchObject({ refill: true, startMs: 2_000, untilMs: 9_000 });
    expect(texts(batches.slice(0, 1))).toEqual(heardBy({ startMs: 2_000, endMs: 9_000 }).map(({ text }) => text));
    const rest = batches.slice(1);
    expect(rest.every(({ refill }) => !refill)).toBe(true);
    expect(texts(rest)).toEqual(heardBy({ startMs: 34_400, endMs: 60_000 }).map(({ text }) => text));
    expect(api.heard.slice(1).every(([startMs]) => startMs >= 34_000)).toBe(true);
  });

  it('waits for sound not known yet, and an abort ends the wait', async () => {
    const { lane, known, bell } = open(engine('api'), { untilMs: 2_000, ended: false });
    const controller = new AbortController();
    const waiting = lane.next(controller.signal);
    lane.learn(bins(2, 30, spoken));
    known.untilMs = 30_000;
    bell.ring();
    expect(await waiting).toMatchObject({ kind: 'window', startMs: 0 });
    known.untilMs = 14_000;
    const stuck = lane.next(controller.signal).then(() => 'came', (error: unknown) => error);
    controller.abort(new Error('stopped'));
    expect(await stuck).toMatchObject({ message: 'stopped' });
  });
});

describe('the words lane of a local engine', () => {
  it('[W5] commits by agreement: what only one hearing says is not committed, nothing is doubled, the cursor ends at the end', async () => {
    let hearing = 0;
    const local = engine('local', async (audio) => {
      hearing += 1;
      const words = heardBy(audio);
      // the newest word of each hearing is misheard, each time in another way
      return words.map((word, i) => (i === words.length - 1 && audio.endMs < 14_000 ? { ...word, text: `guess${hearing}` } : word));
    });
    const { lane, known, bell } = open(local, { untilMs: 4_000, ended: false });
    const batches: WordsBatch[] = [];
    for (let untilS = 4; untilS <= 60; untilS += 1) {
      known.untilMs = untilS * 1_000;
      known.ended = untilS === 60;
      lane.learn(bins(untilS - 1, untilS, spoken));
      bell.ring();
      for (;;) {
        const controller = new AbortController();
        const job = await Promise.race([lane.next(controller.signal).catch(() => 'later' as const), new Promise<'later'>((resolve) => { setImmediate(() => resolve('later')); })]);
        controller.abort(new Error('asked later'));
        if (job === 'later' || job === null) break;
        batches.push(await lane.transcribe(job, signal));
      }
    }
    const said = texts(batches);
    expect(said.filter((text) => text.startsWith('guess'))).toEqual([]);
    expect(said).toEqual(all());
    expect(batches.at(-1)).toMatchObject({ ended: true, untilMs: 60_000 });
    expect(lane.concurrency).toBe(1);
  });

  it('a hole set aside again moves nothing', async () => {
    const local = engine('local');
    const { lane } = open(local, { fromMs: 40_000, holes: [{ startMs: 2_000, endMs: 9_000 }] });
    const hole = await lane.next(signal);
    if (!hole) throw new Error('a hole was expected');
    expect(lane.nothing(hole)).toMatchObject({ refill: true, words: [] });
    const rest = await drain(lane);
    expect(rest.every(({ startMs }) => startMs >= 39_800)).toBe(true);
    expect(texts(rest)).toEqual(heardBy({ startMs: 40_000, endMs: 60_000 }).map(({ text }) => text));
  });
});

describe('createSpeechTrack', () => {
  it('knows tenths of seconds, also far behind the first, and the share of a stretch', () => {
    const track = createSpeechTrack();
    track.learn([{ second: 5_000, values: [], speech: 0b11 }]);
    expect([track.at(50_000), track.at(50_001), track.at(50_002), track.at(49_999), track.at(1e9)]).toEqual([true, true, false, undefined, undefined]);
    expect(track.share(5_000_000, 5_000_400)).toBe(0.5);
    expect(track.share(0, 1_000)).toBeNull();
  });
});
