// In the page of store.test.ts: the recording store, driven from outside.
import { openRecordingStore } from '../recorder/store.ts';
import type { RecordingRecord } from '../recorder/ports.ts';

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

const parts = { openRecordingStore, recordOf, measure };
export type StorePage = typeof globalThis & { parts: typeof parts };
Object.assign(globalThis, { parts, ready: true });
