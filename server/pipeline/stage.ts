// RxJS has no back-pressure of its own. Two pieces of ours give it: a source that pulls only while it holds credits, and
// `stage()`, which makes every asynchronous step ordered, bounded, cancellable, with a typed error.
import { Observable, type OperatorFunction } from 'rxjs';
import type { StageName } from '../../shared/model.ts';
import { messageOf } from '../errors.ts';

export class StageError extends Error {
  readonly stage: StageName;
  constructor(stage: StageName, message: string, cause?: unknown) {
    super(`stage ${stage}: ${message}`, { cause });
    this.name = 'StageError';
    this.stage = stage;
  }
}

/** What a viewer and /metrics see of a stage; the operator keeps it current. */
export type StageGauge = {
  entered(depth: number): void;
  left(depth: number, tookMs: number): void;
};

export type StageOptions<In, Out> = {
  name: StageName;
  /** items inside and waiting; one more is an overflow, which means that the source ignored its credits */
  capacity: number;
  concurrency: number;
  work: (item: In, signal: AbortSignal) => Promise<Out>;
  gauge: StageGauge;
  now: () => number;
};

/** Runs `work` on up to `concurrency` items, emits in order of arrival, holds at most `capacity`, aborts on unsubscribe. */
export const stage = <In, Out>(options: StageOptions<In, Out>): OperatorFunction<In, Out> => (source) =>
  new Observable<Out>((subscriber) => {
    type Slot = { item: In; state: 'waiting' | 'running' } | { state: 'done'; output: Out };
    const controller = new AbortController();
    const slots: Slot[] = [];
    let running = 0;
    let completed = false;

    const emitReady = (): void => {
      for (let head = slots[0]; head?.state === 'done'; head = slots[0]) {
        slots.shift();
        subscriber.next(head.output);
      }
      if (completed && slots.length === 0) subscriber.complete();
    };
    const startMore = (): void => {
      for (const slot of slots) {
        if (running >= options.concurrency) return;
        if (slot.state === 'waiting') run(slot);
      }
    };
    const run = (slot: Slot & { item: In }): void => {
      running += 1;
      slot.state = 'running';
      const startedAt = options.now();
      options.work(slot.item, controller.signal).then(
        (output) => {
          running -= 1;
          if (subscriber.closed) return;
          slots[slots.indexOf(slot)] = { state: 'done', output };
          const tookMs = options.now() - startedAt;
          startMore();
          emitReady();
          options.gauge.left(slots.length, tookMs);
        },
        (error: unknown) => {
          running -= 1;
          subscriber.error(error instanceof StageError ? error : new StageError(options.name, messageOf(error), error));
        },
      );
    };
    const upstream = source.subscribe({
      next: (item) => {
        if (slots.length >= options.capacity) {
          subscriber.error(new StageError(options.name, `already holds ${slots.length} items; raise CLIPPY_PIPELINE_CAPACITY`));
          return;
        }
        slots.push({ item, state: 'waiting' });
        options.gauge.entered(slots.length);
        startMore();
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        completed = true;
        emitReady();
      },
    });
    return () => {
      upstream.unsubscribe();
      controller.abort(new Error(`stage ${options.name} was cancelled`));
    };
  });

export type Credits = { give: () => void };

/**
 * Emits what `next` returns while credits last; whoever finishes an item calls `give`. `next` waits for its data and
 * returns null at the end. Unsubscribing aborts it.
 */
export const pull = <T>(credits: number, next: (signal: AbortSignal) => Promise<T | null>): { source: Observable<T>; give: () => void } => {
  let left = credits;
  let wake: (() => void) | null = null;
  const give = (): void => {
    left += 1;
    wake?.();
  };
  const source = new Observable<T>((subscriber) => {
    const controller = new AbortController();
    const loop = async (): Promise<void> => {
      while (!controller.signal.aborted) {
        if (left === 0) {
          await new Promise<void>((resolve) => { wake = resolve; });
          wake = null;
          continue;
        }
        const item = await next(controller.signal);
        if (item === null || controller.signal.aborted) break;
        left -= 1;
        subscriber.next(item);
      }
      subscriber.complete();
    };
    loop().catch((error: unknown) => {
      if (!controller.signal.aborted) subscriber.error(error);
    });
    return () => {
      controller.abort(new Error('the pipeline was stopped'));
      wake?.();
    };
  });
  return { source, give };
};
