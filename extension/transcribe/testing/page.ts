// What the browser test drives: the parts as the recorder would use them, put where a test can call them.
import type { HeardWords } from '../../../shared/model.ts';
import { loadModel, removeModel, saveModel, storedModel } from '../model-store.ts';
import { tapPcm } from '../pcm-tap.ts';
import { LocalTranscriber, type TranscriberOptions, type TranscriberStatus } from '../transcriber.ts';
import { TranscribeError } from '../transcribe-error.ts';

const RATE = 16_000;
type Outcome = { error: string | null; reported: string[]; batches: HeardWords[]; dropped: { fromMs: number; untilMs: number }[]; status: TranscriberStatus; tookMs: number; progress: number };

const codeOf = (error: unknown): string => (error instanceof TranscribeError ? `${error.code}: ${error.message}` : String(error));
const fetchBlob = async (url: string): Promise<Blob> => (await fetch(url)).blob();
const speech = (seconds: number): Float32Array => Float32Array.from({ length: seconds * RATE }, (_, at) => 0.2 * Math.sin(at / 20) * (Math.floor(at / RATE) % 6 === 5 ? 0 : 1));

const transcribe = async (worker: string, model: string, seconds: number, options: Partial<TranscriberOptions> = {}): Promise<Outcome> => {
  const startedAt = performance.now();
  const outcome: Outcome = { error: null, reported: [], batches: [], dropped: [], status: { state: 'off', waitingMs: 0, droppedMs: 0 }, tookMs: 0, progress: 0 };
  const transcriber = new LocalTranscriber({
    createWorker: () => new Worker(worker, { type: 'module' }), engine: new URL('/shout.wasm.js', location.href).href, language: 'en',
    onBatch: (batch) => void outcome.batches.push(batch), onDrop: (stretch) => void outcome.dropped.push(stretch), onError: (error) => void outcome.reported.push(codeOf(error)), ...options,
  });
  try {
    await transcriber.load(await fetchBlob(model), (share) => { outcome.progress = share; }, new AbortController().signal);
    transcriber.push(speech(seconds), 1_000);
    await transcriber.flush();
  } catch (error) {
    outcome.error = codeOf(error);
  }
  outcome.status = transcriber.status;
  outcome.tookMs = performance.now() - startedAt;
  transcriber.close();
  return outcome;
};

/** Half a second that does not count, then a tone, heard through a track as the recorder has one. */
const tap = async (hertz: number, seconds: number, contextRate: number): Promise<{ samples: number; hertz: number; level: number; firstMs: number; lastMs: number; live: boolean }> => {
  const context = new AudioContext({ sampleRate: contextRate });
  await context.resume();
  const tone = new OscillatorNode(context, { frequency: hertz });
  const target = new MediaStreamAudioDestinationNode(context);
  tone.connect(target);
  tone.start();
  const [track] = target.stream.getAudioTracks();
  if (!track) throw new Error('no track');
  const pieces: Float32Array[] = [];
  const times: number[] = [];
  let samples = 0;
  await new Promise<void>((resolve, reject) => {
    const own = tapPcm({
      track, startMs: 5_000, onEnd: reject,
      onPcm: (pcm, atMs) => {
        pieces.push(pcm);
        times.push(atMs);
        samples += pcm.length;
        if (samples < seconds * RATE) return;
        own.stop();
        resolve();
      },
    });
  });
  const live = track.readyState === 'live';
  await context.close();
  const heard = Float32Array.from(pieces.flatMap((piece) => [...piece])).slice(RATE / 2, seconds * RATE);
  const crossings = heard.filter((value, at) => at > 0 && (heard[at - 1] ?? 0) < 0 && value >= 0).length;
  return { samples, hertz: crossings / (heard.length / RATE), level: Math.sqrt(heard.reduce((sum, value) => sum + value * value, 0) / heard.length), firstMs: times[0] ?? 0, lastMs: (times.at(-1) ?? 0) + ((pieces.at(-1)?.length ?? 0) / RATE) * 1000, live };
};

const store = {
  save: async (url: string, name: string) => saveModel(new File([await fetchBlob(url)], name), () => {}, new AbortController().signal).catch(codeOf),
  abort: async (url: string) => {
    const controller = new AbortController();
    return saveModel(await fetchBlob(url), () => controller.abort(new Error('changed my mind')), controller.signal).catch(codeOf);
  },
  card: storedModel,
  load: async () => (await loadModel())?.file.size ?? null,
  remove: removeModel,
  files: async () => {
    const dir = await (await navigator.storage.getDirectory()).getDirectoryHandle('speech-model', { create: true });
    const names: string[] = [];
    for await (const name of dir.keys()) names.push(name);
    return names.toSorted();
  },
};

export type Parts = { transcribe: typeof transcribe; tap: typeof tap; store: typeof store };
Object.assign(globalThis, { parts: { transcribe, tap, store } satisfies Parts });
