// Recordings and their pieces in IndexedDB: what a crash of the browser leaves, and what "save the last minutes" reads.
import { ExtensionError } from '../messages.ts';
import { concat } from './clusters.ts';
import { Database, rangeOf } from './database.ts';
import type { HeadRow, PieceRow } from './database.ts';
import type { RecordingStore } from './ports.ts';
import { StoredRing } from './stored-ring.ts';

const EVERYTHING = ['records', 'pieces', 'bytes', 'heads', 'rings'] as const;

/** The pieces at the end that follow one another, back to what covers `lastMs`, or to where the encoder was (re)started. */
const lastPieces = (rows: PieceRow[], held: Set<number>, lastMs: number): PieceRow[] => {
  const pieces: PieceRow[] = [];
  for (const row of rows.toReversed()) {
    const [next] = pieces;
    const last = pieces.at(-1);
    if (last && row.seq !== next!.seq - 1) break; // next is there when last is
    if (last && next!.startMs <= last.startMs + last.durationMs - lastMs) break;
    if (row.head === 'init' && pieces.length === 0) continue;
    if (row.head === 'init' || !held.has(row.seq)) break;
    pieces.unshift(row);
    if (row.head === 'start') break;
  }
  return pieces;
};

/** The header of the byte stream that piece `first` belongs to, without what comes from `first` on. */
const headBefore = (heads: HeadRow[], first: number): Uint8Array => {
  const before = heads.filter(({ seq }) => seq <= first);
  const start = before.findLastIndex(({ start: begins }) => begins);
  return concat(before.slice(Math.max(0, start)).filter(({ seq }) => seq < first).map(({ bytes }) => new Uint8Array(bytes)));
};

/** Rejects with ExtensionError `storage`. `name`: of the database. */
export const openRecordingStore = async (options: { name?: string } = {}): Promise<RecordingStore> => {
  const database = new Database(options.name ?? 'clippy-recordings');
  await database.open();

  const ends = (key: string, lastMs: number): Promise<PieceRow[]> =>
    database.read(['pieces', 'bytes'], `looking at recording ${key}`, async (tx) => {
      const [rows, keys] = await Promise.all([tx.objectStore('pieces').getAll(rangeOf(key)), tx.objectStore('bytes').getAllKeys(rangeOf(key))]);
      return lastPieces(rows, new Set(keys.map(([, seq]) => seq)), lastMs);
    });

  return {
    create: (record) => database.write(['records'], 'strict', `storing the record of ${record.key}`, async (tx) => void (await tx.objectStore('records').add(record))),

    update: (key, patch) =>
      database.write(['records'], 'relaxed', `updating the record of ${key}`, async (tx) => {
        const record = await tx.objectStore('records').get(key);
        if (!record) throw new ExtensionError('storage', `recording ${key} is not stored here; it was deleted meanwhile`);
        await tx.objectStore('records').put({ ...record, ...patch, key });
      }),

    list: async () => (await database.read(['records'], 'listing recordings', (tx) => tx.objectStore('records').getAll())).toSorted((a, b) => a.startedAt - b.startedAt),

    remove: (key) =>
      database.write([...EVERYTHING], 'relaxed', `deleting recording ${key}`, async (tx) => {
        const whole = (['records', 'rings'] as const).map((name) => tx.objectStore(name).delete(key));
        const parts = (['pieces', 'bytes', 'heads'] as const).map((name) => tx.objectStore(name).delete(rangeOf(key)));
        await Promise.all([...whole, ...parts]);
      }),

    ring: (key, { keepMs }) => new StoredRing(database, key, { keepMs }),

    savableMs: async (key) => {
      const pieces = await ends(key, Infinity);
      const [first, last] = [pieces[0], pieces.at(-1)];
      return first && last ? last.startMs + last.durationMs - first.startMs : 0;
    },

    tail: async (key, lastMs) => {
      const pieces = await ends(key, lastMs);
      const first = pieces[0]?.seq ?? 0;
      return database.read(['bytes', 'heads'], `reading the end of recording ${key}`, async (tx) => {
        const [heads, buffers] = await Promise.all([tx.objectStore('heads').getAll(rangeOf(key)), Promise.all(pieces.map(({ seq }) => tx.objectStore('bytes').get([key, seq])))]);
        // what was evicted since is at the beginning
        const whole = pieces.map(({ startMs, durationMs }, index) => ({ startMs, durationMs, bytes: buffers[index] })).slice(buffers.lastIndexOf(undefined) + 1);
        return { init: headBefore(heads, first), pieces: whole.map((piece) => ({ ...piece, bytes: new Uint8Array(piece.bytes ?? new ArrayBuffer(0)) })) };
      });
    },

    usage: async () => {
      const { usage = 0, quota = 0 } = await navigator.storage.estimate();
      return { usedBytes: usage, quotaBytes: quota };
    },

    close: () => database.close(),
  };
};
