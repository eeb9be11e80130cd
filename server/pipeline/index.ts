// One session's pipeline. Lanes over the same timeline, each pulling with its own saved cursor, merged before cut:
//   signals: decode → extract → analyse ─┐
//   words:   window → transcribe → analyse ─┼─▶ cut → archive
//   judge:   candidate → analyse ────────┘
// A slow provider makes the words cursor lag and nothing else. Cursors are saved when what lies before them is archived.
// Longer than most files here, because all lanes share one session's state and end together.
import { type Observable, type Subscription, defer, merge } from 'rxjs';
import { tap } from 'rxjs/operators';
import type { Clip, DeadLetter, Highlight, SessionEvent, SignalBin, StageName, StageState } from '../../shared/model.ts';
import type { Clock, Random } from '../clock.ts';
import { ProviderError, messageOf } from '../errors.ts';
import type { Analyser } from '../highlights/analyser.ts';
import type { Log } from '../log.ts';
import type { Judge, MediaTool, ObjectStore, OpenAudioAnalyser, OpenSceneDetector, Repository, StoredClip, Transcriber } from '../ports.ts';
import { type Analysis, createAnalysis } from './analyse.ts';
import { archiveClip, clipPrefix, clipsPrefix } from './archive.ts';
import { Poisoned, attempt } from './attempts.ts';
import { type CutFiles, cutClip, diskFiles } from './cut.ts';
import { createDecoder } from './decode.ts';
import { createExtractor } from './extract.ts';
import { createBell, createGauges } from './gauges.ts';
import type { MediaIndex, MediaLog } from './media-log.ts';
import type { CutClip, CutOrder, HeardSegment } from './segment.ts';
import { pull, stage } from './stage.ts';
import type { DecodePcm } from './audio-clip.ts';
import { type ClientWords, RECORDER_TRANSCRIBES, createClientLane } from './client-words.ts';
import type { Hole, WordsBatch, WordsJob, WordsLane } from './words-lane.ts';
import { createWordsLane } from './words.ts';

export type PipelineOptions = {
  sessionId: string;
  media: MediaLog;
  index: MediaIndex;
  repository: Repository;
  objectStore: ObjectStore;
  tool: MediaTool;
  openAudio: OpenAudioAnalyser;
  openScenes: OpenSceneDetector | null;
  analyser: Analyser;
  /** shown where `openAudio` does not listen: what that means */
  featuresOff: string | null;
  transcriber: Transcriber | null;
  /** where the recording client makes the words: they are taken from here, and no engine hears the recording */
  clientWords: ClientWords | null;
  /** shown where there is no transcriber: why, and how to turn it on */
  transcriptionOff: string;
  judge: Judge | null;
  decodePcm: DecodePcm;
  language: string | null;
  priority: number;
  speechPaddingMs: number;
  /** sound before this cannot be read and is taken as silence (a dead letter says so) */
  deafUntilMs: number;
  capacity: number;
  tempDir: string;
  /** where cuts are made: real files unless a test owns them */
  files?: CutFiles;
  clock: Clock;
  random: Random;
  log: Log;
  publish: (event: SessionEvent) => void;
  show: (clip: StoredClip) => Clip;
  expiresAt: () => number | null;
  isTransient: (error: unknown) => boolean;
  /** stretches of speech left out by dead letters that are being retried */
  holes: Hole[];
  onStage: (name: StageName, tookMs: number) => void;
  onStages: (stages: Record<StageName, StageState>) => void;
  onDrop: (kind: string) => void;
  /** the number of clips or dead letters has changed */
  onChanged: () => void;
};

export type Pipeline = {
  stages(): Record<StageName, StageState>;
  /** since when there has been nothing to do, ms since the epoch; null: there is */
  quietSince(): number | null;
  /** resolves when an ended recording has been worked through, or after `stop`; rejects with the stage's error */
  ended: Promise<void>;
  stop(): Promise<void>;
};

type Cut = { order: CutOrder; clips: CutClip[] };

const STAGES_EVERY_MS = 500;
/** The cursor is saved at least this often in media time; after a crash as much is analysed again. */
const COMMIT_EVERY_MS = 10_000;
/** Loudness and voice activity need this much sound before the first frame that counts. */
const PRE_ROLL_MS = 1_500;
const GARBAGE_PATIENCE_MS = 10 * 60_000;

export const startPipeline = (options: PipelineOptions): Pipeline => {
  const { sessionId, repository, clock, log, files = diskFiles } = options;
  const controller = new AbortController();
  let subscription: Subscription | null = null;
  let cancelStages: (() => void) | null = null;
  const closers: (() => Promise<void>)[] = [];
  const bell = createBell();
  const working = new Set<Promise<unknown>>();
  const track = <T>(work: Promise<T>): Promise<T> => {
    working.add(work);
    const forget = (): void => { working.delete(work); };
    work.then(forget, forget);
    return work;
  };

  let changedAt = clock.monotonic();
  const announce = (): void => {
    changedAt = clock.monotonic();
    if (cancelStages || controller.signal.aborted) return;
    cancelStages = clock.after(STAGES_EVERY_MS, () => {
      cancelStages = null;
      const now = stages();
      options.onStages(now);
      options.publish({ type: 'stages', sessionId, stages: now });
    });
  };
  const gauges = createGauges({ capacity: options.capacity, onStage: options.onStage, onChange: announce });
  const stages = (): Record<StageName, StageState> => gauges.states(options.media.state.durationMs);

  const patient = (name: StageName) => ({
    clock,
    random: options.random,
    waits: (error: unknown) => options.isTransient(error) || (error instanceof ProviderError && error.kind !== 'garbage'),
    onWait: (error: unknown, pauseMs: number) => {
      gauges.waiting(name, `waiting: ${messageOf(error)}`);
      log.warn({ session: sessionId, stage: name, pauseMs: Math.round(pauseMs), error: messageOf(error) }, 'a stage waits');
    },
  });
  const setAside = async (name: StageName, range: { id?: string; startMs: number; endMs: number }, error: unknown): Promise<void> => {
    const poisoned = error instanceof Poisoned ? error : new Poisoned(1, error);
    const deadLetter: DeadLetter = {
      id: range.id ?? deadLetterId(sessionId, name, range), sessionId, stage: name, startMs: Math.round(range.startMs), endMs: Math.round(range.endMs),
      code: poisoned.code, message: poisoned.message.slice(0, 1_000), attempts: poisoned.attempts, createdAt: clock.now(),
    };
    log.error({ session: sessionId, stage: name, code: deadLetter.code, error: deadLetter.message }, 'set aside as a dead letter');
    await attempt({ ...patient(name), waits: options.isTransient }, () => repository.addDeadLetter(deadLetter), controller.signal);
    options.publish({ type: 'deadLetter', sessionId, deadLetter });
    options.onChanged();
  };

  const run = async (): Promise<void> => {
    const [cursor, savedBins, savedWords, savedHighlights, savedClips, setAsideBefore] = await attempt(patient('analyse'), () => Promise.all([
      repository.cursor(sessionId), repository.bins(sessionId), repository.words(sessionId), repository.highlights(sessionId),
      repository.clips({ sessionId, limit: 10_000 }), repository.deadLetters(sessionId),
    ]), controller.signal);
    const bins = savedBins.filter((bin) => (bin.second + 1) * 1000 <= cursor.signalsUntilMs);
    options.analyser.restore({ bins, words: savedWords, highlights: savedHighlights });
    let binsUntilMs = cursor.signalsUntilMs;
    let wordsUntilMs = options.transcriber || options.clientWords ? cursor.wordsUntilMs : Infinity;
    let signalsEnded = false;
    /** A crash may cost the media index what was not committed: until it is read again nothing of it can be cut. */
    let decodedUntilMs = cursor.signalsUntilMs;

    const analysis: Analysis = createAnalysis({
      sessionId, analyser: options.analyser, repository, judge: options.judge, publish: options.publish,
      onBins: (fresh) => {
        if (fresh.length === 0) return;
        options.publish({ type: 'signals', sessionId, bins: fresh });
        words?.learn(fresh);
        binsUntilMs = Math.max(binsUntilMs, (fresh.at(-1)!.second + 1) * 1000); // fresh is not empty
        bell.ring();
      },
      onUnjudged: (reason) => {
        options.onDrop('judge');
        log.info({ session: sessionId, reason }, 'a candidate stays as it is, unjudged');
      },
      write: (write, signal) => attempt(patient('analyse'), write, signal),
      wordsUntilMs: () => wordsUntilMs,
    });

    // ── signals ──
    const decoder = createDecoder({
      log: options.media, index: options.index, fromMs: Math.max(0, cursor.signalsUntilMs - PRE_ROLL_MS), scenes: options.openScenes !== null,
      onDamage: (damage) => {
        log.warn({ session: sessionId, ...damage }, 'damaged media was stepped over');
        options.publish({ type: 'notice', sessionId, level: 'warning', code: 'damage', message: `${damage.byteEnd - damage.byteStart} bytes could not be read: ${damage.message}`, at: clock.now() });
      },
      onUnreadable: (error, atMs) => setAside('decode', { id: `${sessionId}-decode`, startMs: atMs, endMs: options.media.state.durationMs }, error),
    });
    const extractor = createExtractor({
      sessionId, fromMs: cursor.signalsUntilMs, deafUntilMs: options.deafUntilMs, openAudio: options.openAudio, openScenes: options.openScenes,
      onNote: (note) => gauges.note('extract', note),
    });
    closers.push(() => extractor.close());
    if (options.featuresOff) gauges.off('extract', options.featuresOff);
    const stageOf = <In, Out>(name: StageName, concurrency: number, capacity: number, work: (item: In, signal: AbortSignal) => Promise<Out>) =>
      stage<In, Out>({ name, capacity, concurrency, gauge: gauges.gauge(name), now: clock.monotonic, work: (item, signal) => track(work(item, signal)) });

    const demand = pull(options.capacity, (signal) => attempt(patient('decode'), (inner) => decoder.next(inner), signal));
    const signals: Observable<CutOrder> = demand.source.pipe(
      stageOf('decode', 1, options.capacity, (pulled, signal) => decoder.decode(pulled, signal)),
      tap((segment) => {
        gauges.reached('decode', segment.untilMs);
        decodedUntilMs = Math.max(decodedUntilMs, segment.untilMs);
        if (owed.length > 0) bell.ring();
      }),
      stageOf('extract', 1, options.capacity, (segment, signal) => extractor.extract(segment, signal)),
      tap((segment) => gauges.reached('extract', segment.untilMs)),
      stageOf('analyse', 1, options.capacity, (segment: HeardSegment, signal) => {
        const found = analysis.hear(segment);
        return attempt(patient('analyse'), () => analysis.keep(found, demand.give), signal);
      }),
      tap({
        next: () => gauges.reached('analyse', Math.max(binsUntilMs, 0)),
        complete: () => {
          signalsEnded = true;
          bell.ring();
        },
      }),
    );

    // ── words ──
    const known = () => ({ untilMs: signalsEnded ? options.media.state.durationMs : binsUntilMs, ended: signalsEnded });
    const changed = (signal: AbortSignal): Promise<void> => bell.wait(signal);
    const clientLane = (inbox: ClientWords): WordsLane => {
      let cancel = (): void => {};
      inbox.listen(bell.ring);
      closers.push(async () => {
        inbox.listen(null);
        cancel();
      });
      const later = (ms: number, work: () => void): void => {
        cancel = clock.after(ms, () => {
          work();
          bell.ring();
        });
      };
      gauges.rests('transcribe', RECORDER_TRANSCRIBES);
      return createClientLane({ inbox, fromMs: cursor.wordsUntilMs, known, changed, later });
    };
    const words = options.clientWords ? clientLane(options.clientWords) : options.transcriber && createWordsLane({
      media: options.media, index: options.index, decodePcm: options.decodePcm, transcriber: options.transcriber, language: options.language, priority: options.priority, paddingMs: options.speechPaddingMs,
      fromMs: cursor.wordsUntilMs, saved: savedWords, holes: options.holes, known, changed,
    });
    if (words) {
      words.learn(bins);
      gauges.reached('transcribe', cursor.wordsUntilMs);
    } else gauges.off('transcribe', options.transcriptionOff);
    /** An answer that makes no sense is the provider's fault for a while, and then this stretch's. */
    const untilPoison = (firstTriedAt: number) => {
      const shell = patient('transcribe');
      return { ...shell, waits: (error: unknown) => shell.waits(error) || (error instanceof ProviderError && clock.monotonic() - firstTriedAt < GARBAGE_PATIENCE_MS) };
    };
    const speak = (lane: WordsLane): Observable<CutOrder> => {
      const wordsDemand = pull(lane.concurrency, (signal) => lane.next(signal));
      return wordsDemand.source.pipe(
        stageOf('transcribe', lane.concurrency, 2, (job: WordsJob, signal) =>
          attempt(untilPoison(clock.monotonic()), (inner) => lane.transcribe(job, inner), signal).catch(async (error: unknown) => {
            if (!(error instanceof Poisoned)) throw error;
            await setAside('transcribe', job, error);
            return lane.nothing(job);
          })),
        stage<WordsBatch, CutOrder>({
          name: 'analyse', capacity: 2, concurrency: 1, now: clock.monotonic, gauge: { entered: () => {}, left: () => {} },
          work: async (batch, signal) => {
            await attempt(patient('analyse'), () => (batch.refill
              ? repository.fillWords(sessionId, { startMs: batch.startMs, endMs: batch.untilMs }, batch.words)
              : repository.commitWords(sessionId, batch.words, batch.untilMs)), signal);
            options.clientWords?.confirm(batch.untilMs);
            if (batch.ended) gauges.rests('transcribe', null);
            if (batch.words.length > 0) options.publish({ type: 'words', sessionId, words: batch.words });
            // Words that fill a hole come out of order: they are for the transcript, the analyser has moved on.
            if (batch.refill) return { highlights: [], bins: [], signalsUntilMs: null, release: wordsDemand.give };
            wordsUntilMs = Math.max(wordsUntilMs, batch.untilMs);
            gauges.reached('transcribe', batch.untilMs);
            const found = analysis.read(batch.words, batch.untilMs, batch.ended);
            return attempt(patient('analyse'), () => analysis.keep(found, wordsDemand.give), signal);
          },
        }),
      );
    };
    const spoken = words && speak(words);

    // ── judge, and cuts that were owed when the process died or that are retried ──
    const judgeDemand = pull(1, (signal) => analysis.nextCandidate(signal));
    const judged: Observable<CutOrder> = judgeDemand.source.pipe(
      stage<Highlight, CutOrder>({
        name: 'analyse', capacity: 1, concurrency: 1, now: clock.monotonic, gauge: { entered: () => {}, left: () => {} },
        work: (highlight, signal) => track(analysis.judge(highlight, judgeDemand.give, signal)),
      }),
    );
    const dead = new Set(setAsideBefore.map((letter) => letter.id));
    const stored = new Map(savedClips.map((clip) => [clip.id, clip.version]));
    // A vetoed one is owed its withdrawal, also where its clip was being stored and has no row yet.
    const suspects = savedHighlights.filter(({ id, state }) => state === 'vetoed' && !stored.has(id));
    owed.push(...savedHighlights.filter((highlight) => (highlight.state === 'vetoed' ? stored.has(highlight.id) : (stored.get(highlight.id) ?? 0) < highlight.version && !dead.has(cutLetterId(highlight)))));
    const clipsWithObjects = async (): Promise<Set<string>> => {
      const found = new Set<string>();
      for await (const { key } of options.objectStore.list(clipsPrefix(sessionId))) found.add(key.slice(clipsPrefix(sessionId).length).split('/')[0] ?? '');
      return found;
    };
    const owedDemand = pull(1, async (signal): Promise<Highlight | null> => {
      if (suspects.length > 0) {
        const left = await attempt({ ...patient('archive'), waits: () => true }, clipsWithObjects, signal);
        owed.push(...suspects.splice(0).filter(({ id }) => left.has(id)));
      }
      for (;;) {
        const next = owed.findIndex(({ endMs }) => lanesEnded || endMs <= decodedUntilMs);
        if (next >= 0) return owed.splice(next, 1)[0]!; // just found
        if (lanesEnded) return null;
        await bell.wait(signal);
      }
    });
    const owedOrders: Observable<CutOrder> = owedDemand.source.pipe(
      stage<Highlight, CutOrder>({
        name: 'analyse', capacity: 1, concurrency: 1, now: clock.monotonic, gauge: { entered: () => {}, left: () => {} },
        work: async (highlight) => ({ highlights: [highlight], bins: [], signalsUntilMs: null, release: owedDemand.give }),
      }),
    );
    const lanes = merge(signals, ...(spoken ? [spoken] : [])).pipe(
      tap({
        complete: () => {
          lanesEnded = true;
          analysis.noMoreCandidates();
          bell.ring();
        },
      }),
    );

    // ── cut → archive ──
    // Orders held at once: every credit of the four lanes.
    const room = options.capacity + 2 + 1 + 1;
    const cutOne = async (highlight: Highlight, signal: AbortSignal): Promise<CutClip | null> => {
      try {
        return await attempt(patient('cut'), (inner) => cutClip({ log: options.media, index: options.index, tool: options.tool, tempDir: options.tempDir, files }, highlight, inner), signal);
      } catch (error) {
        if (!(error instanceof Poisoned)) throw error;
        await setAside('cut', { id: cutLetterId(highlight), startMs: highlight.startMs, endMs: highlight.endMs }, error);
        return null;
      }
    };
    let uncommitted: SignalBin[] = [];
    let committedUntilMs = cursor.signalsUntilMs;
    const commit = async (untilMs: number | null, always: boolean): Promise<void> => {
      if (untilMs === null || uncommitted.length === 0) return;
      if (!always && untilMs - committedUntilMs < COMMIT_EVERY_MS) return;
      await options.index.flush();
      // Seconds that are made again behind a crash are stored again; the cursor never goes back (SIM11).
      const reachedMs = Math.max(committedUntilMs, untilMs);
      await repository.commitBins(sessionId, uncommitted, reachedMs);
      committedUntilMs = reachedMs;
      uncommitted = [];
    };
    const archive = { repository, objectStore: options.objectStore, now: clock.now, expiresAt: options.expiresAt, show: options.show, onClip: (clip: Clip) => {
      options.publish({ type: 'clip', sessionId, clip });
      options.onChanged();
    } };

    const work = merge(lanes, judged, owedOrders).pipe(
      stageOf('cut', 1, room, async (order: CutOrder, signal): Promise<Cut> => {
        const clips: CutClip[] = [];
        for (const highlight of latest(order.highlights)) {
          if (highlight.state === 'vetoed') continue;
          const clip = await cutOne(highlight, signal);
          if (clip) clips.push(clip);
        }
        return { order, clips };
      }),
      stageOf('archive', 1, room, async ({ order, clips }: Cut, signal): Promise<CutOrder> => {
        const storing = { ...patient('archive'), waits: () => true };
        for (const highlight of order.highlights) if (highlight.state === 'vetoed') await attempt(storing, () => withdraw(highlight), signal);
        for (const clip of clips) {
          await attempt(storing, () => archiveClip(archive, clip), signal);
          for (const file of [clip.file, clip.handlesFile]) if (file) await files.remove(file);
        }
        uncommitted.push(...order.bins);
        await attempt(storing, () => commit(order.signalsUntilMs, clips.length > 0), signal);
        return order;
      }),
    );
    const withdraw = async (highlight: Highlight): Promise<void> => {
      const clip = await repository.clip(highlight.id);
      if (clip?.pinned) return;
      // Objects first: an attempt that fails in between finds the clip again.
      for await (const { key } of options.objectStore.list(clipPrefix(sessionId, highlight.id))) await options.objectStore.delete(key);
      if (!clip) return;
      await repository.deleteClip(highlight.id);
      options.publish({ type: 'clipDeleted', sessionId, clipId: highlight.id });
      options.onChanged();
    };

    await new Promise<void>((resolve, reject) => {
      if (controller.signal.aborted) return resolve(); // stopped while its state was being loaded
      changedAt = clock.monotonic();
      begun = true;
      controller.signal.addEventListener('abort', () => resolve(), { once: true });
      subscription = defer(() => work).subscribe({
        next: (order) => {
          if (order.signalsUntilMs !== null) for (const name of ['cut', 'archive'] as const) gauges.reached(name, order.signalsUntilMs);
          order.release();
        },
        error: reject,
        complete: () => {
          attempt({ ...patient('archive'), waits: () => true }, () => commit(binsUntilMs, true), controller.signal).then(resolve, reject);
        },
      });
    });
  };

  const owed: Highlight[] = [];
  /** what was saved has been taken up */
  let begun = false;
  let lanesEnded = false;
  const close = async (): Promise<void> => {
    subscription?.unsubscribe();
    cancelStages?.();
    // What was aborted still holds files, workers and rows until it has noticed.
    await Promise.allSettled(working);
    await Promise.all(closers.map((closer) => closer()));
  };
  const ended = run()
    .catch((error: unknown) => {
      if (!controller.signal.aborted) throw error;
    })
    .finally(close);

  return {
    stages,
    quietSince: () => (begun && gauges.quiet() && working.size === 0 && owed.length === 0 ? changedAt : null),
    ended,
    stop: async () => {
      controller.abort(new Error('the pipeline was stopped'));
      await ended.catch(() => {});
    },
  };
};

/** The same input set aside again, after a crash or a retry, is one dead letter. */
export const deadLetterId = (sessionId: string, name: StageName, { startMs, endMs }: { startMs: number; endMs: number }): string => `${sessionId}-${name}-${Math.round(startMs)}-${Math.round(endMs)}`;

/** The dead letter of a highlight that cannot be cut; a newer version of it gets its own. */
export const cutLetterId = (highlight: Pick<Highlight, 'id' | 'version'>): string => `${highlight.id}-v${highlight.version}`;

/** Only the newest version of each is worth cutting. */
const latest = (highlights: Highlight[]): Highlight[] => [...new Map(highlights.map((highlight) => [highlight.id, highlight])).values()];

