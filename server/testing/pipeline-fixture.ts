// A session's pipeline with everything real but the network and the database: real media and its index, real media workers and
// FFmpeg, repository and object store in memory.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allPieces } from '../../scripts/live-media.ts';
import type { LivePiece } from '../../scripts/live-media.ts';
import type { SessionEvent } from '../../shared/model.ts';
import { createAudioAnalysers, createPcmDecoder } from '../adapters/audio-analyser.workers.ts';
import { createFfmpegMediaTool } from '../adapters/media-tool.ffmpeg.ts';
import { isTransient } from '../adapters/transient.ts';
import type { Clock } from '../clock.ts';
import { createAnalyser } from '../highlights/analyser.ts';
import { type Pipeline, type PipelineOptions, startPipeline } from '../pipeline/index.ts';
import type { ObjectStore, Repository } from '../ports.ts';
import { createMediaIndex } from '../sessions/media-index.ts';
import { openMediaPool } from '../workers/media-pool.ts';
import { findFfmpeg } from '../workers/ffmpeg.ts';
import { createMemoryMediaLog, type MemoryMediaLog } from './media-log.memory.ts';
import { memoryLog } from './memory-log.ts';
import { createMemoryObjectStore } from './object-store.memory.ts';
import { createMemoryRepository } from './repository.memory.ts';
import { aSession } from './samples.ts';

export const demoFile = join(import.meta.dirname, '../../scripts/demo.mp4');
const found = await findFfmpeg();
export const realTool = createFfmpegMediaTool(found);

export const piecesOf = async (path: string, slice = 'gop'): Promise<LivePiece[]> => (await allPieces(path, { slice })).pieces;

/** Real time, but nobody waits longer than a few milliseconds. */
export const hurriedClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, 4));
    return () => clearTimeout(timer);
  },
};

/** Fails calls of a port before or after their effect: `fault(method, nth call of it)`. */
export const failing = <Port extends object>(port: Port, fault: (method: string, nth: number) => { when: 'before' | 'after'; error: unknown } | null): Port => {
  const calls = new Map<string, number>();
  return new Proxy(port, {
    get: (target, name: string, receiver): unknown => {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]): unknown => {
        const nth = (calls.get(name) ?? 0) + 1;
        calls.set(name, nth);
        const planned = fault(name, nth);
        if (planned?.when === 'before') return Promise.reject(planned.error);
        const answer: unknown = Reflect.apply(method, target, args);
        return planned ? Promise.resolve(answer).then(() => { throw planned.error; }) : answer;
      };
    },
  });
};

export const transient = (): Error => Object.assign(new Error('connection lost'), { code: 'ECONNRESET' });

export type TestIndex = Awaited<ReturnType<typeof createMediaIndex>>;
export const openIndex = (dir: string): Promise<TestIndex> => createMediaIndex({ dir, log: memoryLog() });

export type TestPipeline = {
  dir: string;
  sessionId: string;
  media: MemoryMediaLog;
  index: TestIndex;
  repository: Repository;
  objectStore: ObjectStore;
  events: SessionEvent[];
  drops: string[];
  log: ReturnType<typeof memoryLog>;
  start(over?: Partial<PipelineOptions>): Pipeline;
  keys(): Promise<string[]>;
  close(): Promise<void>;
};

export const testPipeline = async (): Promise<TestPipeline> => {
  const dir = mkdtempSync(join(tmpdir(), 'clippy-pipeline-'));
  const repository = createMemoryRepository({ newId: () => '01J0000000000000000000000S' });
  const { id: sessionId } = await repository.openSession(aSession());
  const objectStore = createMemoryObjectStore();
  const media = createMemoryMediaLog();
  const index = await openIndex(dir);
  const pool = openMediaPool({ workers: 1, settings: { ffmpegPath: found.path, models: { vad: '', taggingModel: '', taggingLabels: '' } } });
  const events: SessionEvent[] = [];
  const drops: string[] = [];
  const log = memoryLog();
  return {
    dir, sessionId, media, index, repository, objectStore, events, drops, log,
    start: (over = {}) => startPipeline({
      sessionId, media, index, repository, objectStore, tool: realTool, openAudio: createAudioAnalysers({ pool }), openScenes: null, analyser: createAnalyser({ sessionId }), featuresOff: null,
      transcriber: null, clientWords: null, transcriptionOff: 'transcription is off', judge: null, decodePcm: createPcmDecoder({ pool }), language: null, priority: 5, speechPaddingMs: 200, deafUntilMs: 0, capacity: 4,
      tempDir: join(dir, 'temp'), clock: hurriedClock, random: () => 0.5, log, publish: (event) => { events.push(event); },
      show: ({ mediaKey, thumbnailKey, sums: _sums, ...clip }) => ({ ...clip, mediaUrl: mediaKey, thumbnailUrl: thumbnailKey }),
      expiresAt: () => null, isTransient, holes: [], onStage: () => {}, onStages: () => {}, onDrop: (kind) => { drops.push(kind); }, onChanged: () => {}, ...over,
    }),
    keys: async () => {
      const keys: string[] = [];
      for await (const { key } of objectStore.list('sessions/')) keys.push(key);
      return keys;
    },
    close: async () => {
      await pool.close();
      await index.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
