// Looks at a recording once a second and says what is wrong with it. Pure: what it saw before is part of its state.
import type { EncoderStatus } from './ports.ts';

/** nothing at all came out */
const FIRST_PIECE_MS = 12_000;
/** pictures go in, nothing comes out */
const STUCK_MS = 6_000;
/** frames left out in one second of 30 that are worth telling */
const DROPPING = 5;
/** restarts after which the encoder is given up, and the time in which they count */
const RESTARTS = 3;
const RESTART_WINDOW_MS = 60_000;

export type Watched = {
  /** since this encoder started */
  startedAt: number;
  framesIn: number;
  framesOut: number;
  /** since when frames went in and none came out; null: one came since */
  silentSince: number | null;
  dropped: number;
};
export type Finding = { type: 'well' } | { type: 'slow'; dropped: number } | { type: 'broken'; code: string; message: string };

export const watchFrom = (at: number): Watched => ({ startedAt: at, framesIn: 0, framesOut: 0, silentSince: null, dropped: 0 });

/** `pieces`: media pieces since this encoder started. */
export const look = (before: Watched, seen: Pick<EncoderStatus, 'framesIn' | 'framesOut' | 'dropped'> & { pieces: number }, at: number): { watched: Watched; finding: Finding } => {
  const fed = seen.framesIn > before.framesIn;
  const came = seen.framesOut > before.framesOut;
  const silentSince = came ? null : (before.silentSince ?? (fed ? at : null));
  const watched: Watched = { startedAt: before.startedAt, framesIn: seen.framesIn, framesOut: seen.framesOut, silentSince, dropped: seen.dropped };
  const dropped = seen.dropped - before.dropped;
  const finding = ((): Finding => {
    if (silentSince !== null && at - silentSince >= STUCK_MS) return { type: 'broken', code: 'encoder-stuck', message: `the encoder gave nothing for ${Math.round((at - silentSince) / 1000)} s` };
    if (seen.pieces === 0 && at - before.startedAt >= FIRST_PIECE_MS) return { type: 'broken', code: 'no-piece', message: `nothing was recorded in the first ${FIRST_PIECE_MS / 1000} s` };
    return dropped >= DROPPING ? { type: 'slow', dropped } : { type: 'well' };
  })();
  return { watched, finding };
};

/** `restarts`: when the encoder was restarted. */
export const mayRestart = (restarts: number[], at: number): boolean => restarts.filter((when) => at - when < RESTART_WINDOW_MS).length < RESTARTS;

/** The computer slept when so much more time went by than was waited for. */
const SLEPT_MS = 10_000;

/** How long it slept between two looks of the wall clock, or 0. */
export const sleptFor = (before: number, at: number): number => (at - before > SLEPT_MS ? at - before : 0);
