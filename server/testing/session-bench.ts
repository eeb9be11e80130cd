// The recordings' core as main.ts wires it, over memory and a temporary folder: real timelines, hub, gateway, supervisor and
// queries; pipelines and time move only when told.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { encodeFrame } from '../../shared/codec.ts';
import type { Clip, SessionEvent, TranscribedBy } from '../../shared/model.ts';
import type { ClientFrame } from '../../shared/protocol.ts';
import { PROTOCOL_VERSION } from '../../shared/protocol.ts';
import { Refused } from '../errors.ts';
import type { MediaTool, ObjectStore, Repository, StoredClip } from '../ports.ts';
import { createClipBodies } from '../sessions/clip-bodies.ts';
import { createFrameMemory } from '../sessions/frame-memory.ts';
import { createGateway } from '../sessions/gateway.ts';
import { createMending } from '../sessions/mend-clip.ts';
import { createHub } from '../sessions/hub.ts';
import { virtualClock } from '../../shared/testing/virtual-clock.ts';
import { createMediaIndex } from '../sessions/media-index.ts';
import { createQueries } from '../sessions/queries.ts';
import { sweep } from '../sessions/retention.ts';
import type { SegmentIndex } from '../sessions/segment-index.ts';
import { createSupervisor } from '../sessions/supervisor.ts';
import { createTiering, segmentKey } from '../sessions/tiering.ts';
import type { FileSystem } from '../sessions/file-system.ts';
import { chunkOf } from '../sessions/timeline-fixture.ts';
import { openTimeline } from '../sessions/timeline.ts';
import { type FakePipeline, fakePipeline } from './fake-pipeline.ts';
import { type FakeWire, fakeWire } from './fake-wire.ts';
import { inbox } from './inbox.ts';
import { memoryLog } from './memory-log.ts';
import { createMemoryObjectStore } from './object-store.memory.ts';
import { createMemoryRepository } from './repository.memory.ts';

export const HOUR_MS = 3_600_000;
export const RESUME_MS = 60_000;
export const RETENTION_MS = { free: HOUR_MS, plus: 2 * HOUR_MS, pro: 3 * HOUR_MS };

export type SessionBenchOptions = {
  maxSessions?: number;
  segmentBytes?: number;
  mailbox?: { chunks: number; bytes: number };
  repository?: (real: Repository) => Repository;
  objectStore?: (real: ObjectStore) => ObjectStore;
  tool?: Partial<MediaTool>;
  /** another run on the same disk and database */
  after?: { root: string; repository: Repository; objectStore: ObjectStore };
  /** called before a timeline is opened: throw to make it unreadable */
  onOpen?: (sessionId: string) => void | Promise<void>;
  fs?: FileSystem;
};

const refuse = (): Promise<never> => Promise.reject(new Error('not in this test'));

export const sessionBench = async (options: SessionBenchOptions = {}) => {
  const root = options.after?.root ?? (await mkdtemp(join(tmpdir(), 'sessions-')));
  const memory = options.after?.repository ?? createMemoryRepository();
  const repository = options.repository?.(memory) ?? memory;
  const objects = options.after?.objectStore ?? createMemoryObjectStore();
  const objectStore = options.objectStore?.(objects) ?? objects;
  const clock = virtualClock();
  const log = memoryLog();
  const events = inbox<SessionEvent>();
  const pipelines: FakePipeline[] = [];
  const opened: string[] = [];
  const share = { now: 1 };
  const mailbox = options.mailbox ?? { chunks: 8, bytes: 100_000 };
  const limits = { maxChunkBytes: 50_000, credits: mailbox };
  const dirOf = (sessionId: string): string => join(root, 'sessions', sessionId);
  const indexCache = new LRUCache<string, SegmentIndex>({ maxSize: 1 << 23, sizeCalculation: (index) => Math.max(1, index.byteLength) });
  const drops = { events: 0 };
  const hub = createHub({
    snapshot: async (topic) => ({ t: 'state', topic, state: topic === 'system' ? await queries.system() : await queries.view(topic.slice('session:'.length)) }),
    maxBufferedBytes: 10_000, onDrop: () => { drops.events += 1; }, onError: (error) => log.warn({ error: String(error) }, 'refresh'),
  });
  const publish = (event: SessionEvent): void => {
    // As a viewer gets it: a summary is a live object.
    events.push(structuredClone(event));
    hub.publish(event);
  };
  const tiering = createTiering({ objectStore, repository, diskSpace: { shortBytes: () => 0, refresh: async () => {} }, hotMs: 0, everyMs: 1e12, concurrency: 1, log, clock });
  const supervisor = createSupervisor({
    repository, objectStore, clock, log, tiering, tier: 'plus', maxSessions: options.maxSessions ?? 10, credits: { mailbox, together: { chunks: 10_000, bytes: 1e9 }, maxChunkBytes: limits.maxChunkBytes }, resumeMs: RESUME_MS, retentionMs: RETENTION_MS,
    creditsShare: () => share.now, publish, onRetired: () => {}, onRested: () => {},
    openTimeline: async (sessionId) => {
      opened.push(sessionId);
      await options.onOpen?.(sessionId);
      const dir = dirOf(sessionId);
      const timeline = await openTimeline({
        dir, sessionId, indexCache, log, coldSegments: await repository.coldSegments(sessionId),
        ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
        ...(options.fs ? { fs: options.fs } : {}),
        coldRead: (index, start, end, signal) => objectStore.read(segmentKey(sessionId, index), { start, end }, signal),
      });
      return { timeline, index: await createMediaIndex({ dir, log }) };
    },
    removeTimeline: (sessionId) => rm(dirOf(sessionId), { recursive: true, force: true }),
    startPipeline: ({ session, deafUntilMs, holes }) => {
      const pipeline = fakePipeline({ sessionId: session.id, deafUntilMs, holes });
      pipelines.push(pipeline);
      return pipeline;
    },
  });
  const show = ({ mediaKey: _media, thumbnailKey: _thumbnail, sums: _sums, ...clip }: StoredClip): Clip => ({ ...clip, mediaUrl: '', thumbnailUrl: '' });
  const tool: MediaTool = { version: '0', path: '', thumbnail: refuse, verify: refuse, reencode: refuse, ...options.tool };
  const bodies = createClipBodies({ objectStore, tool, tempDir: join(root, 'temp'), thumbnailBytes: 1_000_000, mend: createMending({ repository: memory, objectStore, readLog: (id) => supervisor.readLog(id), tool, tempDir: join(root, 'temp', 'mending'), log }) });
  const queries = createQueries({
    supervisor, repository, objectStore, bodies, clock, retentionMs: RETENTION_MS, show, publish, providers: () => [], transcriptionOff: null,
    rangeCache: { dir: join(root, 'temp', 'ranges'), bytes: 1e8, maxRangeMs: 60_000 },
  });
  const gateway = createGateway({
    hub, limits: () => limits, clock, log, memory: createFrameMemory(), authorize: () => {}, open: supervisor.open, find: supervisor.find, onFrame: () => {},
    speakerOf: async (token) => {
      const user = { 'token-a': 'anna', 'token-b': 'bert', 'token-phone': 'anna' }[token];
      if (user === undefined) throw new Refused(token === 'guesser' ? 'too_many' : 'unauthorized', `the token ${token} is not known`);
      return { user, device: token === 'token-phone' ? 'phone' : null };
    },
  });
  const cooled = new Set<string>();

  const send = (wire: FakeWire, frame: ClientFrame): void => gateway.message(wire, encodeFrame(frame), true);
  const silent = (): FakeWire => {
    const wire = fakeWire();
    gateway.open(wire);
    return wire;
  };
  const connect = async (token = 'token-a'): Promise<FakeWire> => {
    const wire = silent();
    send(wire, { t: 'hello', version: PROTOCOL_VERSION, token, client: 'test', clientVersion: '1' });
    await wire.frame('welcome');
    return wire;
  };
  const askStart = (wire: FakeWire, key: string, resume = false, transcript: TranscribedBy = 'server'): void =>
    send(wire, { t: 'start', key: keyOf(key), title: `Stream ${key}`, sourceUrl: 'https://example.test/live', mime: 'video/webm;codecs=vp8,opus', video: null, resume, transcript });
  /** Resolves with the answer. */
  const start = (wire: FakeWire, key: string, resume = false, transcript: TranscribedBy = 'server') => {
    const before = wire.of('ready').length;
    askStart(wire, key, resume, transcript);
    return wire.frame('ready', (ready) => ready.key === keyOf(key) && wire.of('ready').indexOf(ready) >= before);
  };
  const chunk = (wire: FakeWire, { session, epoch }: { session: string; epoch: number }, seq: number, change: Partial<ReturnType<typeof chunkOf>> = {}): void =>
    send(wire, { t: 'chunk', session, ...chunkOf(seq), epoch, ...change });
  const acked = (wire: FakeWire, session: string, seq: number) => wire.frame('ack', (ack) => ack.session === session && ack.seq >= seq);

  return {
    root, dirOf, repository: memory, objectStore: objects, clock, log, events, pipelines, opened, share, drops, hub, tiering, supervisor, queries, gateway, bodies,
    send, silent, connect, askStart, start, chunk, acked,
    sweep: () => sweep({ repository, objectStore, sessions: queries, supervisor, clock, log, retentionMs: RETENTION_MS, cooled, local: () => readdir(join(root, 'sessions')).catch(() => []) }, new AbortController().signal),
    /** the process ends; the folder stays */
    stop: async () => {
      await supervisor.stop();
      await tiering.close();
    },
    remove: async () => {
      await supervisor.stop();
      await tiering.close();
      await rm(root, { recursive: true, force: true });
    },
  };
};
export type SessionBench = Awaited<ReturnType<typeof sessionBench>>;

/** a ULID of a short name */
const keyOf = (name: string): string => `01J${name.toUpperCase().replaceAll(/[^0-9A-HJKMNP-TV-Z]/g, '0').padStart(23, '0')}`;
