// Which stretch of sound an API engine hears next (rules W): 10–15 s, cut in silence, silence itself never sent. Pure.

export type WindowInput = {
  /** voice activity of the 100 ms that begin at `frame · 100` ms; undefined where not known yet */
  speech: (frame: number) => boolean | undefined;
  /** where the last window ended */
  fromMs: number;
  knownUntilMs: number;
  /** nothing comes after `knownUntilMs` */
  ended: boolean;
};

export type WindowOptions = {
  /** from here on the next gap between words ends the window; a request below 10 s may be billed as 10 s */
  targetMs: number;
  /** no window is longer, its lead included */
  maxMs: number;
  /** a pause of `pauseMs` ends a window that has at least this much waiting … */
  minMs: number;
  pauseMs: number;
  /** … and one of this length ends any window: nobody is waiting to go on */
  patienceMs: number;
  /** sound before and after the words, so that none loses its first or last consonant */
  paddingMs: number;
  /** lead where the last window had to be cut inside speech; the most that is heard twice */
  overlapMs: number;
};

/** Latency against Groq's 10 s billing minimum: words of long talk wait for 10 s anyway, so those before a short pause may wait for 8 s. Raise `minMs` and `patienceMs` to 10 s for the lowest bill. */
export const WINDOW_DEFAULTS: WindowOptions = { targetMs: 10_000, maxMs: 15_000, minMs: 8_000, pauseMs: 1_500, patienceMs: 3_000, paddingMs: 200, overlapMs: 1_000 };

/** Words of `[startMs, endMs)` are wanted; the engine hears from `audioStartMs`. */
export type SpeechWindow = { startMs: number; endMs: number; audioStartMs: number };

const FRAME = 100;
/** lead before the padding: an engine hears the first word better behind a moment of sound */
const LEAD_MS = 200;
/** shortest silence that counts as being between words */
const GAP_FRAMES = 2;
/** a cut for want of anything better is not made before this share of the longest window */
const EARLIEST_CUT = 1 / 3;

const firstSpeech = ({ speech, fromMs, knownUntilMs }: WindowInput): number | null => {
  for (let frame = Math.floor(fromMs / FRAME); (frame + 1) * FRAME <= knownUntilMs; frame++) if (speech(frame)) return frame;
  return null;
};

/** The next window, how far silence can be skipped, or null: wait for more. Asked again with more known, it gives the same answer. */
export const nextWindow = (input: WindowInput, options: WindowOptions = WINDOW_DEFAULTS): SpeechWindow | { skipToMs: number } | null => {
  const { speech, fromMs, knownUntilMs, ended } = input;
  const first = firstSpeech(input);
  if (first === null) {
    const skipToMs = ended ? knownUntilMs : Math.floor((knownUntilMs - options.paddingMs) / FRAME) * FRAME;
    return skipToMs >= fromMs + (ended ? 1 : 1000) ? { skipToMs } : null;
  }
  const startMs = Math.max(fromMs, first * FRAME - options.paddingMs);
  const insideSpeech = startMs === fromMs && speech(Math.floor(fromMs / FRAME)) === true && speech(Math.floor(fromMs / FRAME) - 1) === true;
  // close behind the last window a word may go on that voice activity has missed: some of the sound is heard twice
  const padded = first * FRAME - options.paddingMs >= fromMs;
  const leadMs = insideSpeech ? options.overlapMs : padded ? LEAD_MS : Math.min(options.paddingMs, options.overlapMs);
  const audioStartMs = Math.max(0, startMs - leadMs);
  const limitMs = audioStartMs + options.maxMs;
  const cut = (endMs: number): SpeechWindow => ({ startMs, endMs: Math.max(startMs + 1, Math.min(endMs, knownUntilMs, limitMs)), audioStartMs });
  let quietMs = startMs;
  let silent = 0;
  let best: { atMs: number; frames: number } | null = null;
  for (let frame = first; (frame + 1) * FRAME <= Math.min(knownUntilMs, limitMs); frame++) {
    if (speech(frame)) {
      silent = 0;
      quietMs = (frame + 1) * FRAME;
      continue;
    }
    silent++;
    const silentMs = silent * FRAME;
    const waitingMs = quietMs - startMs;
    if ((silentMs >= options.pauseMs && waitingMs >= options.minMs) || silentMs >= options.patienceMs) return cut(quietMs + options.paddingMs);
    if (silent >= GAP_FRAMES && (frame + 1) * FRAME - startMs >= options.targetMs) return cut(quietMs + FRAME);
    if (waitingMs >= options.maxMs * EARLIEST_CUT && silent >= (best?.frames ?? 1)) best = { atMs: quietMs + (silent > 1 ? FRAME : FRAME / 2), frames: silent };
  }
  if (knownUntilMs >= limitMs) return cut(best?.atMs ?? limitMs);
  return ended ? cut(quietMs + options.paddingMs) : null;
};
