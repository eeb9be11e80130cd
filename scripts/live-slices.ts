// Cuts a live byte stream into the pieces a recorder would have sent: by media time (`gop`), or by bytes. The times come from
// walking the container, so they are right however the bytes were made.
import { MediaError } from '../server/errors.ts';
import { concat } from '../server/media/bytes.ts';
import type { WalkEvent } from '../server/media/media.ts';
import { createWalker } from '../server/media/walker.ts';
import { seededRandom } from '../shared/testing/random.ts';

export type LivePiece = { bytes: Uint8Array; startMs: number; durationMs: number };

/** one piece per second of media · pieces of so many bytes · pieces of 1 byte to 128 KiB, drawn from a seed */
export type Slicing = { by: 'gop' } | { by: 'bytes'; bytes: number } | { by: 'random'; seed: number };

export const parseSlicing = (text: string): Slicing => {
  if (text === 'gop') return { by: 'gop' };
  const [, seed] = /^random:(\d+)$/.exec(text) ?? [];
  if (seed !== undefined) return { by: 'random', seed: Number(seed) };
  if (/^[1-9]\d*$/.test(text)) return { by: 'bytes', bytes: Number(text) };
  throw new MediaError('unsupported', `--slice ${text}: give gop, a number of bytes, or random:SEED`);
};

const SPAN_MS = 1000;
/** a fragment a little short of a second stands alone too: its first picture in decode order is rarely its first in time */
const SPAN_SLACK_MS = 200;
/** a fragment that is larger is not waited for; its times are then as fine as its packets */
const SPAN_BYTES = 8 * 1024 * 1024;
const RANDOM_BYTES_LOG2 = 17;

type Cut = { byte: number; ms: number };

/** Pieces of about a second, cut where a fragment begins or, in WebM, at any packet (its blocks stand in order of time). */
async function* spans(stream: AsyncIterable<Uint8Array>): AsyncGenerator<LivePiece> {
  const walker = createWalker({ videoData: false });
  let buffered: Uint8Array[] = [];
  let [from, to] = [0, 0];
  let originMs: number | null = null;
  let startMs = 0;
  let reachedMs = 0;
  let interleaved = false;

  const timeOf = (ms: number): number => Math.max(0, ms - (originMs ??= ms));
  const cutOf = (event: WalkEvent): Cut | null => {
    if (event.type === 'init') interleaved = event.init.container === 'webm';
    if (event.type === 'fragment') return { byte: event.byteStart, ms: timeOf(event.startMs) };
    if (event.type !== 'packet') return null;
    const { packet } = event;
    const ms = timeOf(packet.startMs);
    reachedMs = Math.max(reachedMs, ms + packet.durationMs);
    return interleaved ? { byte: packet.byteStart + packet.byteLength, ms } : null;
  };
  const take = (byte: number, endMs: number): LivePiece => {
    const whole = concat(buffered);
    const bytes = whole.subarray(0, byte - from);
    const rest = whole.subarray(byte - from);
    buffered = rest.length > 0 ? [rest] : [];
    const piece = { bytes, startMs, durationMs: Math.max(0, endMs - startMs) };
    from = byte;
    startMs = Math.max(startMs, endMs);
    return piece;
  };

  for await (const bytes of stream) {
    buffered.push(bytes);
    to += bytes.length;
    for (const event of walker.push(bytes)) {
      const cut = cutOf(event);
      if (cut && cut.byte > from && cut.byte <= to && cut.ms - startMs >= SPAN_MS - SPAN_SLACK_MS) yield take(cut.byte, cut.ms);
    }
    if (to - from >= SPAN_BYTES) yield take(to, reachedMs);
  }
  for (const event of walker.end()) cutOf(event);
  if (to > from) yield take(to, Math.max(reachedMs, startMs));
}

/** Re-cuts by bytes; time runs evenly over the bytes of a span. */
async function* recut(source: AsyncIterable<LivePiece>, nextSize: () => number): AsyncGenerator<LivePiece> {
  let parts: LivePiece[] = [];
  let gathered = 0;
  let size = nextSize();
  const join = (): LivePiece => {
    const [first, last] = [parts[0], parts.at(-1)];
    if (!first || !last) throw new MediaError('incomplete', 'an empty slice; give --slice a number above 0');
    const piece = { bytes: concat(parts.map(({ bytes }) => bytes)), startMs: first.startMs, durationMs: last.startMs + last.durationMs - first.startMs };
    [parts, gathered, size] = [[], 0, nextSize()];
    return piece;
  };
  for await (const span of source) {
    const { length } = span.bytes;
    for (let at = 0; at < length; ) {
      const end = Math.min(length, at + size - gathered);
      parts.push({ bytes: span.bytes.subarray(at, end), startMs: span.startMs + (span.durationMs * at) / length, durationMs: (span.durationMs * (end - at)) / length });
      gathered += end - at;
      at = end;
      if (gathered >= size) yield join();
    }
  }
  if (gathered > 0) yield join();
}

export const sliceLive = (stream: AsyncIterable<Uint8Array>, slicing: Slicing): AsyncIterable<LivePiece> => {
  if (slicing.by === 'gop') return spans(stream);
  if (slicing.by === 'bytes') return recut(spans(stream), () => slicing.bytes);
  const random = seededRandom(slicing.seed);
  return recut(spans(stream), () => Math.floor(2 ** (random() * RANDOM_BYTES_LOG2)));
};
