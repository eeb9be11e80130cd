// The part of a walk both containers share: slices in, events out, damage stepped over, errors that stay.
import { MediaError, messageOf } from '../errors.ts';
import { ByteQueue } from './byte-queue.ts';
import { malformed } from './bytes.ts';
import type { WalkEvent, Walker } from './media.ts';

/** Largest packet or block that is believed. */
export const MAX_PACKET_BYTES = 16 * 1024 * 1024;
/** Largest initialisation kept. */
export const MAX_INIT_BYTES = 8 * 1024 * 1024;

/** What one container adds. */
export type Grammar = {
  /** Handles what stands at the head of the queue; false when it needs more bytes. Throws `MediaError` where nothing valid stands. */
  step(queue: ByteQueue, out: WalkEvent[]): boolean;
  /** Where the packet or init began that is half read. */
  held(): number | null;
  /** Forgets what was half read, before a search. */
  reset(): void;
  /** An initialisation has been read in this walk; until then every error is final. */
  ready(): boolean;
  /** The first place a walk can begin in `bytes`, or from where on that is still open. `trusted`: a bare start code at 0 suffices. */
  find(bytes: Uint8Array, trusted: boolean): { found: boolean; at: number };
};

type State =
  | { type: 'walking' }
  | { type: 'seeking'; from: number; message: string; trusted: boolean }
  | { type: 'failed'; error: MediaError };

/** `keepsViews`: slices stay unchanged after they were pushed. */
export const createWalk = (grammar: Grammar, { keepsViews, ...start }: { position: number; seeking: boolean; keepsViews: boolean }): Walker => {
  const queue = new ByteQueue(start.position);
  let resumedAt = -1;
  let state: State = start.seeking ? { type: 'seeking', from: start.position, message: 'no cluster or moof begins here', trusted: true } : { type: 'walking' };

  const seek = (seeking: State & { type: 'seeking' }, out: WalkEvent[]): boolean => {
    const bytes = queue.head(queue.length);
    if (bytes.length < 12) return false;
    const { found, at } = grammar.find(bytes, seeking.trusted);
    if (!found && !grammar.ready()) throw malformed('no initialisation (EBML header and Tracks, or ftyp and moov) is known and none begins here; restart the recording', queue.position);
    queue.skip(at);
    if (!found) {
      state = { ...seeking, trusted: false };
      return false;
    }
    resumedAt = queue.position;
    if (queue.position > seeking.from) out.push({ type: 'damage', byteStart: seeking.from, byteEnd: queue.position, message: seeking.message });
    state = { type: 'walking' };
    return true;
  };

  /** Stream offset up to which everything was handed out. */
  const handedOut = (): number => grammar.held() ?? Math.min(queue.position, queue.arrived);

  const walk = (out: WalkEvent[]): boolean => {
    try {
      return grammar.step(queue, out);
    } catch (error) {
      if (!(error instanceof MediaError) || !grammar.ready()) throw error;
      const from = handedOut();
      grammar.reset();
      // what does not fit where it stands may be sound by itself (a Cluster inside one whose size is wrong), but only once
      if (queue.position === resumedAt) queue.skip(1);
      state = { type: 'seeking', from, message: error.message, trusted: false };
      return true;
    }
  };

  /** Events before an error are handed out first; the error is thrown by the next call, whatever the slices were. */
  const run = (out: WalkEvent[]): WalkEvent[] => {
    if (state.type === 'failed') throw state.error;
    try {
      while (queue.debt === 0 && (state.type === 'walking' ? walk(out) : seek(state, out)));
    } catch (error) {
      const failure = error instanceof MediaError ? error : new MediaError('malformed', messageOf(error), { atByte: queue.position, cause: error });
      state = { type: 'failed', error: failure };
      if (out.length === 0) throw failure;
    }
    return out;
  };

  return {
    push: (bytes) => {
      if (state.type !== 'failed') queue.push(bytes);
      try {
        return run([]);
      } finally {
        if (!keepsViews) queue.own(bytes);
      }
    },
    skipTo: (byteStart) => {
      if (state.type === 'failed') return;
      const from = state.type === 'seeking' ? state.from : handedOut();
      grammar.reset();
      queue.restart(byteStart);
      state = { type: 'seeking', from, message: `bytes before ${byteStart} were lost`, trusted: true };
    },
    end: () => {
      const out = run([]);
      if (state.type === 'failed') return out;
      const from = state.type === 'seeking' ? state.from : handedOut();
      const end = queue.arrived;
      if (end > from) out.push({ type: 'damage', byteStart: from, byteEnd: end, message: state.type === 'seeking' ? state.message : 'the stream ends inside an element' });
      state = { type: 'failed', error: malformed('this walk has ended') };
      return out;
    },
  };
};
