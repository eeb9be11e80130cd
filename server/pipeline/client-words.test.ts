import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LivePiece } from '../../scripts/live-media.ts';
import type { HeardWords, Word } from '../../shared/model.ts';
import { MAX_UNCONFIRMED_WORDS } from '../../shared/protocol.ts';
import { virtualClock } from '../../shared/testing/virtual-clock.ts';
import { countedWords } from '../testing/counted-words.ts';
import { demoFile, failing, hurriedClock, piecesOf, type TestPipeline, testPipeline, transient } from '../testing/pipeline-fixture.ts';
import { type ClientWords, LAST_WORDS_MS, RECORDER_TRANSCRIBES, createClientLane, createClientWords } from './client-words.ts';
import type { WordsBatch, WordsLane } from './words-lane.ts';

const signal = AbortSignal.timeout(60_000);
const opened = () => {
  const heard: number[] = [];
  const dropped: number[] = [];
  return { heard, dropped, inbox: createClientWords({ onHeard: (untilMs) => heard.push(untilMs), onDrop: ({ fromMs }) => dropped.push(fromMs) }) };
};
const stretch = (fromMs: number, untilMs: number): HeardWords => ({ fromMs, untilMs, words: countedWords({ startMs: fromMs, endMs: untilMs }) });
const texts = (words: Word[]): string[] => words.map(({ text }) => text);

describe('[W23] the inbox of a client’s words', () => {
  it('keeps a batch until it is durable, once; what is durable already is confirmed again', () => {
    const { inbox, heard } = opened();
    inbox.put(stretch(0, 5_000));
    inbox.put(stretch(5_000, 9_000));
    inbox.put(stretch(0, 5_000));
    expect([inbox.after(0)?.untilMs, inbox.after(5_000)?.untilMs, inbox.after(9_000)]).toEqual([5_000, 9_000, null]);
    inbox.confirm(5_000);
    inbox.put(stretch(0, 5_000));
    expect([inbox.after(0)?.untilMs, heard]).toEqual([9_000, [5_000, 5_000]]);
  });

  it('is bounded: the oldest goes, by name; what comes late stands in its place', async () => {
    const { inbox, dropped } = opened();
    for (let at = MAX_UNCONFIRMED_WORDS; at >= 0; at--) inbox.put(stretch(at * 1_000, at * 1_000 + 1_000));
    expect([dropped, inbox.after(0)?.fromMs]).toEqual([[0], 1_000]);
    let settled = false;
    const waiting = inbox.settled().then(() => { settled = true; });
    inbox.confirm(MAX_UNCONFIRMED_WORDS * 1_000);
    await Promise.resolve();
    expect(settled).toBe(false);
    inbox.confirm((MAX_UNCONFIRMED_WORDS + 1) * 1_000);
    await waiting;
  });
});

describe('[W24] the words lane of a client', () => {
  const open = (inbox: ClientWords, over: { fromMs?: number; ended?: boolean } = {}) => {
    const clock = virtualClock();
    const known = { untilMs: 60_000, ended: over.ended ?? false };
    let ring = (): void => {};
    const lane = createClientLane({
      inbox, fromMs: over.fromMs ?? 0, known: () => known,
      later: (ms, run) => void clock.after(ms, () => { run(); ring(); }),
      changed: () => new Promise((resolve) => { ring = resolve; }),
    });
    inbox.listen(() => ring());
    return { lane, known, clock };
  };
  const take = async (lane: WordsLane): Promise<WordsBatch | null> => {
    const job = await lane.next(signal);
    return job && lane.transcribe(job, signal);
  };

  it('gives each word once, whatever was sent twice or overlaps what is durable', async () => {
    const { inbox, heard } = opened();
    const { lane } = open(inbox, { fromMs: 3_000 });
    for (const batch of [stretch(0, 2_000), stretch(2_000, 6_000), stretch(5_000, 8_000), stretch(8_000, 9_000)]) inbox.put(batch);
    const batches = [await take(lane), await take(lane), await take(lane)];
    expect(batches.flatMap((batch) => texts(batch!.words))).toEqual(texts(countedWords({ startMs: 3_000, endMs: 9_000 })));
    expect(batches.map((batch) => batch!.untilMs)).toEqual([6_000, 8_000, 9_000]);
    expect(heard).toEqual([3_000, 3_000]);
  });

  it('waits while the recording runs, and for a named time after it; then it ends without the rest', async () => {
    const { inbox } = opened();
    const { lane, known, clock } = open(inbox);
    let last: WordsBatch | null | undefined;
    const waiting = take(lane).then((batch) => { last = batch; });
    await clock.advance(3_600_000);
    expect(last).toBeUndefined();
    known.ended = true;
    inbox.put(stretch(0, 5_000)); // wakes it
    await waiting;
    expect(last).toMatchObject({ untilMs: 5_000, ended: false });
    const ending = take(lane).then((batch) => { last = batch; });
    await clock.advance(LAST_WORDS_MS - 1);
    expect(last).toMatchObject({ ended: false });
    await clock.advance(1);
    await ending;
    expect(last).toEqual({ words: [], startMs: 5_000, untilMs: 5_000, ended: true, refill: false });
    expect(await lane.next(signal)).toBeNull();
  });

  it('ends at once where the client has heard it all', async () => {
    const { inbox } = opened();
    const { lane } = open(inbox, { ended: true });
    inbox.put(stretch(0, 59_800));
    expect(await take(lane)).toMatchObject({ untilMs: 59_800, ended: false });
    expect(await take(lane)).toMatchObject({ untilMs: 59_800, ended: true });
  });
});

describe('a pipeline whose recorder transcribes', () => {
  let pieces: LivePiece[] = [];
  const all: TestPipeline[] = [];
  beforeAll(async () => { pieces = await piecesOf(demoFile); });
  afterEach(() => Promise.all(all.splice(0).map((one) => one.close())));
  const recorded = async (finished = true): Promise<TestPipeline> => {
    const at = await testPipeline();
    all.push(at);
    for (const piece of pieces) at.media.append(piece);
    if (finished) at.media.finish();
    return at;
  };
  const spoken = (at: TestPipeline): Word[] => at.events.flatMap((event) => (event.type === 'words' ? event.words : []));

  it('[W25] stores and shows what was heard, and finds by it what an engine’s words would find', async () => {
    // every ten seconds somebody says "clip that"
    const order = (words: Word[]): Word[] => words.map((word) => ({ ...word, text: ['clip', 'that'][(word.startMs / 250) % 40] ?? word.text }));
    const engines = await recorded();
    const state = () => ({ name: 't', status: 'ok' as const, note: '', spentHour: 0, spentDay: 0, budgetHour: 0, budgetDay: 0 });
    await engines.start({ transcriber: { name: 't', kind: 'api', state, close: async () => {}, transcribe: async (audio) => ({ words: order(countedWords(audio)), untilMs: audio.endMs, language: 'en', model: 't' }) } }).ended;
    const said = await engines.repository.words(engines.sessionId);

    const mine = await recorded();
    const { inbox, heard } = opened();
    for (let fromMs = 0; fromMs < 92_000; fromMs += 8_000) inbox.put({ fromMs, untilMs: fromMs + 8_000, words: said.filter(({ startMs }) => startMs >= fromMs && startMs < fromMs + 8_000) });
    await mine.start({ clientWords: inbox }).ended;
    const found = async (at: TestPipeline) => (await at.repository.highlights(at.sessionId)).filter(({ state: is }) => is === 'refined').map(({ startMs, endMs, title, reasons }) => ({ startMs, endMs, title, phrases: reasons.filter(({ signal: name }) => name === 'phrase') }));
    expect(await found(mine)).toEqual(await found(engines));
    expect((await found(mine)).flatMap(({ phrases }) => phrases.map(({ text }) => text)).join()).toContain('clip that');
    const words = await mine.repository.words(mine.sessionId);
    expect(words.length).toBeGreaterThan(100);
    expect(words).toEqual(said);
    expect(spoken(mine)).toEqual(words);
    expect(heard.at(-1)).toBe(96_000);
  });

  it('[W26] loses and doubles no word when it is stopped between batches and storage fails before or after its effect', async () => {
    const at = await recorded(false);
    const { inbox } = opened();
    for (let fromMs = 0; fromMs < 92_000; fromMs += 4_000) inbox.put(stretch(fromMs, fromMs + 4_000));
    const repository = failing(at.repository, (method, nth) => (method === 'commitWords' && nth % 3 !== 0 ? { when: nth % 3 === 1 ? 'before' : 'after', error: transient() } : null));
    const first = at.start({ clientWords: inbox, repository });
    while ((await at.repository.cursor(at.sessionId)).wordsUntilMs < 30_000) await new Promise((resolve) => setTimeout(resolve, 2));
    await first.stop();
    at.media.finish();
    await at.start({ clientWords: inbox, repository }).ended;
    expect(texts(await at.repository.words(at.sessionId))).toEqual(texts(countedWords({ startMs: 0, endMs: 92_000 })));
  });

  it('[W24] says who transcribes while it waits, ends though nothing is heard, and its clips come all the same', async () => {
    const at = await recorded(false);
    const pipeline = at.start({ clientWords: opened().inbox, clock: hurriedClock });
    while (pipeline.stages().analyse.untilMs < 85_000) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(pipeline.stages().transcribe).toMatchObject({ status: 'waiting', note: RECORDER_TRANSCRIBES, untilMs: 0 });
    at.media.finish();
    const late = Date.now();
    await pipeline.ended;
    expect(Date.now() - late).toBeLessThan(LAST_WORDS_MS + 10_000);
    expect(pipeline.stages().transcribe.status).toBe('idle');
    expect((await at.repository.clips({ sessionId: at.sessionId, limit: 10 })).length).toBeGreaterThan(0);
  });
});
