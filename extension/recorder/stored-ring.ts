// shared/ring.ts on IndexedDB. Settled pieces stay while they are young enough for "save the last minutes"; when the disk is full
// they are the first to go. Chunks are written `strict` (on the disk, so that a power cut loses none either): 4.7-7 ms for 2 s of
// video against 4.1-7 ms `relaxed`. What only saves work after a crash is `relaxed`.
import type { ChunkMeta, Ring } from '../../shared/ring.ts';
import { ExtensionError } from '../messages.ts';
import { isFull, rangeOf } from './database.ts';
import type { Database, PieceRow, Transaction } from './database.ts';
import { headOf, WEBM_HEAD_BYTES } from './heads.ts';

/** Kept beyond what may be saved, so that the keyframe before its beginning is there. */
export const LEAD_MS = 10_000;
/** Old pieces go this many at a time, in the transaction of a new one. */
const EVICT_BATCH = 16;
const MEDIA = ['pieces', 'bytes'] as const;

type Left = Awaited<ReturnType<Ring['load']>>;
type Kept = { seq: number; endMs: number };

const endOf = ({ startMs, durationMs }: ChunkMeta): number => startMs + durationMs;
const metaOf = ({ seq, crc, startMs, durationMs, size }: PieceRow): ChunkMeta => ({ seq, crc, startMs, durationMs, size });
/** IndexedDB stores the whole buffer under a view. */
const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer;

/** Chunks that could never be written are missing: the server must hear of them as lost, or sequences would not rise by one. */
const withHoles = (through: number, settledMs: number, rows: Left['chunks']): Left['chunks'] => {
  const chunks: Left['chunks'] = [];
  let [seq, endMs] = [through, settledMs];
  for (const row of rows) {
    const missing = row.seq - seq - 1;
    const eachMs = Math.max(0, row.startMs - endMs) / Math.max(1, missing);
    for (let n = 0; n < missing; n++) chunks.push({ seq: seq + 1 + n, crc: 0, startMs: Math.min(row.startMs, endMs) + n * eachMs, durationMs: eachMs, size: 0, held: false });
    chunks.push(row);
    [seq, endMs] = [row.seq, endOf(row)];
  }
  return chunks;
};

/** Frees what is only kept for saving, of all recordings. */
const freeSettled = (database: Database): Promise<void> =>
  database.write(['rings', 'pieces', 'bytes'], 'relaxed', 'freeing what is uploaded', async (tx) => {
    const rings = await tx.objectStore('rings').getAll();
    await Promise.all(rings.flatMap(({ key, through }) => MEDIA.map((name) => tx.objectStore(name).delete(rangeOf(key, through)))));
  });

export class StoredRing implements Ring {
  readonly #database: Database;
  readonly #key: string;
  readonly #keepMs: number;
  #loaded: Promise<Left> | null = null;
  /** pieces in the database, in order */
  #kept: Kept[] = [];
  #through = 0;
  #newestMs = 0;
  /** a WebM header that may not be whole yet: the last sequence of it, and its bytes so far */
  #head: { seq: number; size: number } | null = null;

  constructor(database: Database, key: string, { keepMs }: { keepMs: number }) {
    this.#database = database;
    this.#key = key;
    this.#keepMs = keepMs;
  }

  load(): Promise<Left> {
    this.#loaded = this.#load();
    this.#loaded.catch(() => (this.#loaded = null));
    return this.#loaded;
  }

  async put(chunk: ChunkMeta, bytes: Uint8Array): Promise<void> {
    await (this.#loaded ?? this.load());
    const newestMs = Math.max(this.#newestMs, endOf(chunk));
    const expired = this.#expired(newestMs);
    const head = this.#headOf(chunk.seq, bytes);
    const write = (): Promise<unknown> =>
      this.#database.write(['records', 'pieces', 'bytes', 'heads'], 'strict', `storing chunk ${chunk.seq} of recording ${this.#key}`, async (tx) => {
        const buffer = bufferOf(bytes);
        await Promise.all([
          this.#note(tx, newestMs),
          tx.objectStore('pieces').put({ ...chunk, key: this.#key, head: head === 'init' ? 'init' : head === null || head === 'more' ? 'none' : 'start' }),
          tx.objectStore('bytes').put(buffer, [this.#key, chunk.seq]),
          ...(head ? [tx.objectStore('heads').put({ key: this.#key, seq: chunk.seq, start: head !== 'more', bytes: buffer })] : []),
          ...expired.flatMap(({ seq }) => MEDIA.map((name) => tx.objectStore(name).delete([this.#key, seq]))),
        ]);
      });
    await write().catch(async (error: unknown) => {
      if (!isFull(error)) throw error;
      await freeSettled(this.#database);
      await write();
    });
    this.#newestMs = newestMs;
    this.#kept = [...this.#kept.slice(expired.length).filter(({ seq }) => seq !== chunk.seq), { seq: chunk.seq, endMs: endOf(chunk) }];
    if (head === 'webm') this.#head = { seq: chunk.seq, size: bytes.length };
    else if (head === 'more' && this.#head) this.#head = { seq: chunk.seq, size: this.#head.size + bytes.length };
  }

  read(seq: number): Promise<Uint8Array | null> {
    return this.#database.read(['bytes'], `reading chunk ${seq} of recording ${this.#key}`, async (tx) => {
      const buffer = await tx.objectStore('bytes').get([this.#key, seq]);
      return buffer ? new Uint8Array(buffer) : null;
    });
  }

  drop(seq: number): Promise<void> {
    return this.#database.write(['bytes'], 'relaxed', `dropping chunk ${seq} of recording ${this.#key}`, (tx) => tx.objectStore('bytes').delete([this.#key, seq]));
  }

  /** Not waited for on the disk: what is forgotten here the server says again. */
  async release(through: number, hash: number): Promise<void> {
    await this.#database.write(['rings'], 'relaxed', `settling recording ${this.#key}`, (tx) => tx.objectStore('rings').put({ key: this.#key, through, hash }));
    this.#through = Math.max(this.#through, through);
  }

  async #load(): Promise<Left> {
    const { state, rows, held } = await this.#database.read(['rings', 'pieces', 'bytes'], `reading recording ${this.#key}`, async (tx) => {
      const [found, metas, keys] = await Promise.all([tx.objectStore('rings').get(this.#key), tx.objectStore('pieces').getAll(rangeOf(this.#key)), tx.objectStore('bytes').getAllKeys(rangeOf(this.#key))]);
      return { state: found ?? { through: 0, hash: 0 }, rows: metas, held: new Set(keys.map(([, seq]) => seq)) };
    });
    const { through, hash } = state;
    this.#through = through;
    this.#kept = rows.map((row) => ({ seq: row.seq, endMs: endOf(row) }));
    this.#newestMs = Math.max(0, ...this.#kept.map(({ endMs }) => endMs));
    const settledMs = Math.max(0, ...this.#kept.filter(({ seq }) => seq <= through).map(({ endMs }) => endMs));
    const open = rows.filter(({ seq }) => seq > through).map((row) => ({ ...metaOf(row), held: held.has(row.seq) }));
    return { through, hash, chunks: withHoles(through, settledMs, open) };
  }

  #expired(newestMs: number): Kept[] {
    const before = newestMs - this.#keepMs - LEAD_MS;
    const count = this.#kept.findIndex(({ seq, endMs }) => seq > this.#through || endMs >= before);
    return count >= EVICT_BATCH ? this.#kept.slice(0, count) : [];
  }

  /** The record says how far the recording had come, whenever the browser ends. */
  async #note(tx: Transaction<'records' | 'pieces' | 'bytes' | 'heads', 'readwrite'>, durationMs: number): Promise<void> {
    const record = await tx.objectStore('records').get(this.#key);
    if (!record) throw new ExtensionError('storage', `recording ${this.#key} is not stored here; it was deleted, or its record was never made: start a new recording`);
    await tx.objectStore('records').put({ ...record, durationMs: Math.max(record.durationMs, durationMs), storedAt: Date.now() });
  }

  #headOf(seq: number, bytes: Uint8Array): 'init' | 'start' | 'webm' | 'more' | null {
    const found = headOf(bytes);
    if (found) return found;
    if (this.#head && seq === this.#head.seq + 1 && this.#head.size < WEBM_HEAD_BYTES) return 'more';
    return seq === 1 ? 'start' : null;
  }
}
