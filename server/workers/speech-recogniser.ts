// A model folder as sherpa-onnx's recogniser, and its answers as words. The library is loaded on first use only.
import { createRequire } from 'node:module';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { StartError } from '../errors.ts';
import { PCM_RATE } from '../media/pcm-frames.ts';

/** `model.json` of a model folder. Without one the files tell what it is. */
export const modelFile = z.object({
  name: z.string().optional(),
  type: z.enum(['whisper', 'moonshine', 'transducer', 'ctc']),
  /** role → file name: encoder, decoder, joiner, preprocessor, uncachedDecoder, cachedDecoder, model */
  files: z.record(z.string(), z.string()),
  tokens: z.string(),
  language: z.string().optional(),
});
export type ModelFile = z.infer<typeof modelFile>;

/** `startS` seconds into the audio; `endS` null where the engine gives only beginnings. */
export type HeardWord = { text: string; startS: number; endS: number | null };
/** Without word times `words` is empty. */
export type Heard = { text: string; words: HeardWord[]; language: string };

type Result = { text?: string; tokens?: string[]; timestamps?: number[]; durations?: number[]; lang?: string };
type Recogniser = { createStream(): { acceptWaveform(wave: { samples: Float32Array; sampleRate: number }): void }; decode(stream: unknown): void; getResult(stream: unknown): Result };
/** The part of sherpa-onnx-node used here; it ships no type declarations. */
type Sherpa = { OfflineRecognizer: new (config: object) => Recogniser };

const pick = (files: string[], pattern: RegExp): string | undefined => files.filter((file) => pattern.test(file)).sort((one, other) => Number(/int8/.test(other)) - Number(/int8/.test(one)) || one.localeCompare(other))[0];

/** What the files of a sherpa-onnx release are: int8 where both are there. */
export const guessModel = (files: string[]): ModelFile | null => {
  const tokens = pick(files, /tokens\.txt$/);
  if (!tokens) return null;
  const of = (roles: Record<string, RegExp>): Record<string, string> | null => {
    const found = Object.entries(roles).map(([role, pattern]) => [role, pick(files, pattern)] as const);
    return found.every(([, file]) => file) ? Object.fromEntries(found.map(([role, file]) => [role, file ?? ''])) : null;
  };
  const moonshine = of({ preprocessor: /preprocess.*\.onnx$/, encoder: /encode(?!r?.*decod).*\.onnx$/, uncachedDecoder: /uncached_decode.*\.onnx$/, cachedDecoder: /(?<!un)cached_decode.*\.onnx$/ });
  if (moonshine) return { type: 'moonshine', files: moonshine, tokens };
  const transducer = of({ encoder: /encoder.*\.onnx$/, decoder: /decoder.*\.onnx$/, joiner: /joiner.*\.onnx$/ });
  if (transducer) return { type: 'transducer', files: transducer, tokens };
  const whisper = of({ encoder: /encoder.*\.onnx$/, decoder: /decoder.*\.onnx$/ });
  if (whisper) return { type: 'whisper', files: whisper, tokens };
  const ctc = of({ model: /model.*\.onnx$/ });
  return ctc ? { type: 'ctc', files: ctc, tokens } : null;
};

/** Throws StartError: no folder, no model in it, a bad model.json, a file it names that is missing. */
export const readModelFolder = async (folder: string): Promise<ModelFile> => {
  const remedy = 'get one with: npm run model -- NAME, and set CLIPPY_SPEECH_MODEL to its folder';
  const files = await readdir(folder).catch((cause: unknown) => {
    throw new StartError(`the speech model folder ${folder} cannot be read`, remedy, { cause });
  });
  if (!files.includes('model.json')) {
    const guessed = guessModel(files);
    if (!guessed) throw new StartError(`${folder} holds no speech model (tokens.txt and Whisper, Moonshine, transducer or CTC files)`, remedy);
    return guessed;
  }
  try {
    const model = modelFile.parse(JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')));
    const missing = [...Object.values(model.files), model.tokens].find((file) => !files.includes(file));
    if (missing) throw new Error(`${missing} is missing`);
    return model;
  } catch (cause) {
    throw new StartError(`${join(folder, 'model.json')}: ${cause instanceof Error ? cause.message.replace(/\s+/g, ' ').slice(0, 300) : String(cause)}`, remedy, { cause });
  }
};

const configOf = (folder: string, model: ModelFile, threads: number): object => {
  const files = Object.fromEntries(Object.entries(model.files).map(([role, file]) => [role, join(folder, file)]));
  const kinds: Record<ModelFile['type'], object> = {
    whisper: { whisper: { ...files, language: model.language ?? '', task: 'transcribe', tailPaddings: -1 } },
    moonshine: { moonshine: files },
    transducer: { transducer: files, modelType: 'nemo_transducer' },
    ctc: { nemoCtc: files },
  };
  return { featConfig: { sampleRate: PCM_RATE, featureDim: 80 }, modelConfig: { ...kinds[model.type], tokens: join(folder, model.tokens), numThreads: threads, provider: 'cpu', debug: 0 } };
};

/** Tokens are pieces of words: one that begins with a space (or SentencePiece's ▁) begins a word. */
export const wordsOfTokens = (result: Result): HeardWord[] => {
  const { tokens = [], timestamps = [], durations = [] } = result;
  if (tokens.length === 0 || timestamps.length !== tokens.length) return [];
  const words: HeardWord[] = [];
  for (const [i, token] of tokens.entries()) {
    const startS = timestamps[i] ?? 0;
    const duration = durations[i];
    const endS = duration === undefined ? null : startS + duration;
    const text = token.replace(/▁/g, ' ');
    const last = words.at(-1);
    if (!last || /^\s/.test(text)) words.push({ text: text.trim(), startS, endS });
    else {
      last.text += text.trimEnd();
      last.endS = endS;
    }
  }
  return words.filter((word) => word.text !== '');
};

/** Loads the model; a broken one ends the process, which is why this runs in a child (inference-child.ts). */
export const openRecogniser = (folder: string, model: ModelFile, threads: number): ((samples: Float32Array) => Heard) => {
  const sherpa = createRequire(import.meta.url)('sherpa-onnx-node') as Sherpa;
  const recogniser = new sherpa.OfflineRecognizer(configOf(folder, model, threads));
  return (samples) => {
    const stream = recogniser.createStream();
    stream.acceptWaveform({ samples, sampleRate: PCM_RATE });
    recogniser.decode(stream);
    const result = recogniser.getResult(stream);
    return { text: (result.text ?? '').trim(), words: wordsOfTokens(result), language: result.lang || (model.language ?? '') };
  };
};
