// One life of the server, composed as main.ts composes it, over simulated ports.
import { LRUCache } from 'lru-cache';
import type { Clip, SessionEvent, Tier } from '../../../shared/model.ts';
import { isTransient } from '../../adapters/transient.ts';
import { Refused } from '../../errors.ts';
import { createAnalyser } from '../../highlights/analyser.ts';
import type { Log } from '../../log.ts';
import { startPipeline } from '../../pipeline/index.ts';
import type { ObjectStore, Repository, StoredClip } from '../../ports.ts';
import { createClipBodies } from '../../sessions/clip-bodies.ts';
import { watchDiskSpace } from '../../sessions/disk-space.ts';
import { type Gateway, type Wire, createGateway } from '../../sessions/gateway.ts';
import { createFrameMemory } from '../../sessions/frame-memory.ts';
import { createHotChunks } from '../../sessions/hot-chunks.ts';
import { createHub } from '../../sessions/hub.ts';
import { createMediaIndex } from '../../sessions/media-index.ts';
import { createQueries } from '../../sessions/queries.ts';
import { sweep } from '../../sessions/retention.ts';
import type { SegmentIndex } from '../../sessions/segment-index.ts';
import type { SimulatedDisk } from '../../sessions/simulated-disk.ts';
import { type Supervisor, createSupervisor } from '../../sessions/supervisor.ts';
import { createTiering, segmentKey } from '../../sessions/tiering.ts';
import { type Timeline, openTimeline } from '../../sessions/timeline.ts';
import { diskThrough } from './disk.ts';
import { type Life, through } from './life.ts';
import { cutFilesThrough, decodePcmThrough, judgeThrough, openAudioThrough, transcriberThrough } from './media-ports.ts';

export type ServerPlan = {
  mailbox: { chunks: number; bytes: number };
  maxChunkBytes: number;
  segmentBytes: number;
  resumeMs: number;
  hotMs: number;
  capacity: number;
  transcriber: 'none' | 'api' | 'local';
  judge: boolean;
  retentionMs: number;
};

export type ServerOptions = {
  plan: ServerPlan;
  life: Life;
  random: () => number;
  disk: SimulatedDisk;
  halfWrites: () => boolean;
  freeBytes: () => number;
  repository: Repository;
  objectStore: (readLocal: (path: string) => Promise<Uint8Array>) => ObjectStore;
  seen: (method: string, args: unknown[]) => void;
  published: (event: SessionEvent) => void;
  opened: (sessionId: string, timeline: Timeline) => void;
  log: Log;
};

export type Server = {
  life: Life;
  gateway: Gateway;
  supervisor: Supervisor;
  queries: ReturnType<typeof createQueries>;
  wires: Set<Wire>;
  /** null until it listens; `ended` when it has stopped cleanly */
  state: 'starting' | 'listening' | 'stopping' | 'ended' | 'failed';
  stop(): void;
  cutsLeft(): string[];
};

const DATA = '/data';
export const TOTAL_BYTES = 1e9;
const SHUTDOWN_MS = 4_500;
const RETENTION_EVERY_MS = 60_000;

export const show = ({ mediaKey, thumbnailKey, ...clip }: StoredClip): Clip => ({ ...clip, mediaUrl: mediaKey, thumbnailUrl: thumbnailKey });

export const startServer = (options: ServerOptions): Server => {
  const { plan, life, random, log } = options;
  const { clock } = life;
  const fs = diskThrough(life, options.disk, options.halfWrites);
  const repository = through(life, 'database', options.repository, options.seen);
  const readLocal = async (path: string): Promise<Uint8Array> => {
    const file = await options.disk.open(path, 'read');
    const bytes = new Uint8Array(await file.size());
    await file.pread(bytes, 0);
    return bytes;
  };
  const cuts = cutFilesThrough(life);
  const store = options.objectStore((path) => {
    const made = cuts.read(path);
    return made ? Promise.resolve(made) : readLocal(path);
  });
  const objectStore: ObjectStore = {
    ...through(life, 'store', store, options.seen),
    list: async function* (prefix) {
      const keys = await life.call('store', 'list', async () => {
        const found = [];
        for await (const one of store.list(prefix)) found.push(one);
        return found;
      });
      yield* keys;
    },
  };
  const tiers: Record<Tier, number> = { free: plan.retentionMs, plus: plan.retentionMs, pro: plan.retentionMs };
  const limits = { maxChunkBytes: plan.maxChunkBytes, credits: plan.mailbox };
  const indexCache = new LRUCache<string, SegmentIndex>({ maxSize: 20_000, sizeCalculation: (index) => Math.max(1, index.byteLength) });
  const memory = createFrameMemory({ smallBytes: 0, overwrite: true });
  const hotChunks = createHotChunks({ maxBytes: 3_000, memory });

  const server: Server = { life, wires: new Set(), state: 'starting', cutsLeft: cuts.left } as Server; // its parts come as they are made

  const start = async (): Promise<void> => {
    const diskSpace = await watchDiskSpace({
      dir: DATA, hardBytes: 10e6, softBytes: 50e6, everyMs: 10_000, clock, log,
      measure: () => life.call('disk', 'statfs', () => ({ freeBytes: options.freeBytes(), totalBytes: TOTAL_BYTES })),
    });
    const hub = createHub({
      snapshot: async (topic) => ({ t: 'state', topic, state: topic === 'system' ? await queries.system() : await queries.view(topic.slice('session:'.length)) }),
      maxBufferedBytes: 4_000, onDrop: () => {}, onError: () => {},
    });
    const publish = (event: SessionEvent): void => {
      options.published(event);
      hub.publish(event);
    };
    const tiering = createTiering({ objectStore, repository, diskSpace, hotMs: plan.hotMs, everyMs: 10_000, concurrency: 2, log, clock });
    const supervisor = createSupervisor({
      repository, objectStore, clock, log, tiering, tier: 'free', maxSessions: 10, credits: { mailbox: plan.mailbox, together: { chunks: 10, bytes: 5_000 }, maxChunkBytes: plan.maxChunkBytes }, resumeMs: plan.resumeMs, retentionMs: tiers,
      creditsShare: () => diskSpace.creditsFactor(), publish, onRetired: () => {}, onRested: () => {},
      openTimeline: async (sessionId) => {
        const dir = `${DATA}/sessions/${sessionId}`;
        const timeline = await openTimeline({
          dir, sessionId, indexCache, hotChunks, log, fs, segmentBytes: plan.segmentBytes, coldSegments: await repository.coldSegments(sessionId),
          coldRead: (index, begin, end, signal) => objectStore.read(segmentKey(sessionId, index), { start: begin, end }, signal),
          newSalt: () => 1 + Math.floor(random() * (2 ** 32 - 1)),
        });
        options.opened(sessionId, timeline);
        return { timeline, index: await createMediaIndex({ dir, log, fs }) };
      },
      removeTimeline: (sessionId) => fs.removeDir(`${DATA}/sessions/${sessionId}`),
      startPipeline: ({ session, media, index, expiresAt, deafUntilMs, holes }) => startPipeline({
        sessionId: session.id, media, index, repository, objectStore, tool: cuts.tool, files: cuts.files, openAudio: openAudioThrough(life), openScenes: null,
        analyser: createAnalyser({ sessionId: session.id, warmUpS: 4, minScore: 0.2 }),
        transcriber: plan.transcriber === 'none' ? null : transcriberThrough(life, plan.transcriber), featuresOff: null, transcriptionOff: 'off', clientWords: session.clientWords,
        judge: plan.judge ? judgeThrough(life) : null, decodePcm: decodePcmThrough(life), language: null, priority: 5, speechPaddingMs: 200, deafUntilMs, holes,
        capacity: plan.capacity, tempDir: `/temp/${session.id}`, clock, random, log, publish, show, expiresAt, isTransient,
        onStage: () => {}, onStages: () => {}, onDrop: () => {}, onChanged: () => {},
      }),
    });
    const bodies = createClipBodies({ objectStore, tool: cuts.tool, tempDir: '/temp', thumbnailBytes: 10_000, mend: () => Promise.reject(new Error('no world damages a stored clip')) });
    const queries = createQueries({
      supervisor, repository, objectStore, bodies, clock, retentionMs: tiers, show, publish, providers: () => [], transcriptionOff: null,
      rangeCache: { dir: '/temp/ranges', bytes: 1e6, maxRangeMs: 60_000 },
    });
    const gateway = createGateway({
      hub, limits: () => limits, clock, log, memory, authorize: () => {}, open: supervisor.open, find: supervisor.find, onFrame: () => {},
      speakerOf: async (token) => {
        if (token !== 'token') throw new Refused('unauthorized', 'the token is not known');
        return { user: 'anna', device: null };
      },
    });
    Object.assign(server, { gateway, supervisor, queries });
    const stopCredits = diskSpace.onChange(() => supervisor.refreshCredits());
    await supervisor.resumeAll();

    const sweeper = new AbortController();
    const cooled = new Set<string>();
    let sweeping: Promise<unknown> = Promise.resolve();
    let cancelSweep = (): void => {};
    const everyMinute = (): void => {
      cancelSweep = clock.after(RETENTION_EVERY_MS, () => {
        sweeping = sweep({ repository, objectStore, sessions: queries, supervisor, clock, log, retentionMs: tiers, cooled, local: () => fs.list(`${DATA}/sessions`) }, sweeper.signal).catch(() => {}); // said in main.ts's log
        everyMinute();
      });
    };
    everyMinute();
    server.state = 'listening';

    server.stop = () => {
      if (server.state !== 'listening') return;
      server.state = 'stopping';
      life.later(SHUTDOWN_MS, () => life.kill()); // as main.ts ends a process that does not end itself
      const end = async (): Promise<void> => {
        sweeper.abort(new Error('shutting down'));
        cancelSweep();
        await sweeping;
        stopCredits();
        await supervisor.stop();
        for (const wire of server.wires) wire.close(1001, 'the server is closing');
        await tiering.close();
        await diskSpace.close();
        life.later(0, () => { server.state = 'ended'; }); // behind what the transport still has to say
      };
      end().catch((error: unknown) => {
        log.error({ error: String(error) }, 'a stop failed');
        server.state = 'failed';
      });
    };
  };

  server.stop = () => {};
  start().catch((error: unknown) => {
    log.warn({ error: String(error) }, 'the server did not start');
    server.state = 'failed';
  });
  return server;
};
