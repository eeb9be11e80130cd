// The composition root: the only file that names adapters. Reads settings, checks what a start needs, wires the parts, serves
// until SIGTERM. Long because everything is wired here and nowhere else.
// oxlint-disable-next-line import/no-unassigned-import -- it must run before anything starts libuv's threads
import './thread-pool.ts';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { enableCompileCache } from 'node:module';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { SUB_PROTOCOL } from '../shared/protocol.ts';
import type { Clip, SessionStatus, Tier } from '../shared/model.ts';
import { FEATURES_OFF, openPacketActivity } from './adapters/audio-analyser.packets.ts';
import { startEmbeddedPostgres } from './adapters/embedded-postgres.ts';
import { lockFolder } from './adapters/folder-lock.ts';
import { createFolderStore } from './adapters/object-store.folder.ts';
import type { ProviderGuard } from './adapters/provider-guard.ts';
import { isTransient } from './adapters/transient.ts';
import { systemClock } from './clock.ts';
import { type Config, parseConfig } from './config.ts';
import { Refused, StartError, messageOf } from './errors.ts';
import { FRAME_ACTIONS, allowedOrigin, createAuth, hashToken } from './http/auth.ts';
import { type Log, createLog, oncePerSecond } from './log.ts';
import type { ObjectStore, Repository, StoredClip } from './ports.ts';
import { watchDiskSpace } from './sessions/disk-space.ts';
import { nodeFileSystem } from './sessions/file-system.ts';
import { createFrameMemory } from './sessions/frame-memory.ts';
import { createHotChunks } from './sessions/hot-chunks.ts';
import { createMending } from './sessions/mend-clip.ts';
import type { SegmentIndex } from './sessions/segment-index.ts';
import { findFfmpeg } from './workers/ffmpeg.ts';
import { defaultWorkers, openMediaPool } from './workers/media-pool.ts';
import { checkModels } from './workers/model-check.ts';

const MB = 1e6;
const HOUR_MS = 3_600_000;
/** Chunks wait here for the pipeline, which takes them out: it is used only as far as pipelines lag. */
const HOT_BYTES = 128 * MB;
/** Chunks all recordings together may have in flight (T10). */
const IN_FLIGHT_CHUNKS = 4_096;
/** Memory a burst of chunks has left behind is let go after so long. */
const TRIM_EVERY_MS = 10_000;
const MEDIA_URL_S = 6 * 3600;
/** Measured on ten minutes of quiet speech over game noise: 0.2 s around the energy gate's speech loses 16 % of the words, 1.5 s 3 %, for 1.1 s sent per second. */
const GATE_PADDING_MS = 1_500;
const MODEL_PADDING_MS = 200;
/** A clean exit takes less (S3); after it the process ends anyway. */
const SHUTDOWN_MS = 4_500;

/** Shown while no engine is set. */
const NO_TRANSCRIPTION = 'transcription is off: set GROQ_API_KEY or OPENAI_API_KEY, or get a local model (npm run model) and set CLIPPY_SPEECH_MODEL';

/**
 * What takes long to load, loaded while PostgreSQL starts: a turn between two of them lets its start go on. What only some
 * settings need is imported where they are looked at.
 */
const loadParts = async () => ({
  ...(await turn(import('node-cron'))),
  ...(await turn(import('../shared/codec.ts'))),
  ...(await turn(import('./http/app.ts'))),
  ...(await turn(import('./http/devices.ts'))),
  ...(await turn(import('./http/guess-limit.ts'))),
  ...(await turn(import('./metrics.ts'))),
  ...(await turn(import('./transport/create-transport.ts'))),
  ...(await turn(import('./adapters/audio-analyser.bands.ts'))),
  ...(await turn(import('./adapters/audio-analyser.workers.ts'))),
  ...(await turn(import('./adapters/judge.chain.ts'))),
  ...(await turn(import('./adapters/media-tool.ffmpeg.ts'))),
  ...(await turn(import('./adapters/provider-guard.ts'))),
  ...(await turn(import('./adapters/scene-detector.ffmpeg.ts'))),
  ...(await turn(import('./highlights/analyser.ts'))),
  ...(await turn(import('./pipeline/index.ts'))),
  ...(await turn(import('./sessions/clip-bodies.ts'))),
  ...(await turn(import('./sessions/gateway.ts'))),
  ...(await turn(import('./sessions/hub.ts'))),
  ...(await turn(import('./sessions/media-index.ts'))),
  ...(await turn(import('./sessions/queries.ts'))),
  ...(await turn(import('./sessions/retention.ts'))),
  ...(await turn(import('./sessions/supervisor.ts'))),
  ...(await turn(import('./sessions/tiering.ts'))),
  ...(await turn(import('./sessions/timeline.ts'))),
});
const turn = async <T>(loaded: Promise<T>): Promise<T> => {
  const part = await loaded;
  await setImmediate();
  return part;
};

/** What is closed at the end, last opened first. */
type Closer = { name: string; close: () => Promise<void> };

const adminToken = async (config: Config, repository: Repository): Promise<string> => {
  if (config.adminToken !== '') return hashToken(config.adminToken);
  const stored = await repository.setting('adminTokenHash');
  if (stored) return stored;
  const token = randomBytes(24).toString('base64url');
  await repository.putSetting('adminTokenHash', hashToken(token));
  process.stderr.write(`\nThe admin token of this server, shown only this once:\n\n    ${token}\n\nDashboards ask for it; programs send it as "Authorization: Bearer …"; the CLI reads CLIPPY_TOKEN.\n\n`);
  return hashToken(token);
};

const signingSecret = async (repository: Repository): Promise<Uint8Array> => {
  const stored = await repository.setting('mediaSecret');
  if (stored) return Buffer.from(stored, 'base64url');
  const secret = randomBytes(32);
  await repository.putSetting('mediaSecret', secret.toString('base64url'));
  return secret;
};

const openObjectStore = async (config: Config, log: Log): Promise<ObjectStore> => {
  if (config.s3Bucket === '') return createFolderStore({ dir: join(config.dataDir, 'objects') });
  const { createS3Store } = await import('./adapters/object-store.s3.ts');
  return createS3Store({
    bucket: config.s3Bucket, region: config.s3Region, createBucket: true, log,
    ...(config.s3Endpoint === '' ? {} : { endpoint: config.s3Endpoint }),
    ...(config.s3AccessKey === '' ? {} : { credentials: { accessKeyId: config.s3AccessKey, secretAccessKey: config.s3SecretKey } }),
  });
};

/** What fault tests put between the core and a part made here; it is given the part and returns what is used in its place. */
export type Between = <T extends object>(name: 'repository' | 'objectStore' | 'wire', part: T) => T;

export const serve = async (config: Config, log: Log, between: Between = (_, part) => part): Promise<{ url: string; stop: () => Promise<void> }> => {
  const closers: Closer[] = [];
  const opened = <T>(name: string, part: T, close: (part: T) => Promise<void> | void): T => {
    closers.unshift({ name, close: async () => close(part) });
    return part;
  };
  const closeAll = async (): Promise<void> => {
    for (const { name, close } of closers) await close().catch((error: unknown) => log.warn({ part: name, error: messageOf(error) }, 'a part did not close'));
  };

  try {
    const clock = systemClock;
    const dataDir = resolve(config.dataDir);
    await mkdir(dataDir, { recursive: true, mode: 0o700 }).catch((error: unknown) => { throw new StartError(`the data folder ${dataDir} cannot be made: ${messageOf(error)}`, 'choose another with CLIPPY_DATA_DIR', { cause: error }); });
    opened('data folder', await lockFolder(dataDir, 'stop it first, or give this one another CLIPPY_DATA_DIR'), (part) => part.release());
    await nodeFileSystem.makeDir(join(dataDir, 'sessions'));
    await nodeFileSystem.syncDir(dataDir);
    const tempDir = join(dataDir, 'temp');
    await rm(tempDir, { recursive: true, force: true });
    const modelsDir = join(dataDir, 'models');
    const openRepository = async (): Promise<Repository> => {
      const embedded = config.databaseUrl === '' ? opened('embedded PostgreSQL', await startEmbeddedPostgres({ dir: join(dataDir, 'postgres'), log }), (part) => part.stop()) : null;
      const { createRepository } = await import('./adapters/repository.postgres.ts');
      return opened('repository', await createRepository({ connection: embedded?.connection ?? config.databaseUrl, log, clock }), (part) => part.close());
    };

    // ── storage ──
    const [repository, ffmpeg, diskSpace, objectStore, sound, parts] = await Promise.all([
      openRepository().then((part) => between('repository', part)),
      findFfmpeg(config.ffmpegPath || undefined),
      watchDiskSpace({ dir: dataDir, hardBytes: config.diskReserve * MB, softBytes: config.diskSoft * MB, everyMs: 2_000, clock, log }).then((watch) => opened('disk watch', watch, (part) => part.close())),
      openObjectStore({ ...config, dataDir }, log).then((part) => between('objectStore', part)),
      config.features ? checkModels({ vadModel: config.vadModel, taggingModel: config.taggingModel, modelsDir }) : { models: { vad: '', taggingModel: '', taggingLabels: '' }, notes: [FEATURES_OFF] },
      loadParts(),
    ]);
    const {
      createAnalyser, createAudioAnalysers, createBandAnalysers, createClipBodies, createFfmpegMediaTool, createGateway, createHttp, createHub, createMediaIndex, createMetrics, createPcmDecoder, createProviderGuard,
      createQueries, createSceneDetectors, createSupervisor, createTiering, createTokenLimit, createTransport, guesserOf, judgeChain, maxClientFrameBytes, openDevices, openTimeline,
      schedule, segmentKey, startPipeline, sweep,
    } = parts;
    const metrics = createMetrics();
    const logDrop = oncePerSecond((fields, message) => log.warn(fields, message), clock);
    const dropped = (kind: string, message: string): void => {
      metrics.dropped(kind);
      logDrop(kind, { kind }, message);
    };
    const [tokenHash, secret] = await Promise.all([adminToken(config, repository), signingSecret(repository)]);
    const devices = await openDevices({ repository, clock, log, onRevoked: (id) => gateway.endDevice(id) });
    const auth = createAuth({ tokenHash, secret, clock, deviceOf: devices.of, metricsPublic: config.metricsPublic });

    // ── media and inference ──
    const tool = createFfmpegMediaTool(ffmpeg);
    for (const note of sound.notes) log.info({}, note);
    const pool = opened('media workers', openMediaPool({
      workers: config.workers || defaultWorkers(),
      settings: { ffmpegPath: ffmpeg.path, models: sound.models },
      onCrash: (message) => log.error({ message }, 'a media worker ended; it is replaced'),
    }), (part) => part.close());
    const decoding = createAudioAnalysers({ pool });
    // Models hear sound; without one, what packets tell is enough.
    const heard = sound.models.vad === '' && sound.models.taggingModel === '' ? createBandAnalysers({ decoding }) : decoding;
    const openAudio = config.features ? heard : openPacketActivity;
    const decodePcm = createPcmDecoder({ pool });
    const openScenes = config.scenes ? createSceneDetectors({ ffmpegPath: ffmpeg.path }) : null;
    const guards = new Map<'groq' | 'openai', ProviderGuard>();
    /** One guard per provider, whoever calls it. */
    const guard = (name: 'groq' | 'openai'): ProviderGuard => {
      const known = guards.get(name) ?? opened(name, createProviderGuard({
        name, clock, random: Math.random, book: repository, budget: { hourUsd: config.budgetHour, dayUsd: config.budgetDay },
        limits: { requestsPerMinute: config.requestsPerMinute, requestsPerDay: config.requestsPerDay, audioSecondsPerHour: config.audioSecondsPerHour, timeoutMs: config.providerTimeoutS * 1_000 },
        onCall: ({ provider, outcome, ms }) => metrics.providerCall(provider, outcome, ms / 1_000),
        onError: (error) => log.warn({ provider: name, error: messageOf(error) }, 'the budget of a provider could not be stored; it still counts'),
      }), (part) => part.close());
      guards.set(name, known);
      return known;
    };
    const onNotice = ({ level, code, message }: { level: 'info' | 'warning'; code: string; message: string }): void => {
      log.warn({ code }, message);
      hub.publish({ type: 'notice', sessionId: null, level, code, message, at: clock.now() });
    };
    const engines = config.groqApiKey !== '' || config.openaiApiKey !== '' || config.openaiBaseUrl !== '' || config.speechModel !== '';
    const transcriber = engines ? (await import('./adapters/transcriber.chain.ts')).createTranscriber({
      groqApiKey: config.groqApiKey, groqBaseUrl: config.groqBaseUrl, groqModels: config.groqModels,
      openaiApiKey: config.openaiApiKey, openaiBaseUrl: config.openaiBaseUrl, openaiModels: config.openaiModels,
      localModel: config.speechModel === '' ? '' : resolve(modelsDir, config.speechModel), localThreads: 1,
    }, { guard, onNotice }) : null;
    if (transcriber) opened('transcriber', transcriber, (part) => part.close());
    const onJudgeNotice = (message: string): void => onNotice({ level: 'warning', code: 'judge', message });
    const judge = judgeChain([
      ...(config.groqApiKey !== '' && config.groqJudgeModels.length > 0 ? [(await import('./adapters/judge.groq.ts')).groqJudge({ apiKey: config.groqApiKey, models: config.groqJudgeModels, guard: guard('groq'), onNotice: onJudgeNotice, ...(config.groqBaseUrl === '' ? {} : { baseUrl: config.groqBaseUrl }) })] : []),
      ...(config.openaiApiKey !== '' && config.openaiJudgeModels.length > 0 ? [(await import('./adapters/judge.openai.ts')).openaiJudge({ apiKey: config.openaiApiKey, models: config.openaiJudgeModels, guard: guard('openai'), onNotice: onJudgeNotice, ...(config.openaiBaseUrl === '' ? {} : { baseUrl: config.openaiBaseUrl }) })] : []),
    ]);
    const providers = () => [...(transcriber?.states() ?? [])];
    const phrases = config.phrasesFile === '' ? undefined : JSON.parse(await readFile(config.phrasesFile, 'utf8'));

    // ── recordings ──
    const retentionMs: Record<Tier, number> = { free: config.retentionFreeHours * HOUR_MS, plus: config.retentionPlusHours * HOUR_MS, pro: config.retentionProHours * HOUR_MS };
    const priority: Record<Tier, number> = { free: 7, plus: 5, pro: 3 };
    const mailbox = { chunks: config.creditChunks, bytes: Math.floor(config.creditBytes * MB) };
    const limits = { maxChunkBytes: Math.floor(config.maxChunkBytes * MB), credits: mailbox };
    const show = ({ mediaKey: _media, thumbnailKey, sums: _sums, ...clip }: StoredClip): Clip => ({
      ...clip,
      mediaUrl: auth.signPath(`/api/clips/${clip.id}/media`, MEDIA_URL_S),
      thumbnailUrl: thumbnailKey === '' ? '' : auth.signPath(`/api/clips/${clip.id}/thumbnail`, MEDIA_URL_S),
    });
    const hub = createHub({
      snapshot: async (topic) => ({ t: 'state', topic, state: topic === 'system' ? await queries.system() : await queries.view(topic.slice('session:'.length)) }),
      maxBufferedBytes: 1 << 20,
      onDrop: () => dropped('event', 'a viewer is too slow for its events; it gets a fresh state'),
      onError: (error) => log.warn({ error: messageOf(error) }, 'a slow viewer could not be refreshed'),
    });
    const indexCache = new LRUCache<string, SegmentIndex>({ maxSize: config.cacheBytes * MB / 2, sizeCalculation: (index) => Math.max(1, index.byteLength) });
    const memory = createFrameMemory();
    const hotChunks = createHotChunks({ maxBytes: HOT_BYTES, memory });
    const sessionDir = (sessionId: string): string => join(dataDir, 'sessions', sessionId);
    const tiering = opened('tiering', createTiering({ objectStore, repository, diskSpace, hotMs: config.hotMinutes * 60_000, everyMs: 5_000, concurrency: 2, log, clock }), (part) => part.close());
    const supervisor = createSupervisor({
      repository, objectStore, clock, log, tiering, tier: config.tier, maxSessions: config.maxSessions, credits: { mailbox, together: { chunks: IN_FLIGHT_CHUNKS, bytes: Math.floor(config.inFlightBytes * MB) }, maxChunkBytes: limits.maxChunkBytes }, resumeMs: config.resumeMinutes * 60_000, retentionMs,
      creditsShare: () => diskSpace.creditsFactor(),
      publish: hub.publish,
      openTimeline: async (sessionId) => {
        const dir = sessionDir(sessionId);
        const cold = await repository.coldSegments(sessionId);
        const timeline = await openTimeline({
          dir, sessionId, indexCache, hotChunks, log, segmentBytes: Math.floor(config.segmentBytes * MB), coldSegments: cold,
          coldRead: (index, start, end, signal) => objectStore.read(segmentKey(sessionId, index), { start, end }, signal),
        });
        return { timeline, index: await createMediaIndex({ dir, log }) };
      },
      removeTimeline: (sessionId) => nodeFileSystem.removeDir(sessionDir(sessionId)),
      startPipeline: ({ session, media, index, expiresAt, deafUntilMs, holes }) => startPipeline({
        sessionId: session.id, media, index, repository, objectStore, tool, openAudio, openScenes,
        analyser: createAnalyser({ sessionId: session.id, ...(phrases ? { phrases } : {}) }),
        featuresOff: config.features ? null : FEATURES_OFF, transcriber, transcriptionOff: NO_TRANSCRIPTION, clientWords: session.clientWords,
        judge, decodePcm, language: config.language || null, priority: priority[session.summary.tier], speechPaddingMs: sound.models.vad === '' ? GATE_PADDING_MS : MODEL_PADDING_MS, deafUntilMs, holes,
        capacity: config.pipelineCapacity, tempDir: join(tempDir, session.id), clock, random: Math.random, log,
        publish: (event) => {
          if (event.type === 'clip') metrics.clipReady(event.clip.state, Math.max(0, clock.now() - session.summary.startedAt - event.clip.endMs) / 1_000);
          hub.publish(event);
        },
        show, expiresAt, isTransient,
        onStage: (name, tookMs) => metrics.stageTook(name, tookMs / 1_000),
        onStages: (stages) => metrics.stages(session.id, stages),
        onDrop: (kind) => metrics.dropped(kind),
        onChanged: () => void refreshCounts(session.id),
      }),
      onRetired: (sessionId) => metrics.forgetSession(sessionId),
      onRested: (sessionId) => metrics.forgetSession(sessionId),
    });
    const refreshCounts = async (sessionId: string): Promise<void> => {
      const row = await repository.session(sessionId).catch(() => null);
      if (row) supervisor.find(sessionId)?.patch({ clips: row.clips, deadLetters: row.deadLetters });
    };
    const mend = createMending({ repository, objectStore, readLog: supervisor.readLog, tool, tempDir: join(tempDir, 'mending'), log });
    const bodies = createClipBodies({ objectStore, tool, tempDir, mend, thumbnailBytes: config.cacheBytes * MB / 2 });
    const queries = createQueries({
      supervisor, repository, objectStore, bodies, clock, retentionMs, show, publish: hub.publish, providers, transcriptionOff: transcriber ? null : NO_TRANSCRIPTION,
      rangeCache: { dir: join(tempDir, 'ranges'), bytes: 1_000 * MB, maxRangeMs: config.maxRangeMinutes * 60_000 },
    });

    // ── ways in ──
    const tokenLimit = createTokenLimit();
    const gateway = createGateway({
      hub, limits: () => limits, clock, log, memory,
      speakerOf: async (token, remote) => {
        const subject = auth.subjectOfToken(token);
        await tokenLimit(subject, guesserOf(remote, ''));
        if (subject.kind === 'admin') return { user: 'admin', device: null };
        if (subject.kind === 'device') return { user: subject.user, device: subject.id };
        throw new Refused('unauthorized', subject.kind === 'anonymous' ? subject.why : 'a link is no token');
      },
      authorize: ({ user, device }, frame) => {
        if (device !== null && frame.t === 'ping') devices.used(device); // a client that lives pings; chunks cost no look-up
        auth.authorize(device === null ? { kind: 'admin' } : { kind: 'device', id: device, user }, FRAME_ACTIONS[frame.t], frame.t === 'watch' || frame.t === 'unwatch' ? { topic: frame.topic } : 'session' in frame ? { sessionId: frame.session } : {});
      },
      open: supervisor.open, find: supervisor.find,
      onFrame: (type, bytes) => {
        if (type === 'chunk') metrics.chunk(bytes);
        if (type === 'bad') dropped('frame', 'a frame that breaks the protocol was refused');
      },
    });
    const http = createHttp({
      sessions: queries, auth, devices, tokenLimit, isTransient, origins: config.origins, metrics, clock, log, staticDir: resolve(import.meta.dirname, '../dist/dashboard'),
      ready: [
        { name: 'database', check: () => repository.ping() },
        { name: 'object store', check: () => objectStore.ping() },
        { name: 'disk', check: async () => { if (diskSpace.creditsFactor() === 0) throw new Error(`only ${Math.round(diskSpace.space().freeBytes / MB)} MB are free; recording waits (CLIPPY_DISK_RESERVE_MB)`); } },
      ],
      status: async () => ({ transport: transport.name, ffmpeg: { path: ffmpeg.path, version: ffmpeg.version, source: ffmpeg.source }, database: config.databaseUrl === '' ? 'embedded' : 'external', objectStore: config.s3Bucket === '' ? 'folder' : 's3', transcription: transcriber?.name ?? 'off', judge: judge?.name ?? 'off', sessions: supervisor.live().length }),
    });
    const transport = await createTransport({
      kind: config.transport, log,
      handle: http,
      sockets: {
        upgrade: (request) => {
          if (request.path !== '/ws') return { accept: false, status: 404, message: 'WebSockets are at /ws' };
          if (!allowedOrigin(request.header('origin'), request.header('host'), config.origins)) return { accept: false, status: 403, message: 'this origin is not allowed; add it to CLIPPY_ORIGINS' };
          if (!request.header('sec-websocket-protocol').split(',').some((one) => one.trim() === SUB_PROTOCOL)) return { accept: false, status: 400, message: `offer the sub-protocol ${SUB_PROTOCOL}` };
          return { accept: true, protocol: SUB_PROTOCOL };
        },
        open: (socket) => {
          metrics.connections(1);
          gateway.open(between('wire', socket));
        },
        message: gateway.message,
        drain: gateway.drain,
        close: (socket) => {
          metrics.connections(-1);
          gateway.close(socket);
        },
      },
      limits: { maxFrameBytes: maxClientFrameBytes(limits.maxChunkBytes), maxBackpressureBytes: 8 << 20, idleTimeoutS: 60, maxBodyBytes: 1 << 20 },
    });
    opened('transport', transport, (part) => part.close());
    opened('recordings', supervisor, (part) => part.stop());
    opened('credits', diskSpace.onChange(() => supervisor.refreshCredits()), (stop) => stop());

    const { found: resumed } = await supervisor.resumeAll();
    const sweeper = new AbortController();
    const cooled = new Set<string>();
    let sweeping: Promise<void> = Promise.resolve();
    const sweepNow = async (): Promise<void> => {
      try {
        const deleted = await sweep({ repository, objectStore, sessions: queries, supervisor, clock, log, retentionMs, cooled, local: () => readdir(join(dataDir, 'sessions')).catch(() => []) }, sweeper.signal);
        if (deleted.clips + deleted.sessions > 0) log.info(deleted, 'what had expired was deleted');
      } catch (error) {
        log.error({ error: messageOf(error) }, 'the retention sweep failed; tried again in a minute');
      }
    };
    const cron = schedule('* * * * *', () => (sweeping = sweepNow()), { noOverlap: true });
    opened('retention', cron, async (part) => {
      sweeper.abort(new Error('shutting down'));
      await part.destroy();
      await sweeping; // else it opens recordings again that are being put away
    });
    const everySecond = setInterval(() => {
      const counts: Record<SessionStatus, number> = { live: 0, interrupted: 0, draining: 0, closed: 0, failed: 0 };
      for (const session of supervisor.live()) counts[session.status] += 1;
      metrics.sessions(counts);
      metrics.providers(providers());
    }, 1_000);
    const trimTimer = setInterval(memory.trim, TRIM_EVERY_MS);
    let lastProviders = '';
    const providersTimer = setInterval(() => {
      const now = JSON.stringify(providers());
      if (now !== lastProviders) hub.publish({ type: 'providers', providers: providers() });
      lastProviders = now;
    }, 1_000);
    opened('timers', [everySecond, trimTimer, providersTimer], (timers) => timers.forEach(clearInterval));

    const port = await transport.listen(config.host, config.port);
    const url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
    log.info({ url, transport: transport.name, ffmpeg: `${ffmpeg.version} (${ffmpeg.source})`, database: config.databaseUrl === '' ? 'embedded' : 'external', objectStore: config.s3Bucket === '' ? 'folder' : 's3', transcription: transcriber?.name ?? 'off', resumed }, 'ready');
    return { url, stop: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
};

const main = async (): Promise<void> => {
  // Not in the temporary folder, where others could leave code for us. A folder that cannot be written costs nothing.
  enableCompileCache(process.env['NODE_COMPILE_CACHE'] ?? resolve(import.meta.dirname, '../node_modules/.cache/clippy'));
  const config = parseConfig(process.env);
  const log = createLog({ level: config.logLevel });
  const server = await serve(config, log);
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'shutting down');
    const timer = setTimeout(() => {
      log.error({}, 'the shutdown took too long; what is durable is resumed at the next start');
      process.exit(1);
    }, SHUTDOWN_MS);
    timer.unref();
    void server.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('unhandledRejection', (error) => {
    log.error({ error: messageOf(error), stack: error instanceof Error ? error.stack : undefined }, 'an unhandled rejection: a defect, please report it');
  });
};

if (import.meta.main) {
  main().catch((error: unknown) => {
    if (error instanceof StartError) process.stderr.write(`\nClippy cannot start: ${error.message}\n\n`);
    else console.error(error);
    process.exit(1);
  });
}
