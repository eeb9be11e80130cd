// Clippy's wire protocol, version 1 (rules P in server/SPEC.md): binary WebSocket frames, sub-protocol `clippy.1`, msgpack
// maps with a short `t`. codec.ts turns them into bytes and back; scan.ts checks bytes against an allow-list before unpacking.
import type { Rectangle, SessionEvent, SessionSummary, SessionView, SystemView, TranscribedBy, Word } from './model.ts';

export const PROTOCOL_VERSION = 1;
export const SUB_PROTOCOL = 'clippy.1';
/** Close code for a frame that breaks the protocol. */
export const CLOSE_BAD_FRAME = 4400;
export const CLOSE_UNAUTHORIZED = 4401;
/** A newer epoch took the session over. */
export const CLOSE_FENCED = 4409;
export const CLOSE_SHUTDOWN = 4503;

export type Credits = { chunks: number; bytes: number };
/** UTF-16 units of a title, and of an address */
export const MAX_TITLE = 1024;
export const MAX_SOURCE_URL = 8192;
/** What one `words` frame may hold; a client splits what is more. */
export const MAX_FRAME_WORDS = 200;
/** UTF-16 units of one word */
export const MAX_WORD_TEXT = 200;
/** No word lasts longer. */
export const MAX_WORD_MS = 60_000;
/** `words` frames of one recording that a client holds unconfirmed and a server holds before they are durable. */
export const MAX_UNCONFIRMED_WORDS = 64;

export type Topic = `session:${string}` | 'system';

export type ClientFrame =
  | { t: 'hello'; version: number; token: string; client: string; clientVersion: string }
  | { t: 'start'; key: string; title: string; sourceUrl: string; mime: string; video: Rectangle | null; resume: boolean; transcript: TranscribedBy }
  | { t: 'chunk'; session: string; epoch: number; seq: number; crc: number; startMs: number; durationMs: number; bytes: Uint8Array }
  | { t: 'gap'; session: string; epoch: number; from: number; to: number; startMs: number; endMs: number; reason: string }
  | { t: 'region'; session: string; epoch: number; atMs: number; rect: Rectangle | null }
  /** what the recorded page was from `atMs` on */
  | { t: 'page'; session: string; epoch: number; atMs: number; title: string; sourceUrl: string; playing: boolean | null }
  /** this client has heard [fromMs, untilMs), and these are its words */
  | { t: 'words'; session: string; epoch: number; fromMs: number; untilMs: number; words: Word[] }
  | { t: 'stop'; session: string; epoch: number; finalSeq: number; hash: number }
  | { t: 'watch'; topic: Topic }
  | { t: 'unwatch'; topic: Topic }
  | { t: 'ping'; id: number }
  | { t: 'pong'; id: number };

export type Limits = { maxChunkBytes: number; credits: Credits };

export type ServerFrame =
  | { t: 'welcome'; version: number; user: string; limits: Limits; serverAt: number }
  | { t: 'ready'; key: string; session: string; epoch: number; lastSeq: number; credits: Credits; wordsUntilMs: number }
  | { t: 'ack'; session: string; seq: number; level: 'spool' | 'object'; credits: Credits }
  /** the client's words up to here are durable */
  | { t: 'heard'; session: string; untilMs: number }
  | { t: 'stopped'; session: string; totals: SessionSummary }
  | { t: 'state'; topic: Topic; state: SystemView | SessionView }
  | { t: 'event'; topic: Topic; event: SessionEvent }
  | { t: 'ping'; id: number }
  | { t: 'pong'; id: number }
  | { t: 'error'; code: ErrorCode; message: string; retryable: boolean; session: string | null };

/** `conflict`: same sequence, other bytes (P3). `fenced`: an older epoch. `order`: a sequence that is neither next nor stored.
 * `words`: the client's words are not taken; the recording goes on. */
export type ErrorCode =
  | 'bad_frame' | 'unauthorized' | 'forbidden' | 'version' | 'unknown_session' | 'fenced' | 'conflict' | 'order' | 'crc'
  | 'credits' | 'too_large' | 'quota' | 'media' | 'words' | 'closed' | 'shutdown' | 'unavailable' | 'internal';
