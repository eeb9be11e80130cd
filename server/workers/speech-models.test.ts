import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FeatureExtractor } from '../media/audio-features.ts';
import { FRAME_SAMPLES } from '../media/pcm-frames.ts';
import { hasSherpa, hasTestdata, testdata } from '../testing/testdata.ts';
import { checkModels } from './model-check.ts';
import { openSoundModels } from './speech-models.ts';

const model = testdata('models/silero_vad_16k_op15.onnx');
const none = { vadModel: '', taggingModel: '' };

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clippy-models-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('sound models', () => {
  it('[X13] no model is no note; one that is missing or broken is a note and the energy gate', async () => {
    expect(await checkModels({ ...none, modelsDir: join(folder, 'nothing') })).toEqual({ models: { vad: '', taggingModel: '', taggingLabels: '' }, notes: [] });
    const broken = join(folder, 'silero_vad.onnx');
    await writeFile(broken, 'not a model');
    const { models, notes } = await checkModels({ vadModel: '', taggingModel: join(folder, 'absent.onnx'), modelsDir: folder });
    expect(models).toEqual({ vad: '', taggingModel: '', taggingLabels: '' });
    expect(notes[0]).toMatch(/energy gate: .*silero_vad\.onnx cannot be used .*npm run model -- silero-vad/);
    expect(notes[1]).toMatch(/no laughter signal: .*absent\.onnx/);
  });

  it.skipIf(!hasTestdata || !hasSherpa)('[X13] Silero passes its check and hears speech and its pauses (needs shared test data and sherpa-onnx-node)', async () => {
    const { models, notes } = await checkModels({ ...none, vadModel: model, modelsDir: folder });
    expect(notes).toEqual([]);
    const wav = await readFile(testdata('speech/jfk.wav'));
    const samples = Float32Array.from({ length: Math.floor((wav.length - 44) / 2) }, (_, i) => wav.readInt16LE(44 + 2 * i) / 32768);
    const features = new FeatureExtractor(1, openSoundModels(models));
    const voice: number[] = [];
    for (let at = 0; at + FRAME_SAMPLES <= samples.length; at += FRAME_SAMPLES) voice.push(features.push(at / 16, [samples.subarray(at, at + FRAME_SAMPLES)]).voice);
    const heard = (from: number, to: number): number => voice.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
    // "And so my fellow Americans" 0.4–2.2 s, pause 2.6–3.2 s, "ask not" 3.3–4.4 s
    expect(heard(5, 22)).toBeGreaterThan(0.9);
    expect(heard(26, 32)).toBeLessThan(0.2);
    expect(heard(36, 42)).toBeGreaterThan(0.6);
    expect(voice.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});
