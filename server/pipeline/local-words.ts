// The words lane of a local engine: a growing buffer is heard again and again, and what two hearings agree on is committed
// (LocalAgreement-2). Same shape as the lane for API engines, one hearing at a time.
import type { SignalBin, Word } from '../../shared/model.ts';
import { audioClipAt } from './audio-clip.ts';
import { filterHallucinations } from './hallucination.ts';
import { type Agreement, agree, nextHearing, skipTo, startAgreement } from './local-agreement.ts';
import { partSpan } from './packets.ts';
import { createSpeechTrack } from './speech-track.ts';
import { type WordsBatch, type WordsJob, type WordsLane, type WordsLaneOptions, contextOf } from './words-lane.ts';

/** Committed words a restarted lane remembers: context, and what an engine may say once more. */
const KEPT_WORDS = 128;

const batch = (job: WordsJob, words: WordsBatch['words'], untilMs: number): WordsBatch => ({ words, startMs: job.startMs, untilMs, ended: job.ended, refill: job.kind === 'refill' });

export const createLocalWordsLane = (options: WordsLaneOptions): WordsLane => {
  const speech = createSpeechTrack();
  const holes = [...options.holes];
  let state: Agreement = { ...startAgreement(options.fromMs), recent: options.saved.slice(-KEPT_WORDS) };
  let over = false;

  const hear = async (job: WordsJob, signal: AbortSignal): Promise<Word[]> => {
    const audio = audioClipAt(options, job.startMs, job.endMs, signal);
    const { words } = await options.transcriber.transcribe(audio, { prompt: contextOf(state.recent), language: options.language, priority: options.priority }, signal);
    return filterHallucinations(words, { startMs: job.startMs, endMs: job.endMs, voice: speech.share }).words;
  };

  return {
    // The next hearing depends on what this one commits.
    concurrency: 1,
    learn: (bins: SignalBin[]) => speech.learn(bins),
    next: async (signal) => {
      const hole = holes.shift();
      if (hole) return { kind: 'refill', ...hole, audioStartMs: hole.startMs, final: true, ended: false };
      for (;;) {
        if (over) return null;
        const { untilMs, ended } = options.known();
        // A hearing ends where the next part begins: sound of two initialisations is not decoded as one.
        const part = partSpan(options.index, state.bufferStartMs);
        const partEnds = part.untilMs <= untilMs;
        const planned = nextHearing(state, { speech: speech.at, knownUntilMs: Math.min(untilMs, part.untilMs), ended: ended || partEnds }) ?? (partEnds ? { skipToMs: part.untilMs } : null);
        if (planned && 'startMs' in planned) return { kind: 'window', ...planned, audioStartMs: planned.startMs, ended: false };
        const skipToMs = planned?.skipToMs ?? state.bufferStartMs;
        if (ended && !partEnds && (planned === null || skipToMs >= untilMs)) {
          over = true;
          return { kind: 'skip', startMs: state.bufferStartMs, endMs: Math.max(state.bufferStartMs, untilMs), audioStartMs: 0, final: true, ended: true };
        }
        if (planned) return { kind: 'skip', startMs: state.bufferStartMs, endMs: skipToMs, audioStartMs: 0, final: true, ended: false };
        await options.changed(signal);
      }
    },
    transcribe: async (job, signal) => {
      if (job.kind === 'skip') {
        state = skipTo(state, job.endMs);
        return batch(job, [], job.endMs);
      }
      const words = await hear(job, signal);
      if (job.kind === 'refill') return batch(job, words, job.endMs);
      const agreed = agree(state, { words, untilMs: job.endMs, final: job.final });
      ({ state } = agreed);
      return batch(job, agreed.committed, state.committedUntilMs);
    },
    nothing: (job) => {
      if (job.kind !== 'refill') state = skipTo(state, job.endMs);
      return batch(job, [], job.endMs);
    },
  };
};
