import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ProviderError } from '../errors.ts';
import type { AudioClip, Transcriber } from '../ports.ts';
import { hasSherpa } from '../testing/testdata.ts';
import { toneSpeech, writeToneModel } from '../testing/tone-model.ts';
import { openInference } from '../workers/inference.ts';
import { guessModel, readModelFolder, wordsOfTokens } from '../workers/speech-recogniser.ts';
import { sherpaTranscriber } from './transcriber.sherpa.ts';

const never = new AbortController().signal;
const asked = { prompt: '', language: null, priority: 5 };
const clip = (startMs: number, samples: Float32Array): AudioClip => ({
  startMs,
  endMs: startMs + samples.length / 16,
  file: () => Promise.reject(new Error('local engines hear PCM')),
  pcm: () => Promise.resolve(samples),
});

let folder = '';
let open: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clippy-asr-'));
  await writeToneModel(join(folder, 'tones'));
});
afterEach(async () => {
  await Promise.all(open.map((each) => each.close()));
  open = [];
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const local = (name: string): Transcriber => {
  const transcriber = sherpaTranscriber({ modelFolder: join(folder, name), threads: 1 });
  open.push(transcriber);
  return transcriber;
};

describe('local speech', () => {
  it.skipIf(!hasSherpa)('[W11] a real model in a child process gives words in session time (needs sherpa-onnx-node)', async () => {
    const transcriber = local('tones');
    const said = toneSpeech(5, [['clip', 1], ['that', 1.6], ['no', 3], ['way', 3.5]]);
    const { words, untilMs, model, language } = await transcriber.transcribe(clip(60_000, said), asked, never);
    expect(words.map((word) => word.text).join(' ')).toBe('clip that no way');
    for (const [i, at] of [61_000, 61_600, 63_000, 63_500].entries()) expect(Math.abs((words[i]?.startMs ?? 0) - at)).toBeLessThan(60);
    for (const [i, word] of words.entries()) expect(word.endMs).toBeLessThanOrEqual(words[i + 1]?.startMs ?? untilMs);
    expect({ untilMs, model, language }).toEqual({ untilMs: 65_000, model: 'tones', language: 'en' });
    expect((await transcriber.transcribe(clip(0, new Float32Array(16_000)), asked, never)).words).toEqual([]);
    expect(transcriber.state()).toMatchObject({ name: 'local', status: 'ok', note: 'tones' });
  });

  it.skipIf(!hasSherpa)('[W12] a child that dies costs its request; the next starts another (needs sherpa-onnx-node)', async () => {
    const inference = openInference({ name: 'local', modelFolder: join(folder, 'tones'), threads: 1, timeoutMs: 20_000 });
    open.push(inference);
    const said = toneSpeech(1, [['no', 0.2]]);
    expect((await inference.recognise(said, 5, never)).text).toBe('no');
    // not samples at all, which the types forbid: an error of the child, not its death
    const poison = inference.recognise('nothing' as unknown as Float32Array, 5, never);
    await expect(poison).rejects.toMatchObject({ kind: 'server' });
    const abort = new AbortController();
    const first = inference.recognise(said, 5, never);
    const gone = inference.recognise(said, 5, abort.signal);
    const [late, soon] = [inference.recognise(said, 9, never), inference.recognise(said, 0, never)];
    abort.abort(new Error('left'));
    await expect(gone).rejects.toThrow('left');
    const order: string[] = [];
    await Promise.all([first, late.then(() => order.push('late')), soon.then(() => order.push('soon'))]);
    expect(order).toEqual(['soon', 'late']);
  });

  it.skipIf(!hasSherpa)('[W12] a broken model is a typed refusal, not a crash of the server (needs sherpa-onnx-node)', async () => {
    await writeToneModel(join(folder, 'broken'));
    await writeFile(join(folder, 'broken', 'model.onnx'), 'not a model');
    const transcriber = local('broken');
    const failed = await transcriber.transcribe(clip(0, new Float32Array(16_000)), asked, never).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ProviderError);
    expect(failed).toMatchObject({ kind: 'off' });
    expect(String(failed)).toMatch(/cannot be loaded/);
    expect(transcriber.state().status).toBe('off');
  });

  it('[W12] an absent model says how to get one', async () => {
    await expect(readModelFolder(join(folder, 'absent'))).rejects.toThrow(/npm run model -- NAME/);
    await writeToneModel(join(folder, 'partial'));
    await rm(join(folder, 'partial', 'model.onnx'));
    await expect(readModelFolder(join(folder, 'partial'))).rejects.toThrow(/model\.onnx is missing/);
    const transcriber = local('absent');
    await expect(transcriber.transcribe(clip(0, new Float32Array(1_600)), asked, never)).rejects.toMatchObject({ kind: 'off' });
  });

  it('[W11] tells models by their files, smaller ones first', () => {
    expect(guessModel(['tiny.en-encoder.onnx', 'tiny.en-encoder.int8.onnx', 'tiny.en-decoder.int8.onnx', 'tiny.en-tokens.txt'])).toEqual({
      type: 'whisper',
      files: { encoder: 'tiny.en-encoder.int8.onnx', decoder: 'tiny.en-decoder.int8.onnx' },
      tokens: 'tiny.en-tokens.txt',
    });
    expect(guessModel(['preprocess.onnx', 'encode.int8.onnx', 'uncached_decode.int8.onnx', 'cached_decode.int8.onnx', 'tokens.txt'])).toMatchObject({
      type: 'moonshine',
      files: { encoder: 'encode.int8.onnx', uncachedDecoder: 'uncached_decode.int8.onnx', cachedDecoder: 'cached_decode.int8.onnx' },
    });
    expect(guessModel(['encoder.int8.onnx', 'decoder.int8.onnx', 'joiner.int8.onnx', 'tokens.txt'])?.type).toBe('transducer');
    expect(guessModel(['model.int8.onnx', 'tokens.txt'])?.type).toBe('ctc');
    expect(guessModel(['readme.md'])).toBe(null);
  });

  it('[W11] joins tokens into words, with either word mark', () => {
    expect(wordsOfTokens({ tokens: [' Go', ' for', 'ward', '.'], timestamps: [0.1, 0.5, 0.7, 0.9], durations: [0.2, 0.2, 0.2, 0.1] })).toEqual([
      { text: 'Go', startS: 0.1, endS: 0.1 + 0.2 },
      { text: 'forward.', startS: 0.5, endS: 1 },
    ]);
    expect(wordsOfTokens({ tokens: ['▁no', '▁way'], timestamps: [1, 2] }).map((word) => [word.text, word.endS])).toEqual([['no', null], ['way', null]]);
    expect(wordsOfTokens({ text: 'no times', tokens: ['no', 'times'], timestamps: [] })).toEqual([]);
  });
});
