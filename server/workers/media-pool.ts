// The pool of media workers, with the settings they need.
import { availableParallelism } from 'node:os';
import type { MediaReply, MediaRequest, MediaWorkerSettings } from './media-messages.ts';
import { WorkerPool } from './pool.ts';

export type MediaPool = WorkerPool<MediaRequest, MediaReply>;

/** One core stays with the service itself. */
export const defaultWorkers = (): number => Math.max(1, availableParallelism() - 1);

export const openMediaPool = (options: { workers: number; settings: MediaWorkerSettings; onCrash?: (message: string) => void }): MediaPool =>
  new WorkerPool({
    script: new URL('./media-worker.ts', import.meta.url),
    size: options.workers,
    workerData: options.settings,
    ...(options.onCrash ? { onCrash: options.onCrash } : {}),
  });
