// The shapes of model.ts as checks: what a client accepts from a server. A field added to the model and not here does not compile.
import { SIGNALS, STAGES } from './model.ts';
import type { Clip, DeadLetter, Gap, Highlight, ProviderState, Reason, Rectangle, SessionEvent, SessionSummary, SessionView, SignalBin, StageState, SystemView, Word } from './model.ts';
import { MAX_WORD_TEXT } from './protocol.ts';
import { boolean, integer, list, nullable, number, object, oneOf, text, union } from './shape.ts';
import type { Check } from './shape.ts';

/** Media time in a client's frame, ms: a recording lasts at most 31 days. */
export const mediaMs = number(0, 31 * 86_400_000);
// A viewer checks what its code relies on (types, known names, finite numbers), not whether the server's sums are right:
// a percentile of 1.0000001 must not end a connection.
const time = number();
const share = number();
const at = number(0, 8.64e15); // the range of Date
const count = integer(0);
const id = text(128, 1);
const label = text(64);
const line = text(4096);
const url = text(8192);

export const rectangle: Check<Rectangle> = object<Rectangle>({ x: number(-1e5, 1e5), y: number(-1e5, 1e5), width: number(0, 1e5), height: number(0, 1e5) }, true);

const word = object<Word>({ startMs: time, endMs: time, text: line, confidence: share });
/** a word a client made: short, and within media time */
export const heardWord = object<Word>({ startMs: mediaMs, endMs: mediaMs, text: text(MAX_WORD_TEXT, 1), confidence: number(0, 1) }, true);
const gap = object<Gap>({ fromSequence: count, toSequence: count, startMs: time, endMs: time, reason: line });
// not pinned to SIGNALS.length: adding a signal at the end is compatible
const bin = object<SignalBin>({ second: count, values: list(number()), speech: integer(0, 1023) });
const reason = object<Reason>({ signal: oneOf([...SIGNALS, 'judge']), value: number(), percentile: share, atMs: time, text: line });
const highlight = object<Highlight>({
  id, sessionId: id, version: count, state: oneOf(['provisional', 'refined', 'vetoed']),
  startMs: time, endMs: time, peakMs: time, score: share, title: line, reasons: list(reason),
});
const clip = object<Clip>({
  id, sessionId: id, version: count, state: oneOf(['provisional', 'refined']), startMs: time, endMs: time, handleBeforeMs: time, handleAfterMs: time,
  score: share, title: line, reasons: list(reason), mime: text(256), bytes: count, width: count, height: count, pinned: boolean,
  createdAt: at, expiresAt: nullable(at), mediaUrl: url, thumbnailUrl: url,
});
const stage = object<StageState>({
  status: oneOf(['idle', 'running', 'waiting', 'off', 'failing']), depth: count, capacity: count, done: count, untilMs: time, lagMs: number(), note: line,
});
const stages = object<Record<(typeof STAGES)[number], StageState>>({ decode: stage, extract: stage, transcribe: stage, analyse: stage, cut: stage, archive: stage });
export const sessionSummary = object<SessionSummary>({
  id, title: line, sourceUrl: url, mime: text(256), status: oneOf(['live', 'interrupted', 'draining', 'closed', 'failed']), tier: oneOf(['free', 'plus', 'pro']),
  startedAt: at, endedAt: nullable(at), durationMs: time, bytes: count, chunks: count, missing: count, lastSequence: count,
  pinned: boolean, clips: count, deadLetters: count, note: line,
});
const deadLetter = object<DeadLetter>({
  id, sessionId: id, stage: oneOf(STAGES), startMs: time, endMs: time, code: label, message: line, attempts: count, createdAt: at,
});
const provider = object<ProviderState>({
  name: label, status: oneOf(['ok', 'throttled', 'open', 'budget', 'off']), note: line, spentHour: number(0), spentDay: number(0), budgetHour: number(0), budgetDay: number(0),
});

export const sessionEvent = union<SessionEvent, 'type'>('type', {
  session: object({ type: oneOf(['session']), session: sessionSummary }),
  sessionDeleted: object({ type: oneOf(['sessionDeleted']), sessionId: id }),
  stages: object({ type: oneOf(['stages']), sessionId: id, stages }),
  words: object({ type: oneOf(['words']), sessionId: id, words: list(word) }),
  signals: object({ type: oneOf(['signals']), sessionId: id, bins: list(bin) }),
  gap: object({ type: oneOf(['gap']), sessionId: id, gap }),
  highlight: object({ type: oneOf(['highlight']), sessionId: id, highlight }),
  clip: object({ type: oneOf(['clip']), sessionId: id, clip }),
  clipDeleted: object({ type: oneOf(['clipDeleted']), sessionId: id, clipId: id }),
  deadLetter: object({ type: oneOf(['deadLetter']), sessionId: id, deadLetter }),
  deadLetterResolved: object({ type: oneOf(['deadLetterResolved']), sessionId: id, deadLetterId: id }),
  notice: object({ type: oneOf(['notice']), sessionId: nullable(id), level: oneOf(['info', 'warning', 'error']), code: label, message: line, at }),
  providers: object({ type: oneOf(['providers']), providers: list(provider) }),
});

export const sessionView = object<SessionView>({
  session: sessionSummary, stages, words: list(word), bins: list(bin), gaps: list(gap), highlights: list(highlight), clips: list(clip), deadLetters: list(deadLetter),
});
export const systemView = object<SystemView>({ sessions: list(sessionSummary), providers: list(provider) });
