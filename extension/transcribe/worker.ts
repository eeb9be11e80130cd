// The engine in a worker of its own: whisper.cpp as WebAssembly (@transcribe/shout). It answers `init` for any file and is silent
// when it crashes, so a model counts as loaded only when it has heard a second of noise, and the transcriber waits with time-outs.
import { checkModelHead, HEAD_BYTES } from './model-head.ts';
import { TranscribeError } from './transcribe-error.ts';
import type { EngineSegment, FromWorker, ToWorker } from './worker-messages.ts';

/** The part of the module that is used here. */
type Engine = {
  FS_createDataFile(folder: string, name: string, bytes: Uint8Array, read: boolean, write: boolean): void;
  FS_unlink(path: string): void;
  init(file: string, alignment: string): void;
  /** 0: under way, `onTranscribed` follows; below: refused */
  transcribe(pcm: Float32Array, language: string, threads: number, translate: boolean, maxLength: number, splitOnWord: boolean, suppressNonSpeech: boolean, tokenTimes: boolean): number;
};
type CreateEngine = (settings: object) => Promise<Engine>;

const FILE = 'model.bin';
const RATE = 16_000;
const KEPT_LINES = 8;

const lines: string[] = [];
const print = (line: string): void => {
  lines.push(line);
  if (lines.length > KEPT_LINES) lines.shift();
};
let engine: Engine | null = null;
let settings = { threads: 1, language: 'auto' };
let heard = Promise.withResolvers<EngineSegment[]>();

// oxlint-disable-next-line require-post-message-target-origin -- a worker's only listener is who made it
const tell = (message: FromWorker): void => self.postMessage(message);
const fail = (code: TranscribeError['code'], message: string): void => tell({ type: 'failed', code, message });
const lastWords = (): string => (lines.length > 0 ? ` (${lines.slice(-2).join('; ').slice(0, 300)})` : '');

const readModel = async (model: Blob): Promise<Uint8Array> => {
  checkModelHead(new Uint8Array(await model.slice(0, HEAD_BYTES).arrayBuffer()), model.size);
  const bytes = new Uint8Array(model.size);
  let at = 0;
  const reader = model.stream().getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes.set(part.value, at);
    at += part.value.length;
    tell({ type: 'progress', share: at / model.size });
  }
  return bytes;
};

const hear = (pcm: Float32Array): Promise<EngineSegment[]> => {
  if (!engine) throw new TranscribeError('model', 'no model is loaded');
  heard = Promise.withResolvers();
  if (engine.transcribe(pcm, settings.language, settings.threads, false, 0, false, true, true) !== 0) throw new TranscribeError('model', `the engine refuses the model${lastWords()}`);
  return heard.promise;
};

const load = async ({ engine: address, model, threads, language }: ToWorker & { type: 'load' }): Promise<void> => {
  if (!self.crossOriginIsolated) throw new TranscribeError('unsupported', 'this page is not cross-origin isolated, and the engine needs shared memory; the manifest must set cross_origin_embedder_policy and cross_origin_opener_policy');
  settings = { threads, language };
  const { default: createEngine }: { default: CreateEngine } = await import(address);
  engine = await createEngine({
    print, printErr: print,
    onAbort: () => fail('crashed', `the engine gave up${lastWords()}`),
    // the engine calls these whether they are there or not
    onNewSegment: () => {},
    onProgress: () => {},
    onTranscribed: ({ transcription }: { transcription: EngineSegment[] }) => heard.resolve(transcription),
  });
  engine.FS_createDataFile('/', FILE, await readModel(model), true, true);
  engine.init(FILE, '');
  engine.FS_unlink(FILE); // the engine has it in its own form now
  await hear(Float32Array.from({ length: RATE }, (_, at) => Math.sin(at * at) * 1e-3));
  tell({ type: 'ready' });
};

const report = (error: unknown): void => {
  if (error instanceof TranscribeError) fail(error.code, error.message);
  else fail('crashed', `the engine failed: ${error instanceof Error ? error.message : String(error)}${lastWords()}`);
};

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  const work = data.type === 'load' ? load(data) : Promise.resolve(data).then(async ({ id, pcm }) => tell({ type: 'heard', id, segments: await hear(pcm) }));
  work.catch(report);
});
// An engine's own thread that dies shows here and nowhere else.
self.addEventListener('error', (event) => {
  event.preventDefault();
  report(event.error ?? event.message);
});
self.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  report(event.reason);
});
