// worker_threads with seats: a session's state lives in one worker until it is released. Piscina would do but for its abort and
// its time-out, which end the worker, and with it every other session seated there.
import { Worker } from 'node:worker_threads';
import { MediaError } from '../errors.ts';

export type PoolOptions = {
  script: URL;
  /** threads; each starts at its first request */
  size: number;
  workerData: object;
  /** requests one worker may have waiting; more are refused with `MediaError limit` */
  maxWaiting?: number;
  /** requests a worker has at once: those that wait for a child process do not hold up the rest */
  maxRunning?: number;
  /** a request running longer ends its worker: nothing else stops a loop in it */
  timeoutMs?: number;
  onCrash?: (message: string) => void;
};

/** FFmpegs one worker may have running at once, for being found after its death. */
const CHILD_PIDS = 1_024;

const endChildren = (pids: Int32Array): void => {
  for (const pid of pids) {
    if (pid <= 0) continue;
    try {
      process.kill(pid, 'SIGKILL'); // not waited for by anybody any more, so the number is still its own
    } catch {
      // it is gone
    }
  }
};

/** What the worker gets and answers. */
export type PoolCall<Request> = { id: number; request: Request };
export type PoolAnswer<Reply> = { id: number; reply: Reply } | { id: number; error: { code: MediaError['code'] | null; message: string } };

/** One session's place. After a crash every `run` rejects with `MediaError tool`: open again. */
export type Seat<Request, Reply> = { run(request: Request, transfer: ArrayBuffer[], signal: AbortSignal): Promise<Reply>; release(): void };

type Job<Request, Reply> = {
  request: Request;
  transfer: ArrayBuffer[];
  resolve(reply: Reply): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout | null;
};

type Slot<Request, Reply> = {
  name: string;
  worker: Worker | null;
  /** rises with each crash */
  life: number;
  seats: number;
  running: Map<number, Job<Request, Reply>>;
  waiting: Job<Request, Reply>[];
};

export class WorkerPool<Request, Reply> {
  readonly #options: Required<Omit<PoolOptions, 'onCrash'>> & Pick<PoolOptions, 'onCrash'>;
  readonly #slots: Slot<Request, Reply>[];
  #ids = 0;
  #closed = false;
  #crashes = 0;

  constructor(options: PoolOptions) {
    this.#options = { maxWaiting: 256, maxRunning: 8, timeoutMs: 60_000, ...options };
    this.#slots = Array.from({ length: Math.max(1, options.size) }, (_, i) => ({ name: `media worker ${i}`, worker: null, life: 0, seats: 0, running: new Map(), waiting: [] }));
  }

  /** A place in the worker with the fewest. */
  seat(): Seat<Request, Reply> {
    const slot = this.#slots.reduce((least, next) => (next.seats < least.seats ? next : least));
    const { life } = slot;
    let held = true;
    slot.seats++;
    return {
      run: (request, transfer, signal) =>
        slot.life === life ? this.#enqueue(slot, { request, transfer }, signal) : Promise.reject(new MediaError('tool', `${slot.name} was replaced after a crash; open again from the saved cursor`)),
      release: () => {
        if (held && slot.life === life) slot.seats--;
        held = false;
      },
    };
  }

  /** Work without state, wherever there is least of it. */
  run(request: Request, transfer: ArrayBuffer[], signal: AbortSignal): Promise<Reply> {
    const load = (slot: Slot<Request, Reply>): number => slot.running.size + slot.waiting.length;
    const slot = this.#slots.reduce((least, next) => (load(next) < load(least) ? next : least));
    return this.#enqueue(slot, { request, transfer }, signal);
  }

  state(): { workers: number; seats: number; running: number; waiting: number; capacity: number; crashes: number } {
    const sum = (of: (slot: Slot<Request, Reply>) => number): number => this.#slots.reduce((total, slot) => total + of(slot), 0);
    return {
      workers: this.#slots.length,
      seats: sum((slot) => slot.seats),
      running: sum((slot) => slot.running.size),
      waiting: sum((slot) => slot.waiting.length),
      capacity: this.#slots.length * this.#options.maxWaiting,
      crashes: this.#crashes,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#slots.map((slot) => slot.worker?.terminate()));
  }

  #enqueue(slot: Slot<Request, Reply>, { request, transfer }: Pick<Job<Request, Reply>, 'request' | 'transfer'>, signal: AbortSignal): Promise<Reply> {
    return new Promise<Reply>((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#closed) throw new MediaError('tool', 'the media workers are closed');
      if (slot.waiting.length >= this.#options.maxWaiting) throw new MediaError('limit', `${slot.name} already holds ${slot.waiting.length} requests; raise CLIPPY_WORKERS or record fewer sessions`);
      const abort = (): void => {
        slot.waiting = slot.waiting.filter((waiting) => waiting !== job);
        reject(signal.reason);
      };
      const settled = (): void => signal.removeEventListener('abort', abort);
      const job: Job<Request, Reply> = {
        request,
        transfer,
        timer: null,
        resolve: (reply) => (settled(), resolve(reply)),
        reject: (error) => (settled(), reject(error)),
      };
      // a running request goes on to its end, so that the session's state stays whole; only its answer is dropped
      signal.addEventListener('abort', abort, { once: true });
      slot.waiting.push(job);
      this.#advance(slot);
    });
  }

  #advance(slot: Slot<Request, Reply>): void {
    while (slot.running.size < this.#options.maxRunning) {
      const job = slot.waiting.shift();
      if (!job) return;
      const worker = (slot.worker ??= this.#start(slot));
      const id = ++this.#ids;
      job.timer = setTimeout(() => void worker.terminate(), this.#options.timeoutMs);
      slot.running.set(id, job);
      worker.ref();
      worker.postMessage({ id, request: job.request } satisfies PoolCall<Request>, job.transfer);
    }
  }

  #start(slot: Slot<Request, Reply>): Worker {
    const childPids = new Int32Array(new SharedArrayBuffer(4 * CHILD_PIDS));
    const worker = new Worker(this.#options.script, { workerData: { ...this.#options.workerData, childPids }, resourceLimits: { maxOldGenerationSizeMb: 512 } });
    let reason = 'it was ended';
    worker.on('message', (answer: PoolAnswer<Reply>) => this.#answer(slot, answer));
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', (code) => {
      endChildren(childPids);
      if (slot.worker === worker) this.#lost(slot, `${slot.name} ended (${code}): ${reason}`);
    });
    worker.unref();
    return worker;
  }

  #answer(slot: Slot<Request, Reply>, answer: PoolAnswer<Reply>): void {
    const job = slot.running.get(answer.id);
    if (!job) return;
    slot.running.delete(answer.id);
    if (job.timer) clearTimeout(job.timer);
    if ('reply' in answer) job.resolve(answer.reply);
    else job.reject(answer.error.code ? new MediaError(answer.error.code, answer.error.message) : new Error(answer.error.message));
    this.#advance(slot);
    if (slot.running.size === 0) slot.worker?.unref();
  }

  /** What was in the worker is gone; the next request starts a fresh one. */
  #lost(slot: Slot<Request, Reply>, message: string): void {
    const jobs = [...slot.running.values(), ...slot.waiting];
    Object.assign(slot, { worker: null, life: slot.life + 1, seats: 0, running: new Map(), waiting: [] });
    for (const job of jobs) {
      if (job.timer) clearTimeout(job.timer);
      job.reject(new MediaError('tool', this.#closed ? 'the media workers are closed' : `${message}; open again from the saved cursor`));
    }
    if (this.#closed) return;
    this.#crashes++;
    this.#options.onCrash?.(message);
  }
}
