// A pipeline whose end a test decides.
import { STAGES, type StageName, type StageState } from '../../shared/model.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { Hole } from '../pipeline/words-lane.ts';

export type FakePipeline = Pipeline & {
  readonly sessionId: string;
  readonly deafUntilMs: number;
  readonly holes: Hole[];
  /** media time its stages say they have reached */
  untilMs: number;
  stopped: boolean;
  /** since when it has had nothing to do */
  quiet: number | null;
  fail(error: Error): void;
  /** the recording has been worked through */
  finish(): void;
};

const stagesAt = (untilMs: number): Record<StageName, StageState> => {
  const stage: StageState = { status: 'running', depth: 0, capacity: 8, done: 0, untilMs, lagMs: 0, note: '' };
  return Object.fromEntries(STAGES.map((name) => [name, stage])) as Record<StageName, StageState>; // every stage is there
};

export const fakePipeline = (options: { sessionId: string; deafUntilMs: number; holes: Hole[] }): FakePipeline => {
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const pipeline: FakePipeline = {
    ...options, untilMs: 0, stopped: false, quiet: null, ended, fail: reject, finish: resolve,
    quietSince: () => pipeline.quiet,
    stages: () => stagesAt(pipeline.untilMs),
    stop: async () => {
      pipeline.stopped = true;
      resolve();
      await ended.catch(() => {});
    },
  };
  return pipeline;
};
