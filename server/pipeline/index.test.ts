import { seededRandom } from '../../shared/testing/random.ts';
import { readdirSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LivePiece } from '../../scripts/live-media.ts';
import { type Highlight, STAGES, type SignalBin } from '../../shared/model.ts';
import { FEATURES_OFF, openPacketActivity } from '../adapters/audio-analyser.packets.ts';
import type { JudgeQuestion, StoredClip, Transcriber, Verdict } from '../ports.ts';
import { countedWords } from '../testing/counted-words.ts';
import { demoFile, failing, piecesOf, realTool, type TestPipeline, testPipeline, transient } from '../testing/pipeline-fixture.ts';
import { cutLetterId } from './index.ts';
import type { MediaLog } from './media-log.ts';

let pieces: LivePiece[] = [];
const open: TestPipeline[] = [];
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => { unhandled.push(reason); };

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  pieces = await piecesOf(demoFile);
});
afterAll(() => {
  process.off('unhandledRejection', onUnhandled);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

const recorded = async ({ finished = true, until = Infinity } = {}): Promise<TestPipeline> => {
  const at = await testPipeline();
  open.push(at);
  for (const piece of pieces) if (piece.startMs < until) at.media.append(piece);
  if (finished) at.media.finish();
  return at;
};
const clipsOf = async (at: TestPipeline): Promise<StoredClip[]> => (await at.repository.clips({ sessionId: at.sessionId, limit: 100 })).toSorted((a, b) => a.startMs - b.startMs);
/** what must not depend on how the pipeline got there */
const shapes = (clips: StoredClip[]) => clips.map(({ id, state, startMs, endMs, score }) => ({ id, state, startMs, endMs, score }));
const temporary = (at: TestPipeline): string[] => (existsSync(join(at.dir, 'temp')) ? readdirSync(join(at.dir, 'temp')) : []);

let plain: Awaited<ReturnType<typeof undisturbed>> | null = null;
const undisturbed = async (): Promise<{ clips: StoredClip[]; bins: SignalBin[]; highlights: Highlight[] }> => {
  if (plain) return plain;
  const at = await recorded();
  await at.start().ended;
  return (plain = { clips: await clipsOf(at), bins: await at.repository.bins(at.sessionId), highlights: await at.repository.highlights(at.sessionId) });
};
const expectUndisturbed = async (at: TestPipeline): Promise<void> => {
  const { clips, bins } = await undisturbed();
  expect(shapes(await clipsOf(at))).toEqual(shapes(clips));
  const seconds = (await at.repository.bins(at.sessionId)).map(({ second }) => second);
  expect(seconds).toEqual(bins.map(({ second }) => second));
  const keys = await at.keys();
  expect(keys).toEqual(expect.arrayContaining((await clipsOf(at)).flatMap(({ mediaKey, thumbnailKey }) => [mediaKey, thumbnailKey])));
  expect(temporary(at)).toEqual([]);
};

describe('startPipeline on the demo recording', () => {
  it('makes clips that decode, have their length, a thumbnail and handles; every stage ends empty and without lag', async () => {
    const at = await recorded();
    const pipeline = at.start();
    await pipeline.ended;
    const clips = await clipsOf(at);
    expect(clips.length).toBeGreaterThanOrEqual(1);
    for (const clip of clips) {
      const file = join(at.dir, `${clip.id}.mp4`);
      writeFileSync(file, await at.objectStore.read(clip.mediaKey));
      const look = await realTool.verify(file, { container: 'mp4' }, AbortSignal.timeout(30_000));
      expect(look.errors).toEqual([]);
      expect(Math.abs(look.durationMs - (clip.endMs - clip.startMs))).toBeLessThan(100);
      expect([...(await at.objectStore.read(clip.thumbnailKey)).subarray(0, 2)]).toEqual([0xff, 0xd8]);
      expect(clip.state).toBe('refined');
      expect(clip.handleBeforeMs + clip.handleAfterMs).toBeGreaterThan(0);
    }
    const stages = pipeline.stages();
    expect(STAGES.map((name) => stages[name].depth)).toEqual(STAGES.map(() => 0));
    expect(stages.transcribe).toMatchObject({ status: 'off', note: 'transcription is off', lagMs: 0 });
    for (const name of ['decode', 'extract'] as const) expect(stages[name].lagMs).toBeLessThan(200);
    for (const name of ['analyse', 'cut', 'archive'] as const) expect(stages[name].lagMs).toBeLessThan(1_100);
    expect((await at.repository.cursor(at.sessionId)).signalsUntilMs).toBeGreaterThanOrEqual(91_000);
    expect(at.events.filter((event) => event.type === 'clip').length).toBeGreaterThanOrEqual(clips.length);
    await expectUndisturbed(at);
  });

  it('[S1] stopped in the middle and started again, twice, it makes the same clips and doubles none', async () => {
    const at = await recorded({ until: 52_000, finished: false });
    for (const until of [52_000, 70_000]) {
      const pipeline = at.start();
      while (pipeline.stages().archive.untilMs < until - 6_000) await new Promise((resolve) => setTimeout(resolve, 5));
      await pipeline.stop();
      for (const piece of pieces) if (piece.startMs >= until && piece.startMs < until + 18_000) at.media.append(piece);
    }
    for (const piece of pieces) if (piece.startMs >= 88_000) at.media.append(piece);
    at.media.finish();
    await at.start().ended;
    expect(await at.repository.deadLetters(at.sessionId)).toEqual([]);
    await expectUndisturbed(at);
  });

  it('storage that fails before and after its effect is waited for; nothing is lost or doubled', async () => {
    const at = await recorded();
    const storage = new Set(['saveClip', 'saveHighlight', 'commitBins', 'clip', 'highlights', 'putFile', 'put']);
    const seed = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 100_000);
    console.log(`seed ${seed}`);
    const random = seededRandom(seed);
    const fault = (method: string) => (storage.has(method) && random() < 0.3 ? { when: random() < 0.5 ? 'before' as const : 'after' as const, error: transient() } : null);
    const pipeline = at.start({ repository: failing(at.repository, fault), objectStore: failing(at.objectStore, fault) });
    await pipeline.ended;
    await expectUndisturbed(at);
    const shown = new Set(at.events.flatMap((event) => (event.type === 'clip' ? [`${event.clip.id} ${event.clip.version}`] : [])));
    for (const clip of await clipsOf(at)) expect(shown).toContain(`${clip.id} ${clip.version}`);
    expect(await at.repository.deadLetters(at.sessionId)).toEqual([]);
  });

  it('[S2] a clip that never cuts becomes one dead letter, the rest goes on; without the letter the next start cuts it', async () => {
    const { clips } = await undisturbed();
    const victim = clips[0]?.id ?? '';
    const at = await recorded();
    const tool = { ...realTool, verify: async (...args: Parameters<typeof realTool.verify>) => ({ ...(await realTool.verify(...args)), ...(args[0].includes(victim) ? { errors: ['broken'] } : {}) }) };
    const fault = (method: string, nth: number) => (method === 'addDeadLetter' && nth < 3 ? { when: 'before' as const, error: transient() } : null);
    await at.start({ tool, repository: failing(at.repository, fault) }).ended;
    const letters = await at.repository.deadLetters(at.sessionId);
    const highlight = (await at.repository.highlights(at.sessionId)).find(({ id }) => id === victim);
    expect(letters.length).toBeGreaterThanOrEqual(1);
    expect(new Set(letters.map(({ id }) => id)).size).toBe(letters.length);
    expect(letters.at(-1)).toMatchObject({ id: cutLetterId(highlight ?? { id: '', version: 0 }), stage: 'cut', attempts: 3, code: 'media_malformed' });
    expect(shapes(await clipsOf(at))).toEqual(shapes(clips.filter(({ id }) => id !== victim)));
    expect(temporary(at)).toEqual([]);

    await at.start({ tool }).ended;
    expect(await at.repository.deadLetters(at.sessionId)).toEqual(letters);
    for (const { id } of letters) await at.repository.removeDeadLetter(id);
    await at.start().ended;
    await expectUndisturbed(at);
  });

  it('[S4] a cut owed from before a crash waits until what the media index lost with it is read again (crash rounds, seed 11, round 8)', async () => {
    const { highlights, clips } = await undisturbed();
    const at = await recorded();
    for (const highlight of highlights) await at.repository.saveHighlight({ ...highlight, sessionId: at.sessionId });
    const slow: MediaLog = Object.create(at.media, { pull: { value: (...args: Parameters<MediaLog['pull']>) => new Promise((resolve) => { setTimeout(resolve, 50); }).then(() => at.media.pull(...args)) } });
    await at.start({ media: slow }).ended;
    expect(await at.repository.deadLetters(at.sessionId)).toEqual([]);
    expect((await clipsOf(at)).map(({ id }) => id)).toEqual(clips.map(({ id }) => id));
  });

  it('[S9] stop() while everything is busy settles, leaves nothing running, and `ended` does not reject', async () => {
    const at = await recorded();
    let inside = 0;
    let began = (): void => {};
    const busy = new Promise<void>((resolve) => { began = resolve; });
    const tool = { ...realTool, verify: async (...args: Parameters<typeof realTool.verify>) => {
      inside += 1;
      began();
      return realTool.verify(...args).finally(() => { inside -= 1; });
    } };
    const pipeline = at.start({ tool });
    await busy;
    await pipeline.stop();
    expect(inside).toBe(0);
    await pipeline.ended;
    const early = at.start();
    await early.stop();
    await early.ended;
  });

  it('[A7] a vetoed highlight loses its clip, also one vetoed just before the process died; a pinned clip stays', async () => {
    const at = await recorded();
    await at.start().ended;
    const clips = await clipsOf(at);
    const [first] = clips;
    if (!first) throw new Error('the demo has no clip');
    const second: StoredClip = { ...first, id: 'PINNED', pinned: true };
    const [highlight] = (await at.repository.highlights(at.sessionId)).filter(({ id }) => id === first.id);
    if (!highlight) throw new Error('the clip has no highlight');
    await at.repository.saveHighlight({ ...highlight, id: 'PINNED', version: highlight.version + 1, state: 'vetoed' });
    await at.repository.saveClip(second);
    await at.repository.saveHighlight({ ...highlight, version: highlight.version + 1, state: 'vetoed' });
    await at.start().ended;
    expect((await clipsOf(at)).map(({ id }) => id).toSorted()).toEqual([...clips.slice(1).map(({ id }) => id), 'PINNED'].toSorted());
    expect((await at.keys()).filter((key) => key.includes(first.id))).toEqual([]);
    expect(at.events).toContainEqual({ type: 'clipDeleted', sessionId: at.sessionId, clipId: first.id });
  });

  const state = () => ({ name: 'j', status: 'ok' as const, note: '', spentHour: 0, spentDay: 0, budgetHour: 0, budgetDay: 0 });
  const transcriber: Transcriber = { name: 't', kind: 'api', state, close: async () => {}, transcribe: async (audio) => ({ words: countedWords(audio), untilMs: audio.endMs, language: 'en', model: 't' }) };

  it('[W1] stopped between windows, nothing is said twice and the words cursor reaches the end', async () => {
    const at = await recorded();
    const first = at.start({ transcriber });
    while ((await at.repository.cursor(at.sessionId)).wordsUntilMs < 30_000) await new Promise((resolve) => setTimeout(resolve, 2));
    await first.stop();
    const second = at.start({ transcriber });
    await second.ended;
    const words = await at.repository.words(at.sessionId);
    expect(words.length).toBeGreaterThan(100);
    expect(new Set(words.map(({ text }) => text)).size).toBe(words.length);
    expect(words).toEqual(words.toSorted((a, b) => a.startMs - b.startMs));
    expect((await at.repository.cursor(at.sessionId)).wordsUntilMs).toBeGreaterThanOrEqual(at.media.state.durationMs);
    expect(second.stages().transcribe.depth).toBe(0);
  });

  it('[X17] without features nothing is decoded: all sound that is no silence is transcribed, and an order to clip becomes a clip', async () => {
    const at = await recorded();
    const heard: { startMs: number; endMs: number }[] = [];
    const orders = new Map([['word200', 'clip'], ['word201', 'that']]);
    const asked: Transcriber = { ...transcriber, transcribe: async (audio) => {
      heard.push({ startMs: audio.startMs, endMs: audio.endMs });
      return { words: countedWords(audio).map((word) => ({ ...word, text: orders.get(word.text) ?? word.text })), untilMs: audio.endMs, language: 'en', model: 't' };
    } };
    const decodePcm = (): never => { throw new Error('sound was decoded'); };
    const pipeline = at.start({ transcriber: asked, openAudio: openPacketActivity, featuresOff: FEATURES_OFF, decodePcm });
    await pipeline.ended;
    expect(pipeline.stages().extract).toMatchObject({ status: 'off', note: FEATURES_OFF, lagMs: 0 });
    expect((await at.repository.words(at.sessionId)).length).toBeGreaterThan(at.media.state.durationMs / 250 - 8);
    expect(Math.max(...heard.map(({ startMs, endMs }) => endMs - startMs))).toBeLessThanOrEqual(15_000);
    const clips = await clipsOf(at);
    expect(clips.map(({ reasons }) => reasons.map(({ text }) => text))).toEqual([['said “clip that”']]);
    expect(clips[0]?.startMs).toBeLessThan(50_000);
    expect(clips[0]?.endMs).toBeGreaterThan(50_450);
    const bins = await at.repository.bins(at.sessionId);
    expect(new Set(bins.map(({ values }) => values[0]))).toEqual(new Set([-70]));
    expect(bins.length).toBe((await undisturbed()).bins.length);

    const silent = await recorded();
    await silent.start({ openAudio: openPacketActivity, featuresOff: FEATURES_OFF }).ended;
    expect(await clipsOf(silent)).toEqual([]);
  });

  it('what the judge rejects is withdrawn with its objects; a judge that fails costs nothing', async () => {
    const at = await recorded();
    const judge = async ({ words }: JudgeQuestion): Promise<Verdict> => ({ keep: false, title: '', quote: words.slice(0, 3).map(({ text }) => text).join(' '), firstWords: '', lastWords: '', reason: 'dull' });
    await at.start({ transcriber, judge: { name: 'j', state, judge } }).ended;
    const vetoed = (await at.repository.highlights(at.sessionId)).filter((one) => one.state === 'vetoed').map(({ id }) => id);
    expect(vetoed.length).toBeGreaterThan(0);
    expect((await clipsOf(at)).filter(({ id }) => vetoed.includes(id))).toEqual([]);
    expect((await at.keys()).filter((key) => vetoed.some((id) => key.includes(id)))).toEqual([]);

    const failed = await recorded();
    await failed.start({ transcriber, judge: { name: 'j', state, judge: async () => { throw new Error('no answer'); } } }).ended;
    expect(new Set(failed.drops)).toEqual(new Set(['judge']));
    expect((await clipsOf(failed)).length).toBeGreaterThan(0);
  });
});

describe('startPipeline on what cannot be read', () => {
  it('bytes that are no container give one dead letter and an end', async () => {
    const at = await testPipeline();
    open.push(at);
    for (let i = 0; i < 5; i += 1) at.media.append({ bytes: new Uint8Array(50_000).fill(7), startMs: i * 1_000, durationMs: 1_000 });
    at.media.finish();
    await at.start().ended;
    await at.start().ended;
    expect(await at.repository.deadLetters(at.sessionId)).toMatchObject([{ stage: 'decode', code: 'media_unsupported', startMs: 0 }]);
  });
  it('a recording of no bytes ends without a dead letter', async () => {
    const at = await testPipeline();
    open.push(at);
    at.media.finish();
    await at.start().ended;
    expect(await at.repository.deadLetters(at.sessionId)).toEqual([]);
  });
});

describe('the suite above', () => {
  it('left no rejection unhandled', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });
});
