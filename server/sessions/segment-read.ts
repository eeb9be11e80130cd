// Payloads out of a segment, each checked against its crc before anyone sees it (T2).
import { crc32c } from '../crc32c.ts';
import { ProviderError, messageOf } from '../errors.ts';
import { HEADER_BYTES } from './record.ts';
import type { Entry, SegmentIndex } from './segment-index.ts';
import type { Source } from './segment-scan.ts';
import { TimelineError } from './timeline-error.ts';

/** Sound payloads from the front; stops at the first damaged one, and says what stood there. */
const soundOnes = (bytes: Uint8Array, entries: Entry[], origin: number): { payloads: Uint8Array[]; damage: string } => {
  const payloads: Uint8Array[] = [];
  for (const { filePosition, length, crc } of entries) {
    const from = filePosition - origin + HEADER_BYTES;
    const payload = bytes.subarray(from, from + length);
    const found = crc32c(payload);
    if (payload.length !== length || found !== crc) return { payloads, damage: `${payloads.length} ${payload.length} ${found}` };
    payloads.push(payload);
  }
  return { payloads, damage: '' };
};

/**
 * Payloads of chunks, in the order of the file, by one read. Fewer than asked when one is damaged; none when it is the first.
 * `own` is given what was read for this call alone. A place that cannot be read, or that gives other wrong bytes each time, is no proof of damage: `TimelineError io`.
 */
export const readPayloads = async (sources: Source[], entries: Entry[], signal?: AbortSignal, own?: ArrayBuffer[]): Promise<Uint8Array[]> => {
  const first = entries[0];
  const last = entries.at(-1);
  if (first === undefined || last === undefined) return [];
  const end = last.filePosition + HEADER_BYTES + last.length;
  let best: Uint8Array[] | null = null;
  let failure: unknown = null;
  let seen = '';
  // the last place is asked twice: a transfer can be damaged where the bytes at rest are not; damage at rest is the same each time
  for (const source of [...sources, ...sources.slice(-1)]) {
    signal?.throwIfAborted();
    try {
      const bytes = await source.read(first.filePosition, end, signal);
      if (source.own && bytes.buffer instanceof ArrayBuffer) own?.push(bytes.buffer);
      const { payloads, damage } = soundOnes(bytes, entries, first.filePosition);
      if (payloads.length === entries.length) return payloads;
      if (source === sources.at(-1)) {
        if (seen !== '' && seen !== damage) failure = new ProviderError('object store', 'network', 'two reads gave different bytes');
        seen = damage;
      }
      if (best === null || payloads.length > best.length) best = payloads;
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  if (best !== null && (best.length > 0 || failure === null)) return best;
  throw new TimelineError('io', `cannot read a segment: ${failure === null ? 'it is neither on disk nor in the object store' : messageOf(failure)}; read again later`, { cause: failure });
};

/** Chunks from entry `i` on, up to the next damaged one, until they hold `bytes`. */
export const runFrom = (index: SegmentIndex, i: number, bytes: number): Entry[] => {
  const run: Entry[] = [];
  for (let held = 0, at = i; at < index.count && held < bytes && index.kind(at) !== 'bad'; at++) {
    if (index.kind(at) !== 'chunk') continue;
    run.push(index.entry(at));
    held += index.length(at);
  }
  return run;
};

/** Entries whose payload is damaged in the file. */
export const damaged = async (source: Source, index: SegmentIndex): Promise<number[]> => {
  const found: number[] = [];
  for (let i = 0; i < index.count; i++) {
    if (index.kind(i) === 'chunk' && (await readPayloads([source], [index.entry(i)])).length === 0) found.push(i);
  }
  return found;
};
