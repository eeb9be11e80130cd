// Packets out of a byte range of a stored stream, read piece by piece.
import type { Init, WalkEvent } from './media.ts';
import { createWalker } from './walker.ts';

export type PacketSource = {
  init: Init;
  /** offset of a fragment (or of the first byte after the init) */
  byteStart: number;
  /** exclusive */
  byteEnd: number;
  /** may return fewer bytes than asked for, never none before `byteEnd` */
  read(start: number, end: number, signal: AbortSignal): Promise<Uint8Array>;
  videoData: boolean;
};

const READ_BYTES = 1024 * 1024;

/**
 * Walks a byte range; memory is bounded by one read and one packet. Ends early, without an error, where `read` returns nothing.
 * A packet cut off by `byteEnd` is reported as damage.
 */
export const readPackets = async function* (source: PacketSource, signal: AbortSignal): AsyncGenerator<WalkEvent> {
  const { init, videoData } = source;
  const walker = createWalker({ init, byteStart: source.byteStart, videoData });
  let at = source.byteStart;
  while (at < source.byteEnd) {
    signal.throwIfAborted();
    const bytes = await source.read(at, Math.min(source.byteEnd, at + READ_BYTES), signal);
    if (bytes.length === 0) break;
    at += bytes.length;
    yield* walker.push(bytes);
  }
  yield* walker.end();
};
