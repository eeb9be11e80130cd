// In the page of store.test.ts: the recording store, driven from outside.
import type { ChunkMeta, Ring } from '../../shared/ring.ts';
import type { RecordingRecord, RecordingStore } from '../recorder/ports.ts';
import { openRecordingStore } from '../recorder/store.ts';

const recordOf = (key: string): RecordingRecord => ({
  key, title: 'A stream', sourceUrl: 'https://example.com/', mime: 'video/mp4', encoder: 'webcodecs', width: 1280, height: 720, microphone: false,
  startedAt: Date.now(), endedAt: null, durationMs: 0, storedAt: 0, serverUrl: '', delivered: false, transcript: 'server',
});

/** Milliseconds per write of 625 KB (2 s at 2.5 Mbit/s), median and worst of `count`. */
const measure = async (durability: 'strict' | 'relaxed', count: number): Promise<{ medianMs: number; worstMs: number }> => {
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(`measure-${durability}`, 1);
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore('bytes'));
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error));
  });
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const whole = new Uint8Array(625_000).map((_, index) => bytes[index % 65_536]!); // below its length
    const started = performance.now();
    await new Promise<void>((resolve, reject) => {
      const tx = db.transaction('bytes', 'readwrite', { durability });
      tx.objectStore('bytes').put(whole.buffer, n);
      tx.addEventListener('complete', () => resolve());
      tx.addEventListener('abort', () => reject(tx.error));
    });
    times.push(performance.now() - started);
  }
  db.close();
  indexedDB.deleteDatabase(`measure-${durability}`);
  times.sort((a, b) => a - b);
  return { medianMs: times[count >> 1]!, worstMs: times.at(-1)! }; // count is above 0
};

const stores = new Map<string, Promise<RecordingStore>>();
const rings = new Map<string, Promise<Ring>>();

/** Connections by name, all to one database. */
const open = (name: string): Promise<RecordingStore> => {
  const store = stores.get(name) ?? openRecordingStore();
  stores.set(name, store);
  return store;
};
const ring = (key: string, name: string, keepMs = 60_000): Promise<Ring> => {
  const id = `${name}/${key}`;
  const found = rings.get(id) ?? open(name).then((store) => store.ring(key, { keepMs }));
  rings.set(id, found);
  return found;
};
const create = async (key: string, patch: Partial<RecordingRecord> = {}): Promise<void> => (await open('first')).create({ ...recordOf(key), ...patch });
const clear = async (): Promise<void> => {
  const store = await open('first');
  for (const { key } of await store.list()) await store.remove(key);
  rings.clear();
};

const put = async (key: string, name: string, meta: ChunkMeta, data: string): Promise<void> => (await ring(key, name)).put(meta, Uint8Array.from(atob(data), (character) => character.charCodeAt(0)));
const read = async (key: string, name: string, seq: number): Promise<string | null> => {
  const bytes = await (await ring(key, name)).read(seq);
  return bytes && btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
};

const metaOf = (seq: number, size: number, startMs = (seq - 2) * 2000, durationMs = 2000): ChunkMeta => ({ seq, crc: 1, startMs, durationMs, size });
/** An MP4 header of nothing but its type, `size` bytes long. */
const initOf = (size: number): Uint8Array => {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, size);
  bytes.set(new TextEncoder().encode('ftyp'), 4);
  return bytes;
};
const errorOf = (run: () => Promise<unknown>): Promise<{ name: string; code: string; message: string } | null> =>
  run().then(() => null, (error: { name: string; code: string; message: string }) => ({ name: error.name, code: error.code, message: error.message }));

/** 4 minutes of which one minute is kept; the last 10 chunks are not settled at first. */
const retention = async () => {
  await create('KEEP');
  const [store, target] = [await open('first'), await ring('KEEP', 'first')];
  const more = async (from: number, to: number): Promise<void> => {
    for (let seq = from; seq <= to; seq++) await target.put(metaOf(seq, 1000), new Uint8Array(1000));
  };
  await target.put(metaOf(1, 16, 0, 0), initOf(16));
  await more(2, 31);
  const before = { savableMs: await store.savableMs('KEEP'), pieces: (await store.tail('KEEP', 1e9)).pieces.length };
  await more(32, 121);
  const unsettled = (await store.tail('KEEP', 1e9)).pieces.length;
  await target.release(121, 5);
  await more(122, 150);
  const { init, pieces } = await store.tail('KEEP', 1e9);
  return { before, unsettled, after: { savableMs: await store.savableMs('KEEP'), rows: pieces.length, init: new TextDecoder().decode(init.subarray(4, 8)) } };
};

const contiguous = async () => {
  await create('GAPS');
  const [store, target] = [await open('first'), await ring('GAPS', 'first')];
  const media = async (...seqs: number[]): Promise<void> => {
    for (const seq of seqs) await target.put(metaOf(seq, 100, seq * 2000), new Uint8Array(100));
  };
  const seen = async () => {
    const { init, pieces } = await store.tail('GAPS', 60_000);
    return { init: init.length, starts: pieces.map(({ startMs }) => startMs) };
  };
  const none = await seen();
  await target.put(metaOf(1, 16, 0, 0), initOf(16));
  await media(2, 4, 5);
  const gap = await seen();
  await target.put(metaOf(6, 24, 12_000, 0), initOf(24));
  await media(7, 8);
  const again = await seen();
  return { none, gap, again, savableMs: await store.savableMs('GAPS') };
};

/** Writes 300 KB at a time: some are settled, then none until the quota ends it. */
const fill = async () => {
  await create('FULL');
  const target = await ring('FULL', 'first', 3_600_000);
  const [settled, most] = [50, 300];
  let written = 0;
  const write = async (): Promise<void> => {
    await target.put(metaOf(written + 1, 300_000), Uint8Array.from({ length: 300_000 }, () => Math.random() * 256));
    written += 1;
  };
  for (let n = 0; n < settled; n++) await write();
  await target.release(settled, 1);
  const error = await errorOf(async () => {
    while (written < most) await write();
  });
  const later = (await openRecordingStore()).ring('FULL', { keepMs: 1 });
  const { chunks } = await later.load();
  return { settled, error, written: written - settled, stored: chunks.filter(({ held }) => held).length, settledLeft: (await later.read(settled)) === null ? 0 : 1 };
};

const upgradeTo = (name: string, version: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.addEventListener('success', () => resolve(request.result.close()));
    request.addEventListener('error', () => reject(request.error));
  });

const broken = async () => {
  await upgradeTo('from-the-future', 99);
  const newer = await errorOf(() => openRecordingStore({ name: 'from-the-future' }));
  const old = await openRecordingStore({ name: 'replaced' });
  await upgradeTo('replaced', 2);
  const replaced = await errorOf(() => old.list());
  const store = await open('first');
  await create('GONE');
  const twice = await errorOf(() => store.create(recordOf('GONE')));
  const target = await ring('GONE', 'first');
  await store.remove('GONE');
  const deleted = await errorOf(async () => target.put(metaOf(1, 10), new Uint8Array(10)));
  const shut = await openRecordingStore();
  shut.close();
  const closed = await errorOf(() => shut.list());
  return { newer, replaced, deleted, twice, closed };
};

const records = async () => {
  await create('NEW', { startedAt: 2000 });
  await create('OLD', { startedAt: 1000 });
  const store = await open('first');
  const target = await ring('OLD', 'first');
  await target.put(metaOf(1, 10), new Uint8Array(10));
  await target.release(1, 1);
  await store.update('OLD', { title: 'Other' });
  const listed = await store.list();
  await store.remove('OLD');
  const [left, after] = [await store.ring('OLD', { keepMs: 1 }).load(), await store.list()];
  return { listed: listed.map(({ key }) => key), title: listed[0]!.title, left, after: after.map(({ key }) => key) }; // two were made
};

const parts = { open, ring, put, read, create, clear, retention, contiguous, fill, broken, records, measure };
export type StorePage = typeof globalThis & { parts: typeof parts };
Object.assign(globalThis, { parts, ready: true });
