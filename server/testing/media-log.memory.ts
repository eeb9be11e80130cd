// A timeline in memory for tests of the pipeline: records appended by hand, losses declared or bytes damaged by hand.
import type { MediaLog, PulledItem } from '../pipeline/media-log.ts';

type Row = { kind: 'bytes'; byteStart: number; startMs: number; seq: number; bytes: Uint8Array; damaged: boolean } | { kind: 'loss'; byteStart: number; startMs: number; endMs: number };

export type MemoryMediaLog = MediaLog & {
  append(record: { bytes: Uint8Array; startMs: number; durationMs: number }): void;
  /** the client declared that what came here is lost */
  loss(startMs: number, endMs: number): void;
  /** a record appended as the n-th that can no longer be read */
  damage(nth: number): void;
  finish(): void;
};

const gap = (startMs: number, endMs: number, reason: string) => ({ fromSequence: 0, toSequence: 0, startMs, endMs, reason });

export const createMemoryMediaLog = (): MemoryMediaLog => {
  const rows: Row[] = [];
  const waiters = new Set<() => void>();
  let [byteEnd, durationMs, seq, finished] = [0, 0, 0, false];
  const changed = (): void => {
    for (const wake of waiters) wake();
  };
  /** Released bytes are overwritten: who still looks at them fails. */
  const pull = (fromByte: number, maxBytes: number): { items: PulledItem[]; nextByte: number; release: () => void } => {
    const items: PulledItem[] = [];
    let at = fromByte;
    for (const row of rows) {
      if (row.kind === 'loss') {
        if (row.byteStart === at) items.push({ kind: 'gap', byteStart: at, byteEnd: at, gap: gap(row.startMs, row.endMs, 'ring overflowed') });
        continue;
      }
      const end = row.byteStart + row.bytes.length;
      if (end <= at || at - fromByte >= maxBytes) continue;
      if (row.damaged) items.push({ kind: 'gap', byteStart: at, byteEnd: end, gap: gap(row.startMs, row.startMs, 'checksum') });
      else items.push({ kind: 'bytes', byteStart: at, startMs: row.startMs, seq: row.seq, bytes: row.bytes.slice(at - row.byteStart, at - row.byteStart + maxBytes - (at - fromByte)) });
      const last = items.at(-1);
      at = last?.kind === 'bytes' ? at + last.bytes.length : end;
    }
    // a loss alone at the end is not told twice
    const release = (): void => { for (const item of items) if (item.kind === 'bytes') item.bytes.fill(0xdd); };
    return at === fromByte ? { items: [], nextByte: at, release } : { items, nextByte: at, release };
  };
  return {
    get state() {
      return { byteEnd, durationMs, finished };
    },
    append: ({ bytes, startMs, durationMs: lasts }) => {
      rows.push({ kind: 'bytes', byteStart: byteEnd, startMs, seq: ++seq, bytes, damaged: false });
      byteEnd += bytes.length;
      durationMs = Math.max(durationMs, startMs + lasts);
      changed();
    },
    loss: (startMs, endMs) => {
      rows.push({ kind: 'loss', byteStart: byteEnd, startMs, endMs });
      changed();
    },
    damage: (nth) => {
      const row = rows.filter((one) => one.kind === 'bytes')[nth];
      if (!row) throw new Error(`there is no record ${nth}`);
      row.damaged = true;
    },
    finish: () => {
      finished = true;
      changed();
    },
    pull: async (fromByte, maxBytes, signal) => {
      signal.throwIfAborted();
      return pull(fromByte, maxBytes);
    },
    changed: (byte, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        if (finished || byteEnd > byte) return resolve();
        const done = (settle: () => void) => (): void => {
          waiters.delete(wake);
          signal.removeEventListener('abort', abort);
          settle();
        };
        const wake = done(resolve);
        const abort = done(() => reject(signal.reason as Error));
        signal.addEventListener('abort', abort, { once: true });
        waiters.add(wake);
      }),
    read: async (start, end, signal) => {
      signal.throwIfAborted();
      const stop = Math.min(end, byteEnd);
      const { items } = pull(start, stop - start);
      const target = new Uint8Array(stop - start);
      for (const item of items) {
        if (item.kind === 'bytes') target.set(item.bytes, item.byteStart - start);
        else if (item.byteEnd > item.byteStart) throw new Error(`bytes ${item.byteStart}..${item.byteEnd} are not served: ${item.gap.reason}`);
      }
      return target;
    },
  };
};
