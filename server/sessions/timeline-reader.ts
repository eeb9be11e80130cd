// The reading half of a timeline: bytes of the session's stream from whichever tier holds them (T3, T5), damage set aside (T2).
import type { Gap } from '../../shared/model.ts';
import { freeBuffers } from '../free-buffers.ts';
import type { Entry, SegmentIndex } from './segment-index.ts';
import { readPayloads, runFrom } from './segment-read.ts';
import type { Segment, SegmentTable } from './segment-table.ts';
import { TimelineError } from './timeline-error.ts';

/** one step of `read`: what it holds beside its result */
const READ_STEP = 4 * 1024 * 1024;

/** `gap`: declared lost (`byteEnd` = `byteStart`), or bytes that are damaged or dropped; the walker skips to where the next item begins. */
export type PulledItem =
  | { kind: 'bytes'; byteStart: number; startMs: number; seq: number; bytes: Uint8Array }
  | { kind: 'gap'; byteStart: number; byteEnd: number; gap: Gap };

/** `release`: the bytes were read, their memory may be used again; calling it is optional. `own`: memory among it that was read for this pull alone. */
export type Pulled = { items: PulledItem[]; nextByte: number; release: () => void; own: ArrayBuffer[] };

export type PlacedGap = { byteStart: number; gap: Gap };

type ReaderOptions = {
  table: SegmentTable;
  active: () => { row: Segment; index: SegmentIndex } | null;
  /** by `byteStart` */
  gaps: () => readonly PlacedGap[];
  byteEnd: () => number;
  /** chunks still in memory, as they were made durable; null: none are kept */
  hot: { take(sequence: number): Uint8Array | undefined; drop(sequence: number): void; release(bytes: Uint8Array): void } | null;
  onDamage: (row: Segment, index: SegmentIndex, entry: number) => Promise<void>;
};

/** a chunk in memory that someone looks at */
type Taken = { sequence: number; byteEnd: number; payload: Uint8Array };

export const gapOf = (entry: Entry): Gap => ({
  fromSequence: entry.sequence, toSequence: entry.sequenceTo, startMs: entry.startMs, endMs: entry.startMs + entry.durationMs, reason: entry.note,
});

export class TimelineReader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  firstByte(): number {
    const { table, active } = this.#options;
    return table.rows[0]?.before.byteEnd ?? active()?.row.before.byteEnd ?? 0;
  }

  async pull(fromByte: number, maxBytes: number, signal: AbortSignal): Promise<Pulled> {
    const taken: Taken[] = [];
    const own: ArrayBuffer[] = [];
    const { items, nextByte } = await this.#items(fromByte, maxBytes, taken, signal, own);
    const release = (): void => {
      // a chunk read to its end has served the pipeline it was kept for
      for (const { sequence, byteEnd } of taken) if (byteEnd <= nextByte) this.#options.hot?.drop(sequence);
      this.#release(taken);
    };
    return { items, nextByte, release, own };
  }

  async #items(fromByte: number, maxBytes: number, taken: Taken[], signal: AbortSignal, own?: ArrayBuffer[]): Promise<{ items: PulledItem[]; nextByte: number }> {
    const { table, active } = this.#options;
    const items: PulledItem[] = [];
    let at = fromByte;
    let room = maxBytes;
    if (at < this.firstByte()) {
      const byteEnd = this.firstByte();
      const endMs = table.rows[0]?.startMs ?? 0;
      items.push({ kind: 'gap', byteStart: at, byteEnd, gap: { fromSequence: 0, toSequence: 0, startMs: 0, endMs, reason: 'dropped by retention' } });
      at = byteEnd;
    }
    while (room > 0) {
      signal.throwIfAborted();
      const place = await this.#place(at, signal);
      if (place === null) {
        const next = [...table.rows, active()?.row].find((row) => row !== undefined && row.before.byteEnd > at);
        if (next === undefined) break;
        const gap = { fromSequence: 0, toSequence: 0, startMs: 0, endMs: next.startMs, reason: 'its segment is missing from the disk and the object store' };
        items.push({ kind: 'gap', byteStart: at, byteEnd: next.before.byteEnd, gap });
        at = next.before.byteEnd;
        continue;
      }
      const { row, index } = place;
      const i = index.at(at);
      if (i >= index.count) break;
      if (index.kind(i) === 'bad') {
        const entry = index.entry(i);
        this.#declared(at, entry, items);
        at = entry.byteStart + entry.length;
        items.push({ kind: 'gap', byteStart: entry.byteStart, byteEnd: at, gap: gapOf(entry) });
        continue;
      }
      const run = runFrom(index, i, room + at - index.entry(i).byteStart);
      const payloads = this.#hot(run, taken) ?? (await readPayloads(table.sources(row), run, signal, own));
      if (payloads.length === 0) await this.#options.onDamage(row, index, i);
      for (const [k, payload] of payloads.entries()) {
        const entry = run[k]!; // a payload stands for its entry
        this.#declared(at, entry, items);
        const from = at - entry.byteStart;
        const bytes = payload.subarray(from, Math.min(payload.length, from + room));
        items.push({ kind: 'bytes', byteStart: at, startMs: entry.startMs, seq: entry.sequence, bytes });
        at += bytes.length;
        room -= bytes.length;
      }
    }
    return { items, nextByte: at };
  }

  async read(start: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    const stop = Math.max(start, Math.min(end, this.#options.byteEnd()));
    const target = new Uint8Array(stop - start);
    for (let at = start; at < stop; ) {
      const taken: Taken[] = [];
      const own: ArrayBuffer[] = [];
      const { items, nextByte } = await this.#items(at, Math.min(READ_STEP, stop - at), taken, signal, own);
      for (const item of items) {
        if (item.kind === 'bytes') target.set(item.bytes, item.byteStart - start);
        else if (item.byteEnd > item.byteStart) {
          const { byteStart, byteEnd, gap } = item;
          const code = byteStart < this.firstByte() ? 'dropped' : 'quarantined';
          throw new TimelineError(code, `bytes ${byteStart}..${byteEnd} are not served: ${gap.reason}; read around them`, { byteStart, byteEnd });
        }
      }
      this.#release(taken);
      freeBuffers(own);
      if (nextByte === at) throw new TimelineError('io', `bytes from ${at} are not on disk although ${stop} were durable; reopen the timeline`);
      at = nextByte;
    }
    return target;
  }

  /** Byte ranges of the sound chunks that overlap [startMs, endMs), neighbours joined. */
  async range(startMs: number, endMs: number, signal: AbortSignal): Promise<{ start: number; end: number }[]> {
    const ranges: { start: number; end: number }[] = [];
    const current = this.#options.active();
    const rows = this.#options.table.rows.filter((row) => row.startMs < endMs && row.endMs >= startMs);
    for (const row of current === null ? rows : [...rows, current.row]) {
      const index = row.index === current?.row.index ? current.index : await this.#options.table.index(row, signal);
      for (let i = 0; i < index.count; i++) {
        if (index.kind(i) !== 'chunk') continue;
        const entry = index.entry(i);
        if (entry.startMs >= endMs || Math.max(entry.startMs + entry.durationMs, entry.startMs + 1) <= startMs) continue;
        const before = ranges.at(-1);
        if (before !== undefined && before.end === entry.byteStart) before.end += entry.length;
        else ranges.push({ start: entry.byteStart, end: entry.byteStart + entry.length });
      }
    }
    return ranges;
  }

  async #place(at: number, signal: AbortSignal): Promise<{ row: Segment; index: SegmentIndex } | null> {
    const row = this.#options.table.at(at);
    if (row !== null) return { row, index: await this.#options.table.index(row, signal) };
    const active = this.#options.active();
    return active !== null && at >= active.row.before.byteEnd && at < active.row.after.byteEnd ? active : null;
  }

  /** The chunks a pipeline that keeps up asks for: neither read nor checked again, which is most of what a pull costs. */
  #hot(run: Entry[], taken: Taken[]): Uint8Array[] | null {
    const { hot } = this.#options;
    if (hot === null) return null;
    const payloads: Uint8Array[] = [];
    for (const { sequence, length, byteStart } of run) {
      const payload = hot.take(sequence);
      if (payload === undefined) return null;
      taken.push({ sequence, byteEnd: byteStart + length, payload });
      if (payload.length !== length) return null;
      payloads.push(payload);
    }
    return payloads;
  }

  #release(taken: Taken[]): void {
    for (const { payload } of taken.splice(0)) this.#options.hot?.release(payload);
  }

  /** Gaps declared just before `entry` stand before its first byte. */
  #declared(at: number, entry: Entry, items: PulledItem[]): void {
    if (at !== entry.byteStart) return;
    const gaps = this.#options.gaps();
    let low = 0;
    let high = gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (gaps[middle]!.byteStart >= at) high = middle; // middle < length
      else low = middle + 1;
    }
    for (let i = low; gaps[i]?.byteStart === at; i++) items.push({ kind: 'gap', byteStart: at, byteEnd: at, gap: gaps[i]!.gap });
  }
}
