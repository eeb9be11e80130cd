import { afterEach, describe, expect, it } from 'vitest';
import { ZodError } from 'zod';
import type { Word } from '../../shared/model.ts';
import { systemClock } from '../clock.ts';
import type { AudioClip, Transcriber } from '../ports.ts';
import { startScriptedProvider, type ScriptedOptions, type ScriptedProvider } from '../testing/scripted-provider.ts';
import { createProviderGuard, type ProviderGuard } from './provider-guard.ts';
import { readAnswer, spreadWords } from './speech-answer.ts';
import { createTranscriber, type TranscriberSettings } from './transcriber.chain.ts';

const never = new AbortController().signal;
const script: Word[] = ['Clip', 'that,', 'no', 'way!', 'Did', 'you', 'see', 'it?'].map((text, i) => ({ text, startMs: 60_000 + i * 1_000, endMs: 60_600 + i * 1_000, confidence: 1 }));
const clip = (startMs: number, endMs: number): AudioClip => ({
  startMs,
  endMs,
  file: async () => ({ bytes: new Uint8Array(2_000), mime: 'audio/ogg', name: `clip-${startMs}-${endMs}.ogg` }),
  pcm: () => Promise.reject(new Error('API engines hear files')),
});

let cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(cleanups.map((cleanup) => cleanup()));
  cleanups = [];
});
const provider = async (options: Partial<ScriptedOptions> = {}): Promise<ScriptedProvider> => {
  const started = await startScriptedProvider({ words: script, ...options });
  cleanups.push(() => started.close());
  return started;
};
const guardOf = (name: string): ProviderGuard =>
  createProviderGuard({
    name,
    limits: { timeoutMs: 400, attempts: 2, requestsPerMinute: 1000, patienceMs: 2_000 },
    budget: { hourUsd: 1, dayUsd: 1 },
    book: { addSpend: async () => {}, spent: async () => 0 },
    // waits for a provider are real but a hundredth as long
    clock: { ...systemClock, after: (ms, run) => systemClock.after(ms === 400 ? ms : ms / 100, run) },
    random: () => 0.5,
  });
const settings: TranscriberSettings = { groqApiKey: '', groqBaseUrl: '', groqModels: ['whisper-large-v3-turbo'], openaiApiKey: '', openaiBaseUrl: '', openaiModels: ['whisper-1'], localModel: '', localThreads: 1 };
const notices: string[] = [];
const open = (given: Partial<TranscriberSettings>): Transcriber & { states(): { name: string; status: string }[] } => {
  notices.length = 0;
  const chain = createTranscriber({ ...settings, ...given }, { guard: guardOf, onNotice: ({ message }) => notices.push(message) });
  if (!chain) throw new Error('no engine');
  cleanups.push(() => chain.close());
  return chain;
};
const hear = (transcriber: Transcriber, startMs = 60_000, endMs = 70_000): ReturnType<Transcriber['transcribe']> => transcriber.transcribe(clip(startMs, endMs), { prompt: 'said before', language: 'en', priority: 3 }, never);
const texts = (words: Word[]): string => words.map((word) => word.text).join(' ');

describe('transcribers', () => {
  it('[W18] no engine is none', () => {
    expect(createTranscriber(settings, { guard: guardOf, onNotice: () => {} })).toBe(null);
  });

  it.each(['groq', 'openai'] as const)('[W18] %s: words in session time, spelt as the segment spells them', async (name) => {
    const server = await provider();
    const transcriber = open(name === 'groq' ? { groqApiKey: 'k', groqBaseUrl: server.groqUrl } : { openaiApiKey: 'k', openaiBaseUrl: server.url });
    const transcript = await hear(transcriber, 60_000, 64_000);
    expect(transcript.words.map(({ text, startMs, endMs }) => ({ text, startMs, endMs }))).toEqual(script.slice(0, 4).map(({ text, startMs, endMs }) => ({ text, startMs, endMs })));
    expect(transcript.words[0]?.confidence).toBeCloseTo(Math.exp(-0.2));
    expect(transcript).toMatchObject({ untilMs: 64_000, language: 'english', model: name === 'groq' ? 'whisper-large-v3-turbo' : 'whisper-1' });
    expect(server.requests).toEqual([{ path: '/openai/v1/audio/transcriptions', startMs: 60_000, endMs: 64_000, model: transcript.model, format: 'verbose_json', bytes: 2_000, prompt: 'said before' }]);
    expect(transcriber.kind).toBe('api');
  });

  it('[W18] a model without word times: words are spread over what it says, and that is remembered', async () => {
    const server = await provider({ untimed: ['tiny'] });
    const transcriber = open({ openaiBaseUrl: server.url, openaiModels: ['tiny'] });
    for (let i = 0; i < 2; i++) {
      const { words } = await hear(transcriber);
      expect(texts(words)).toBe(texts(script));
      expect(words.every((word, j) => word.startMs >= (words[j - 1]?.endMs ?? 60_000) && word.endMs <= 70_000)).toBe(true);
    }
    expect(server.requests.map((request) => request.format)).toEqual(['verbose_json', 'json', 'json']);
    expect(notices).toEqual(['openai: tiny gives no word times; words are spread over what it says']);
  });

  it('[W19] a model that is gone falls back to the next with a notice, then to the next engine', async () => {
    const server = await provider({ models: ['second', 'whisper-1'] });
    const transcriber = open({ groqApiKey: 'k', groqBaseUrl: server.groqUrl, groqModels: ['first', 'second'] });
    expect((await hear(transcriber)).model).toBe('second');
    expect((await hear(transcriber)).model).toBe('second');
    expect(server.requests.map((request) => request.model)).toEqual(['first', 'second', 'second']);
    expect(notices[0]).toMatch(/model first is gone .* second is used/);
    const gone = open({ groqApiKey: 'k', groqBaseUrl: server.groqUrl, groqModels: ['first'], openaiBaseUrl: server.url });
    expect((await hear(gone)).model).toBe('whisper-1');
    expect(gone.states()).toMatchObject([{ name: 'groq', status: 'off' }, { name: 'openai', status: 'ok' }]);
    expect(notices.at(-1)).toMatch(/transcription moved to openai: groq has none of the models first/);
  });

  it.each([
    ['429 with Retry-After', { mode: 'status', status: 429, retryAfter: '1' }],
    ['500', { mode: 'status', status: 500 }],
    ['garbage', { mode: 'garbage' }],
    ['a reset connection', { mode: 'reset' }],
    ['slowness', { mode: 'slow', ms: 100 }],
    ['no answer', { mode: 'never' }],
  ] as const)('[W13] recovers from %s', async (_, failure) => {
    const server = await provider();
    const transcriber = open({ groqApiKey: 'k', groqBaseUrl: server.groqUrl });
    server.failNext(failure);
    expect(texts((await hear(transcriber)).words)).toBe(texts(script));
    expect(server.requests.length).toBeGreaterThanOrEqual(failure.mode === 'slow' ? 1 : 2);
  });

  it('[W19] moves on while one engine is down and comes back to it', async () => {
    const [groq, openai] = [await provider(), await provider()];
    const transcriber = open({ groqApiKey: 'k', groqBaseUrl: groq.groqUrl, openaiBaseUrl: openai.url });
    groq.failAll({ mode: 'status', status: 503 });
    expect((await hear(transcriber)).model).toBe('whisper-1');
    expect(transcriber.state().name).toBe('openai');
    groq.failAll(null);
    expect((await hear(transcriber)).model).toBe('whisper-large-v3-turbo');
    expect(notices.map((notice) => notice.split(':')[0])).toEqual(['transcription moved to openai', 'transcription is with groq again']);
    openai.failAll({ mode: 'status', status: 500 });
    groq.failAll({ mode: 'status', status: 429, retryAfter: '900' });
    await expect(hear(transcriber)).rejects.toMatchObject({ name: 'ProviderError', kind: 'rate', retryAfterMs: 900_000 });
  });

  it('[W18] a request stops when its caller does', async () => {
    const server = await provider();
    const transcriber = open({ groqApiKey: 'k', groqBaseUrl: server.groqUrl });
    server.failAll({ mode: 'never' });
    const abort = new AbortController();
    const asked = transcriber.transcribe(clip(0, 10_000), { prompt: '', language: null, priority: 0 }, abort.signal);
    abort.abort(new Error('session closed'));
    await expect(asked).rejects.toThrow('session closed');
  });
});

describe('answers of speech APIs', () => {
  const audio = { startMs: 10_000, endMs: 20_000 };
  const segment = { text: ' go home', start: 1, end: 3, avg_logprob: -0.1, no_speech_prob: 0.1, compression_ratio: 1 };

  it('[W8] leaves out what the engine holds for silence, for a loop, or for a failed decoding', () => {
    const words = [{ word: 'go', start: 1, end: 2 }, { word: 'home', start: 2, end: 3 }];
    const heard = (more: object): string => texts(readAnswer({ text: 'go home', words, segments: [{ ...segment, ...more }] }, audio).words);
    expect(heard({})).toBe('go home');
    expect(heard({ no_speech_prob: 0.97 })).toBe('');
    expect(heard({ no_speech_prob: 0.7, avg_logprob: -1.2 })).toBe('');
    expect(heard({ no_speech_prob: 0.7 })).toBe('go home');
    expect(heard({ compression_ratio: 2.6, avg_logprob: -1.2 })).toBe('');
    expect(texts(readAnswer({ text: 'go home', segments: [{ ...segment, no_speech_prob: 0.97 }] }, audio).words)).toBe('');
  });

  it('[W20] refuses what is not an answer', () => {
    for (const bad of [null, 'text', {}, { text: 5 }, { text: 'a', words: [{ word: 'a', start: 'x', end: 1 }] }, { text: 'a', words: [{ word: 'a', start: 1e12, end: 1 }] }]) expect(() => readAnswer(bad, audio)).toThrow(ZodError);
  });

  it('[W20] spreads words by their letters', () => {
    expect(spreadWords('a  bbb', { startMs: 0, endMs: 600, confidence: 1 })).toEqual([
      { text: 'a', startMs: 0, endMs: 200, confidence: 1 },
      { text: 'bbb', startMs: 200, endMs: 600, confidence: 1 },
    ]);
    expect(spreadWords('  ', { startMs: 0, endMs: 600, confidence: 1 })).toEqual([]);
  });
});
