// Target `providers`: what a speech engine may answer, right or not, through the reader of answers and both words lanes. Only
// `ZodError` for what is no answer; what is committed is in order, inside the recording, and text a viewer can decode.
import { ZodError } from 'zod';
import { decodeServerFrame, encodeFrame } from '../../../shared/codec.ts';
import type { SignalBin, Word } from '../../../shared/model.ts';
import { readAnswer } from '../../adapters/speech-answer.ts';
import { asProviderError } from '../../adapters/provider-error.ts';
import { createBell } from '../../pipeline/gauges.ts';
import type { WordsJob } from '../../pipeline/words-lane.ts';
import { createWordsLane } from '../../pipeline/words.ts';
import type { Transcriber } from '../../ports.ts';
import { createMemoryMediaLog } from '../media-log.memory.ts';
import { type Chance, chanceOf } from './chance.ts';
import { type Finding, type FuzzOptions, type FuzzReport, MAX_FINDINGS, numbers, tally } from './fuzz.ts';
import { HOSTILE_TEXTS } from './texts.ts';

const RECORDING_MS = 60_000;
const TIMES = [NaN, Infinity, -Infinity, -1, -59, 0, 1e-9, 3, 14.9, 15, 16, 59, 86_399, 86_401, 1e300, '5', null, undefined];

const oddTime = (chance: Chance): unknown => (chance.often(0.6) ? chance.next() * 16 : chance.pick(TIMES));
const oddText = (chance: Chance): unknown => (chance.often(0.7) ? chance.pick(['so', 'we', 'won', 'no', 'way!', 'Clip', 'that.']) : chance.often(0.9) ? chance.pick(HOSTILE_TEXTS) : chance.pick([null, 7, {}, []]));

const answerOf = (chance: Chance): unknown => {
  const words = (): unknown => Array.from({ length: chance.often(0.02) ? 25_000 : chance.below(40) }, () => ({ word: oddText(chance), start: oddTime(chance), end: oddTime(chance), probability: 'x' }));
  const segments = (): unknown => Array.from({ length: chance.below(6) }, () => ({
    text: chance.often(0.1) ? 'word '.repeat(chance.below(5_000)) : Array.from({ length: chance.below(12) }, () => oddText(chance)).join(' '), start: oddTime(chance), end: oddTime(chance),
    ...(chance.often(0.5) ? { avg_logprob: chance.pick([-0.1, -5, NaN, 1e300, 'x', null]), no_speech_prob: chance.pick([0, 1, -3, NaN, null]), compression_ratio: chance.pick([1, 9, Infinity]) } : {}),
  }));
  switch (chance.below(8)) {
    case 0: return chance.pick<unknown>([null, undefined, 'text', 12, [], {}, { text: null }, { error: { message: 'x' } }, '{"text":']);
    case 1: return { text: chance.pick([...HOSTILE_TEXTS, 'x'.repeat(99_000), 'x '.repeat(49_000), 'x'.repeat(200_000)]) };
    case 2: return { text: '', segments: segments() };
    // as it comes off the wire: no NaN, no undefined
    case 3: return JSON.parse(JSON.stringify({ text: 'x', words: words(), segments: segments() })) as unknown;
    default: return { text: chance.pick(HOSTILE_TEXTS), words: words(), ...(chance.often(0.5) ? { segments: segments() } : {}), language: chance.pick(['en', '', null, 'x'.repeat(200)]) };
  }
};

/** A local engine is code of others too, and no schema stands before it. */
const localWords = (chance: Chance, audio: { startMs: number; endMs: number }): Word[] =>
  Array.from({ length: chance.below(40) }, () => {
    const startMs = chance.often(0.7) ? audio.startMs + chance.next() * (audio.endMs - audio.startMs) : (chance.pick([NaN, Infinity, -1e9, 0, 1e12]));
    return { text: String(oddText(chance)), startMs, endMs: chance.often(0.7) ? startMs + chance.below(800) : chance.pick([NaN, -1, 1e12, startMs]), confidence: chance.pick([0.5, 1, -3, 7, NaN]) };
  });

/** What a viewer could not decode, or undefined. */
export const wireFault = (frame: Parameters<typeof encodeFrame>[0]): string | undefined => {
  try {
    decodeServerFrame(Uint8Array.from(encodeFrame(frame)));
    return undefined;
  } catch (error) {
    return `no viewer can decode it: ${String(error).slice(0, 300)}`;
  }
};

const wordsFault = (words: readonly Word[]): string | undefined => {
  let lastMs = 0;
  for (const { text, startMs, endMs, confidence } of words) {
    if (!(startMs >= lastMs && endMs >= startMs && endMs <= RECORDING_MS)) return `a word from ${startMs} to ${endMs} ms after one at ${lastMs} ms of ${RECORDING_MS}`;
    if (!(confidence >= 0 && confidence <= 1)) return `a word said with confidence ${confidence}`;
    if (text.trim() === '') return 'a word without text';
    lastMs = startMs;
  }
  return wireFault({ t: 'event', topic: 'session:S', event: { type: 'words', sessionId: 'S', words: [...words] } });
};

const noIndex = { addInit: () => {}, addFragments: () => {}, addKeyframes: () => {}, parts: () => [], fragmentAt: () => null, fragmentAfter: () => null, keyframeBefore: () => null, indexedTo: () => 0, flush: async () => {} };

const caseFault = async (chance: Chance, outcome: (name: string) => void): Promise<string | undefined> => {
  const local = chance.often(0.3);
  const speech = Array.from({ length: RECORDING_MS / 1_000 }, (_, second): SignalBin => ({ second, values: [], speech: chance.often(0.8) ? 0x3ff : 0 }));
  const bell = createBell();
  let wrong: string | undefined;
  const transcriber: Transcriber = {
    name: 'fuzz', kind: local ? 'local' : 'api', close: async () => {}, state: () => ({ name: 'fuzz', status: 'ok', note: '', spentHour: 0, spentDay: 0, budgetHour: 0, budgetDay: 0 }),
    transcribe: async (audio) => {
      if (local) return { words: localWords(chance, audio), untilMs: audio.endMs, language: '', model: 'm' };
      const { words, language } = readAnswer(answerOf(chance), audio);
      return { words, untilMs: audio.endMs, language, model: 'm' };
    },
  };
  const lane = createWordsLane({
    media: createMemoryMediaLog(), index: noIndex, decodePcm: async () => new Float32Array(0), transcriber, language: null, priority: 5, paddingMs: 200,
    fromMs: 0, saved: [], holes: [], known: () => ({ untilMs: RECORDING_MS, ended: true }), changed: (signal) => bell.wait(signal),
  });
  lane.learn(speech);
  const signal = AbortSignal.timeout(10_000);
  const committed: Word[] = [];
  const hear = async (job: WordsJob): Promise<Word[]> => {
    try {
      return (await lane.transcribe(job, signal)).words;
    } catch (error) {
      if (!(error instanceof ZodError)) throw error;
      const failure = asProviderError('fuzz', error, { timedOut: false, now: 0 });
      outcome(`refused ${failure.kind}`);
      wrong ??= failure.kind === 'garbage' ? wireFault({ t: 'event', topic: 'system', event: { type: 'notice', sessionId: null, level: 'warning', code: 'x', message: failure.message, at: 0 } }) : `an answer that breaks the schema became ${failure.kind}`;
      return lane.nothing(job).words;
    }
  };
  let jobs = 0;
  for (let job = await lane.next(signal); job; job = await lane.next(signal)) {
    committed.push(...(await hear(job)));
    if ((jobs += 1) > 1_000) return 'the lane does not end';
  }
  outcome(local ? 'heard locally' : 'heard');
  return wrong ?? wordsFault(committed);
};

export const fuzzProviders = async (options: FuzzOptions): Promise<FuzzReport> => {
  const findings: Finding[] = [];
  const outcomes = tally();
  let done = 0;
  const beganAt = performance.now();
  for (const number of numbers(options)) {
    const wrong = await caseFault(chanceOf(options.seed, number), outcomes.add).catch((error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)));
    if (wrong !== undefined) findings.push({ number, what: wrong, input: '' });
    done += 1;
    if (findings.length >= MAX_FINDINGS) break;
  }
  return { target: 'providers', seed: options.seed, runs: done, findings, summary: `${outcomes.line()}; ${Math.round(done / ((performance.now() - beganAt) / 1_000))} recordings a second` };
};
