// analyse: one analyser per session, fed by both lanes; what it finds is persisted and becomes an order to cut. The judge is a
// lane of its own behind a bounded queue: a slow or missing LLM delays no clip.
import type { Highlight, SessionEvent, SignalBin, Word } from '../../shared/model.ts';
import { messageOf } from '../errors.ts';
import type { Analyser } from '../highlights/analyser.ts';
import type { Judge, Repository } from '../ports.ts';
import { createBell } from './gauges.ts';
import type { CutOrder, HeardSegment } from './segment.ts';

/** `signalsUntilMs`: sound up to here is in `bins`; null where the words lane found something. */
export type Found = Omit<CutOrder, 'release'>;

/** Candidates that may wait for the judge; one more is cut unjudged. */
const JUDGE_QUEUE = 8;

export type AnalyseOptions = {
  sessionId: string;
  analyser: Analyser;
  repository: Repository;
  judge: Judge | null;
  publish: (event: SessionEvent) => void;
  onBins: (bins: SignalBin[]) => void;
  onUnjudged: (reason: string) => void;
  /** runs what writes down a verdict until storage takes it */
  write: (work: () => Promise<void>, signal: AbortSignal) => Promise<void>;
  /** media time up to which words are committed; Infinity when no engine is set */
  wordsUntilMs: () => number;
};

export const createAnalysis = (options: AnalyseOptions) => {
  const { analyser, repository, sessionId } = options;
  const bell = createBell();
  const queue: Highlight[] = [];
  const judged = new Set<string>();
  let closed = false;

  const persist = async (highlights: Highlight[]): Promise<void> => {
    for (const highlight of highlights) {
      await repository.saveHighlight(highlight);
      options.publish({ type: 'highlight', sessionId, highlight });
      const candidate = options.judge && highlight.state === 'refined' && !judged.has(highlight.id) && analyser.question(highlight.id) !== null;
      if (!candidate) continue;
      if (queue.length >= JUDGE_QUEUE) options.onUnjudged(`${JUDGE_QUEUE} candidates already wait for the judge`);
      else {
        judged.add(highlight.id);
        queue.push(highlight);
        bell.ring();
      }
    }
  };

  /** The analyser hears everything once; what must be tried again is only the writing down of what it found. */
  return {
    hear: (segment: HeardSegment): Found => {
      const found = analyser.push({ frames: segment.frames, scenes: segment.scenes, words: [], untilMs: segment.untilMs, wordsUntilMs: options.wordsUntilMs(), ended: segment.ended });
      options.onBins(found.bins);
      const last = found.bins.at(-1);
      return { ...found, signalsUntilMs: last ? (last.second + 1) * 1000 : null };
    },
    read: (words: Word[], untilMs: number, ended: boolean): Found => {
      const found = analyser.push({ frames: [], scenes: [], words, untilMs: 0, wordsUntilMs: untilMs, ended });
      options.onBins(found.bins);
      return { ...found, signalsUntilMs: null };
    },
    keep: async (found: Found, release: () => void): Promise<CutOrder> => {
      await persist(found.highlights);
      return { ...found, release };
    },
    /** the next candidate for the judge; null when no more can come */
    nextCandidate: async (signal: AbortSignal): Promise<Highlight | null> => {
      for (;;) {
        const highlight = queue.shift();
        if (highlight) return highlight;
        if (closed) return null;
        await bell.wait(signal);
      }
    },
    noMoreCandidates: (): void => {
      closed = true;
      bell.ring();
    },
    judge: async (highlight: Highlight, release: () => void, signal: AbortSignal): Promise<CutOrder> => {
      const changed: Highlight[] = [];
      const question = analyser.question(highlight.id);
      if (options.judge && question) {
        try {
          const verdict = await options.judge.judge(question, signal);
          const updated = analyser.applyVerdict(highlight.id, verdict);
          if (updated) changed.push(updated);
          else options.onUnjudged('the verdict quoted words that were not said');
        } catch (error) {
          signal.throwIfAborted();
          options.onUnjudged(messageOf(error));
        }
      }
      await options.write(() => persist(changed), signal);
      return { highlights: changed, bins: [], signalsUntilMs: null, release };
    },
  };
};
export type Analysis = ReturnType<typeof createAnalysis>;
