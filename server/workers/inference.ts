// Local speech inference in a child process: onnxruntime is native code that ends its process on a bad model, and a model takes
// hundreds of megabytes that end with it. One child, one request at a time, by priority.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ProviderError } from '../errors.ts';
import type { Heard } from './speech-recogniser.ts';

export type InferenceRequest = { id: number; samples: Float32Array };
export type InferenceAnswer = { type: 'ready' } | { type: 'broken'; message: string } | { type: 'heard'; id: number; heard: Heard } | { type: 'failed'; id: number; message: string };

export type Inference = {
  /** `priority` 0 (first) to 9. Throws `ProviderError` server, timeout, rate (queue full), off (the model cannot be loaded). */
  recognise(samples: Float32Array, priority: number, signal: AbortSignal): Promise<Heard>;
  state(): { status: 'idle' | 'running' | 'broken'; waiting: number; note: string };
  close(): Promise<void>;
};

export type InferenceOptions = {
  name: string;
  modelFolder: string;
  threads: number;
  maxWaiting?: number;
  /** for one request, and for loading */
  timeoutMs?: number;
};

type Job = { samples: Float32Array; priority: number; resolve(heard: Heard): void; reject(error: unknown): void };

/** a model that could not be loaded is tried again after this */
const BROKEN_MS = 60_000;

export const openInference = (options: InferenceOptions): Inference => {
  const { name, modelFolder, threads } = options;
  const maxWaiting = options.maxWaiting ?? 16;
  const timeoutMs = options.timeoutMs ?? 120_000;
  let child: ChildProcess | null = null;
  let ready = false;
  let running: { id: number; job: Job } | null = null;
  let timer: NodeJS.Timeout | null = null;
  let waiting: Job[] = [];
  let ids = 0;
  let broken: { until: number; message: string } | null = null;
  let closed = false;
  let stderr = '';

  const limit = (): void => {
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => child?.kill('SIGKILL'), timeoutMs);
  };
  const unlimit = (): void => {
    if (timer) clearTimeout(timer);
    timer = null;
  };

  const advance = (): void => {
    if (running || waiting.length === 0) return;
    if (!child) return start();
    if (!ready) return;
    const job = waiting.reduce((first, next) => (next.priority < first.priority ? next : first));
    waiting = waiting.filter((other) => other !== job);
    running = { id: ++ids, job };
    limit();
    child.send({ id: running.id, samples: job.samples } satisfies InferenceRequest);
  };

  const answered = (answer: InferenceAnswer): void => {
    if (answer.type === 'broken') {
      broken = { until: Date.now() + BROKEN_MS, message: answer.message };
      return;
    }
    unlimit();
    if (answer.type === 'ready') ready = true;
    else if (running?.id === answer.id) {
      const { job } = running;
      running = null;
      if (answer.type === 'heard') job.resolve(answer.heard);
      else job.reject(new ProviderError(name, 'server', `${name} failed: ${answer.message}`));
    }
    advance();
  };

  const ended = (code: number | null, killed: string | null): void => {
    unlimit();
    const loaded = ready;
    const why = broken?.message ?? (stderr.trim().split('\n').slice(-2).join(' ') || `exit ${code ?? killed}`);
    child = null;
    ready = false;
    if (!loaded && !closed) {
      broken = { until: Date.now() + BROKEN_MS, message: `the speech model in ${modelFolder} cannot be loaded: ${why}` };
      for (const job of waiting) job.reject(new ProviderError(name, 'off', broken.message, { retryAfterMs: BROKEN_MS }));
      waiting = [];
    }
    const job = running?.job;
    running = null;
    job?.reject(closed ? new ProviderError(name, 'off', `${name} is closed`) : killed === 'SIGKILL' ? new ProviderError(name, 'timeout', `${name} took longer than ${timeoutMs / 1000} s; use a smaller model`) : new ProviderError(name, 'server', `${name} ended: ${why}`));
    if (!closed) advance();
  };

  const start = (): void => {
    broken = null;
    stderr = '';
    limit();
    const begun = fork(fileURLToPath(new URL('./inference-child.ts', import.meta.url)), [modelFolder, String(threads)], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    child = begun;
    begun.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2000);
    });
    begun.on('message', (answer: InferenceAnswer) => answered(answer));
    begun.on('error', (error) => (stderr += error.message));
    begun.once('close', (code, killed) => {
      if (child === begun) ended(code, killed);
    });
  };

  return {
    recognise: (samples, priority, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        if (closed) throw new ProviderError(name, 'off', `${name} is closed`);
        if (broken && broken.until > Date.now()) throw new ProviderError(name, 'off', broken.message, { retryAfterMs: broken.until - Date.now() });
        if (waiting.length >= maxWaiting) throw new ProviderError(name, 'rate', `${name} already holds ${waiting.length} requests; use a smaller model or record fewer sessions`, { retryAfterMs: 5_000 });
        const abort = (): void => {
          waiting = waiting.filter((other) => other !== job);
          reject(signal.reason);
        };
        const settled = (): void => signal.removeEventListener('abort', abort);
        const job: Job = { samples, priority, resolve: (heard) => (settled(), resolve(heard)), reject: (error) => (settled(), reject(error)) };
        signal.addEventListener('abort', abort, { once: true });
        waiting.push(job);
        advance();
      }),
    state: () => ({ status: broken && broken.until > Date.now() ? 'broken' : running ? 'running' : 'idle', waiting: waiting.length, note: broken?.message ?? '' }),
    close: async () => {
      closed = true;
      const leaving = child;
      for (const job of waiting) job.reject(new ProviderError(name, 'off', `${name} is closed`));
      waiting = [];
      if (!leaving) return;
      await new Promise<void>((resolve) => {
        leaving.once('close', () => resolve());
        leaving.kill('SIGKILL');
      });
    },
  };
};
