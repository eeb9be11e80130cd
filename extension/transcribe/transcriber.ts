// Words made in the browser: sound in, batches of words out, by an engine in a worker. Never behind by more than a minute: then the
// oldest stretch is left out and told. Whatever goes wrong ends transcription with a typed error, and nothing else.
import type { HeardWords } from '../../shared/model.ts';
import { wordsOf } from './engine-words.ts';
import { type SoundWindow, SpeechWindows } from './speech-windows.ts';
import { TranscribeError } from './transcribe-error.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

export type TranscriberOptions = {
  /** makes the worker of worker.ts; one per load */
  createWorker: () => Worker;
  /** address of shout.wasm.js, beside which the engine starts threads of its own */
  engine: string;
  /** ISO 639-1; default auto */
  language?: string;
  /** default: half of the cores, at most 4, so that encoding is not starved */
  threads?: number;
  /** in order; stretches between them were dropped */
  onBatch: (batch: HeardWords) => void;
  /** a stretch was left out because the engine is too slow */
  onDrop: (stretch: { fromMs: number; untilMs: number }) => void;
  /** transcription has ended */
  onError: (error: TranscribeError) => void;
  loadMs?: number;
  windowMs?: number;
  /** sound that may wait for the engine */
  backlogMs?: number;
};

export type TranscriberStatus = { state: 'off' | 'loading' | 'ready' | 'failed'; waitingMs: number; droppedMs: number };

const LOAD_MS = 120_000;
/** no window lasts 15 s; an engine that needs this for one will never keep up */
const WINDOW_MS = 60_000;
const BACKLOG_MS = 60_000;

type State =
  | { is: 'off' }
  | { is: 'loading'; worker: Worker; loaded: PromiseWithResolvers<void>; onProgress: (share: number) => void; cancel: () => void }
  | { is: 'ready'; worker: Worker; hearing: { id: number; window: SoundWindow; cancel: () => void } | null }
  | { is: 'ended'; error: TranscribeError };

const durationOf = ({ fromMs, untilMs }: SoundWindow): number => untilMs - fromMs;

export class LocalTranscriber {
  readonly #options: TranscriberOptions;
  readonly #windows = new SpeechWindows();
  #state: State = { is: 'off' };
  #queue: SoundWindow[] = [];
  #droppedMs = 0;
  #lastId = 0;
  #idle = Promise.withResolvers<void>();

  constructor(options: TranscriberOptions) {
    this.#options = options;
  }

  get status(): TranscriberStatus {
    const state = this.#state.is === 'ended' ? 'failed' : this.#state.is;
    return { state, waitingMs: this.#waiting().reduce((sum, window) => sum + durationOf(window), 0), droppedMs: this.#droppedMs };
  }

  /** Resolves when the model has been tried and works. Rejects with TranscribeError, or with the signal's reason. */
  async load(model: Blob, onProgress: (share: number) => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#state.is !== 'off') throw new TranscribeError('closed', 'a transcriber loads one model once; make another');
    const worker = this.#options.createWorker();
    const loaded = Promise.withResolvers<void>();
    loaded.promise.catch(() => undefined); // whoever called is told below
    const loadMs = this.#options.loadMs ?? LOAD_MS;
    const timer = setTimeout(() => this.#fail(new TranscribeError('timeout', `the model was not ready in ${loadMs / 1000} s; choose a smaller one`)), loadMs);
    this.#state = { is: 'loading', worker, loaded, onProgress, cancel: () => clearTimeout(timer) };
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => this.#receive(worker, data));
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      if (this.#owns(worker)) this.#fail(new TranscribeError('crashed', `the engine’s worker failed: ${event.message || 'it could not be started'}`));
    });
    const abort = (): void => {
      this.close();
      loaded.reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    const threads = this.#options.threads ?? Math.max(1, Math.min(4, Math.floor(navigator.hardwareConcurrency / 2)));
    this.#post(worker, { type: 'load', engine: this.#options.engine, model, threads, language: this.#options.language ?? 'auto' });
    try {
      await loaded.promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** 16 kHz mono, in order; `atMs` is the media time where it begins. Also while the model is loading. */
  push(pcm16kMono: Float32Array, atMs: number): void {
    if (this.#state.is !== 'ended') this.#enqueue(this.#windows.push(pcm16kMono, atMs));
  }

  /** Resolves when everything pushed so far has been heard or dropped, or transcription has ended. */
  async flush(): Promise<void> {
    if (this.#state.is === 'ended') return;
    this.#enqueue(this.#windows.flush());
    if (this.#state.is === 'loading' || this.#waiting().length > 0) await this.#idle.promise;
  }

  close(): void {
    this.#end(new TranscribeError('closed', 'the transcriber was closed'));
  }

  #waiting(): SoundWindow[] {
    return this.#state.is === 'ready' && this.#state.hearing ? [this.#state.hearing.window, ...this.#queue] : this.#queue;
  }

  #enqueue(windows: SoundWindow[]): void {
    const limit = this.#options.backlogMs ?? BACKLOG_MS;
    for (const window of windows) {
      this.#queue.push(window);
      while (this.#queue.length > 1 && this.status.waitingMs > limit) {
        const { fromMs, untilMs } = this.#queue.shift()!; // longer than 1
        this.#droppedMs += untilMs - fromMs;
        this.#options.onDrop({ fromMs, untilMs });
      }
    }
    this.#next();
  }

  #next(): void {
    if (this.#state.is !== 'ready' || this.#state.hearing) return;
    for (let window = this.#queue.shift(); window; window = this.#queue.shift()) {
      const { fromMs, untilMs, pcm } = window;
      if (!pcm) {
        this.#options.onBatch({ fromMs, untilMs, words: [] });
        continue;
      }
      const windowMs = this.#options.windowMs ?? WINDOW_MS;
      const timer = setTimeout(() => this.#fail(new TranscribeError('timeout', `the engine did not answer for ${windowMs / 1000} s; choose a smaller model`)), windowMs);
      this.#state.hearing = { id: ++this.#lastId, window, cancel: () => clearTimeout(timer) };
      return this.#post(this.#state.worker, { type: 'hear', id: this.#lastId, pcm }, [pcm.buffer]);
    }
    this.#idle.resolve();
    this.#idle = Promise.withResolvers();
  }

  #receive(worker: Worker, message: FromWorker): void {
    const state = this.#state;
    if (!this.#owns(worker)) return;
    if (message.type === 'failed') return this.#fail(new TranscribeError(message.code, message.message));
    if (state.is === 'loading' && message.type === 'progress') return state.onProgress(message.share);
    if (state.is === 'loading' && message.type === 'ready') {
      state.cancel();
      this.#state = { is: 'ready', worker, hearing: null };
      state.loaded.resolve();
      return this.#next();
    }
    if (state.is !== 'ready' || message.type !== 'heard' || state.hearing?.id !== message.id) return;
    const { window, cancel } = state.hearing;
    cancel();
    state.hearing = null;
    this.#options.onBatch({ fromMs: window.fromMs, untilMs: window.untilMs, words: wordsOf(message.segments, window) });
    this.#next();
  }

  #owns(worker: Worker): boolean {
    return (this.#state.is === 'loading' || this.#state.is === 'ready') && this.#state.worker === worker;
  }

  #post(worker: Worker, message: ToWorker, transfer: Transferable[] = []): void {
    worker.postMessage(message, transfer);
  }

  #fail(error: TranscribeError): void {
    if (this.#state.is === 'ended') return;
    this.#end(error);
    this.#options.onError(error);
  }

  #end(error: TranscribeError): void {
    const before = this.#state;
    if (before.is === 'ended') return;
    this.#state = { is: 'ended', error };
    this.#queue = [];
    this.#idle.resolve();
    if (before.is === 'off') return;
    before.worker.terminate();
    if (before.is === 'ready') return before.hearing?.cancel();
    before.cancel();
    before.loaded.reject(error);
  }
}
