import { seededRandom } from '../../shared/testing/random.ts';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { foldHash } from '../../shared/crc32c.ts';
import { faulty } from './faulty-file-system.ts';
import { nodeFileSystem } from './file-system.ts';
import { createFrameMemory } from './frame-memory.ts';
import { createHotChunks } from './hot-chunks.ts';
import { bench, chunkOf, concat, counted, drain, never, payloads } from './timeline-fixture.ts';
import type { Bench } from './timeline-fixture.ts';

let at: Bench;
beforeEach(async () => {
  at = await bench();
});
afterEach(() => at.remove());

const gap = (fromSequence: number, toSequence: number) => ({ epoch: 1, fromSequence, toSequence, startMs: (fromSequence - 1) * 2000, endMs: toSequence * 2000, reason: 'ring overflowed' });

/** where a chunk begins in a stream that lacks 11 and 12 */
const begin = (seq: number): number => payloads(1, seq - 1).length - (seq > 12 ? chunkOf(11).bytes.length + chunkOf(12).bytes.length : 0);

describe('append', () => {
  it('[T1] what was appended is read back, also from a second open, in order and byte for byte', async () => {
    const timeline = await at.open();
    await Promise.all([1, 2, 3].map((seq) => timeline.append(chunkOf(seq))));
    await timeline.append(chunkOf(4));
    expect(await timeline.read(0, 1e9, never)).toEqual(payloads(1, 4));
    const { state } = timeline;
    expect(state).toMatchObject({ epoch: 1, lastSequence: 4, chunks: 4, missing: 0, durationMs: 8000, byteEnd: payloads(1, 4).length, finished: false });
    await timeline.close();
    const again = await at.open();
    expect(again.state).toEqual(state);
    expect(await again.read(0, state.byteEnd, never)).toEqual(payloads(1, 4));
    await again.append(chunkOf(5));
    expect(await again.read(0, 1e9, never)).toEqual(payloads(1, 5));
    await again.close();
  });

  it('[C7] a pull names the memory that was read for it alone, and freeing that changes nothing for others', async () => {
    const timeline = await at.open();
    for (const seq of [1, 2, 3]) await timeline.append(chunkOf(seq));
    const [one, other] = [await timeline.pull(0, 1e6, never), await timeline.pull(0, 1e6, never)];
    expect(one.items.map((item) => item.kind === 'bytes' && one.own.includes(item.bytes.buffer as ArrayBuffer))).toEqual([true, true, true]);
    for (const buffer of one.own) buffer.transfer(0);
    expect(concat(other.items.flatMap((item) => (item.kind === 'bytes' ? [item.bytes] : [])))).toEqual(payloads(1, 3));
    expect(await timeline.read(0, 1e9, never)).toEqual(payloads(1, 3));
    await timeline.close();

    const hot = await at.open({ hotChunks: createHotChunks({ maxBytes: 1e6, memory: createFrameMemory() }) });
    await hot.append(chunkOf(4));
    expect((await hot.pull(payloads(1, 3).length, 1e6, never)).own).toEqual([]); // others look at it too
    await hot.close();
  });

  it('[T8] at rest it holds no file open; what is appended then follows in the same segment', async () => {
    const files = counted();
    const timeline = await at.open({ fs: files.fs });
    await timeline.append(chunkOf(1));
    expect(files.open()).toBe(1);
    const appended = timeline.append(chunkOf(2));
    await timeline.rest();
    await appended;
    expect(files.open()).toBe(0);
    await Promise.all([timeline.append(chunkOf(3)), timeline.rest(), timeline.append(chunkOf(4))]);
    await timeline.rest();
    expect(files.open()).toBe(0);
    await timeline.append(chunkOf(5));
    expect(await timeline.read(0, 1e9, never)).toEqual(payloads(1, 5));
    expect(timeline.sealed()).toHaveLength(0);
    await timeline.close();
    expect(files.open()).toBe(0);
    const again = await at.open();
    expect(again.sealed()).toHaveLength(1);
    expect(await again.read(0, 1e9, never)).toEqual(payloads(1, 5));
    await again.close();
  });

  it('[P3] tells next, stored, conflict and order apart, before and after a restart', async () => {
    let timeline = await at.open();
    expect(timeline.classify(1, 0)).toBe('next');
    expect(timeline.classify(0, 0)).toBe('order');
    for (let seq = 1; seq <= 3; seq++) await timeline.append(chunkOf(seq));
    await timeline.appendGap(gap(4, 6));
    for (const _ of ['running', 'restarted']) {
      expect(timeline.classify(2, chunkOf(2).crc)).toBe('stored');
      expect(timeline.classify(2, chunkOf(2).crc ^ 1)).toBe('conflict');
      expect(timeline.classify(7, 1)).toBe('next');
      expect(timeline.classify(8, 1)).toBe('order');
      expect(timeline.classify(5, 1)).toBe('order');
      await timeline.close();
      timeline = await at.open();
    }
    await expect(timeline.append(chunkOf(9))).rejects.toMatchObject({ code: 'order' });
    await timeline.append(chunkOf(7, { epoch: 3 }));
    await expect(timeline.append(chunkOf(8, { epoch: 2 }))).rejects.toMatchObject({ code: 'fenced' });
    await expect(timeline.append({ ...chunkOf(8, { epoch: 3 }), startMs: Number.NaN })).rejects.toMatchObject({ code: 'bad_frame' });
    await timeline.close();
    await expect(timeline.append(chunkOf(8, { epoch: 3 }))).rejects.toMatchObject({ code: 'closed' });
  });

  it('[P6] gaps are durable, trimmed to what is not stored, stored once, and stand before the bytes that follow them', async () => {
    let timeline = await at.open();
    await timeline.append(chunkOf(1));
    await timeline.appendGap(gap(1, 4));
    await timeline.appendGap(gap(2, 4));
    await expect(timeline.appendGap(gap(6, 7))).rejects.toMatchObject({ code: 'order' });
    expect((await drain(timeline)).gaps).toEqual([]); // nothing follows yet
    await timeline.append(chunkOf(5));
    const edge = chunkOf(1).bytes.length;
    for (const _ of ['running', 'restarted']) {
      expect((await drain(timeline, 10)).gaps).toEqual([`2-4@${edge}-${edge}`]);
      expect(timeline.state).toMatchObject({ missing: 3, chunks: 2, lastSequence: 5, gaps: [{ fromSequence: 2, toSequence: 4, reason: 'ring overflowed' }] });
      await timeline.close();
      timeline = await at.open();
    }
    await timeline.close();
  });

  it('the rolling hash folds the crcs of the chunks, and survives a restart', async () => {
    const timeline = await at.open({ segmentBytes: 500 });
    let hash = 0;
    for (let seq = 1; seq <= 20; seq++) {
      await timeline.append(chunkOf(seq));
      hash = foldHash(hash, chunkOf(seq).crc);
    }
    expect(timeline.hash()).toBe(hash);
    await timeline.close();
    const again = await at.open();
    expect(again.hash()).toBe(hash);
    await again.close();
  });

  it('nothing is made durable late: a repeated gap resolves only after what it repeats', async () => {
    const timeline = await at.open();
    void timeline.append(chunkOf(1));
    void timeline.appendGap(gap(2, 3));
    await timeline.appendGap(gap(2, 3));
    expect(timeline.state.missing).toBe(2);
    await timeline.close();
  });
});

describe('read', () => {
  const seed = Number(process.env.SEED ?? 7);
  it(`[T5] any slice across any segments, from random cuts (SEED=${seed})`, async () => {
    const random = seededRandom(seed);
    const timeline = await at.open({ segmentBytes: 1000 });
    for (let seq = 1; seq <= 60; seq++) await timeline.append(chunkOf(seq));
    const whole = payloads(1, 60);
    expect(timeline.sealed().length).toBeGreaterThan(10);
    for (let round = 0; round < 100; round++) {
      const start = Math.floor(random() * whole.length);
      const end = start + Math.floor(random() * (whole.length - start));
      expect(Buffer.compare(await timeline.read(start, end, never), whole.subarray(start, end))).toBe(0);
    }
    for (const step of [13, 333, 1e6]) expect(Buffer.compare((await drain(timeline, step)).bytes, whole)).toBe(0);
    await timeline.close();
  });

  it('[T5] range gives the bytes of every chunk that overlaps the time, gaps left out', async () => {
    const timeline = await at.open({ segmentBytes: 1000 });
    for (let seq = 1; seq <= 10; seq++) await timeline.append(chunkOf(seq));
    await timeline.appendGap(gap(11, 12));
    for (let seq = 13; seq <= 20; seq++) await timeline.append(chunkOf(seq));
    expect(await timeline.range(4000, 8000, never)).toEqual([{ start: begin(3), end: begin(5) }]);
    expect(await timeline.range(4001, 8001, never)).toEqual([{ start: begin(3), end: begin(6) }]);
    expect(await timeline.range(18_000, 26_000, never)).toEqual([{ start: begin(10), end: begin(14) }]);
    expect(await timeline.range(20_000, 24_000, never)).toEqual([]);
    expect(await timeline.range(0, 1e9, never)).toEqual([{ start: 0, end: timeline.state.byteEnd }]);
    await timeline.close();
  });

  it('changed resolves when bytes arrive or the end comes, and gives up with its signal', async () => {
    const timeline = await at.open();
    const first = timeline.changed(0, never);
    await timeline.append(chunkOf(1));
    await first;
    const { byteEnd } = timeline.state;
    const stop = new AbortController();
    const aborted = timeline.changed(byteEnd, stop.signal);
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const last = timeline.changed(byteEnd + chunkOf(2).bytes.length, never);
    const appended = timeline.append(chunkOf(2));
    await timeline.finish();
    await appended;
    await last;
    expect(timeline.state).toMatchObject({ finished: true, lastSequence: 2 });
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 2));
    await timeline.close();
  });

  it('segments turn over by media time', async () => {
    const timeline = await at.open({ segmentMs: 6000 });
    for (let seq = 1; seq <= 9; seq++) await timeline.append(chunkOf(seq));
    await timeline.finish();
    expect(timeline.sealed().map(({ startMs, endMs }) => [startMs, endMs])).toEqual([[0, 6000], [6000, 12_000], [12_000, 18_000]]);
    await timeline.close();
  });
});

describe('indexes', () => {
  it('[T2] sidecars are only a copy: deleted while closed or while open, everything is read back', async () => {
    let timeline = await at.open({ segmentBytes: 1000 });
    for (let seq = 1; seq <= 30; seq++) await timeline.append(chunkOf(seq));
    await timeline.appendGap(gap(31, 32));
    await timeline.close();
    const { state } = timeline;
    const indexes = (await readdir(at.dir)).filter((name) => name.endsWith('.idx'));
    expect(indexes.length).toBeGreaterThan(5);
    const before = await Promise.all(indexes.map((name) => readFile(join(at.dir, name))));
    for (const name of indexes) await rm(join(at.dir, name));
    timeline = await at.open();
    expect({ ...timeline.state, finished: true }).toEqual(state);
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 30));
    expect(await Promise.all(indexes.map((name) => readFile(join(at.dir, name))))).toEqual(before);
    await timeline.close();
  });

  it('[T3] an index pushed out of the shared cache is loaded again, or rebuilt', async () => {
    const { LRUCache } = await import('lru-cache');
    const indexCache = new LRUCache<string, import('./segment-index.ts').SegmentIndex>({ maxSize: 2500, sizeCalculation: (index) => index.byteLength });
    const timeline = await at.open({ segmentBytes: 1000, indexCache });
    for (let seq = 1; seq <= 30; seq++) await timeline.append(chunkOf(seq));
    expect(indexCache.calculatedSize).toBeLessThanOrEqual(2500);
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 30));
    for (const name of await readdir(at.dir)) if (name.endsWith('.idx')) await rm(join(at.dir, name));
    indexCache.clear();
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 30));
    await timeline.close();
  });
});

describe('hot chunks', () => {
  it('[T3] a pipeline that keeps up is served from memory, one that lags from disk, both the same bytes', async () => {
    const memory = createFrameMemory();
    const hotChunks = createHotChunks({ maxBytes: 1500, memory });
    let reads = 0;
    const fs = faulty(nodeFileSystem, (operation) => {
      if (operation === 'pread') reads++;
      return null;
    });
    const timeline = await at.open({ segmentBytes: 1000, hotChunks, fs });
    reads = 0;
    for (let seq = 1; seq <= 30; seq++) {
      const { byteEnd } = timeline.state;
      await timeline.append(chunkOf(seq));
      const { items } = await timeline.pull(byteEnd, 1e6, never);
      expect(items).toEqual([{ kind: 'bytes', byteStart: byteEnd, startMs: (seq - 1) * 2000, seq, bytes: chunkOf(seq).bytes }]);
    }
    expect(reads).toBe(0);
    expect(hotChunks.bytes).toBeLessThanOrEqual(1500);
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 30));
    expect(reads).toBeGreaterThan(0);
    await timeline.close();
  });
});

describe('tiers and retention', () => {
  it('[T4] a segment dropped locally is read from the object store; never before it is there', async () => {
    const store = new Map<number, Uint8Array>();
    const coldRead = async (index: number, start: number, end: number): Promise<Uint8Array> => {
      const body = store.get(index);
      if (body === undefined) throw new Error('store is down');
      return body.subarray(start, end);
    };
    let timeline = await at.open({ segmentBytes: 1000, coldRead });
    for (let seq = 1; seq <= 30; seq++) await timeline.append(chunkOf(seq));
    const sealed = timeline.sealed();
    await expect(timeline.dropLocal(sealed[0]!.index)).rejects.toMatchObject({ code: 'io' });
    for (const { index, path } of sealed) {
      store.set(index, new Uint8Array(await readFile(path)));
      timeline.markCold(index, 1000);
      await timeline.dropLocal(index);
    }
    expect((await readdir(at.dir)).filter((name) => name.endsWith('.seg'))).toHaveLength(1);
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 30));
    await timeline.close();

    // the folder lost even its indexes: they come back out of the object store
    for (const name of await readdir(at.dir)) if (name.endsWith('.idx')) await rm(join(at.dir, name));
    const coldSegments = sealed.map(({ index, fileBytes }) => ({ index, fileBytes, storedAt: 1000 }));
    timeline = await at.open({ coldRead, coldSegments });
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 30));
    expect(timeline.state).toMatchObject({ lastSequence: 30, chunks: 30 });

    const [first] = sealed;
    store.get(first!.index)![first!.fileBytes - 1]! ^= 1;
    const { seqs, gaps } = await drain(timeline);
    expect(gaps).toHaveLength(1);
    expect(seqs).toHaveLength(29);
    store.clear();
    await expect(timeline.read(0, 10, never)).rejects.toMatchObject({ code: 'io' });
    await timeline.close();
  });

  it('retention drops the oldest segments whole and says where the session now begins', async () => {
    let timeline = await at.open({ segmentBytes: 1000 });
    for (let seq = 1; seq <= 30; seq++) await timeline.append(chunkOf(seq));
    const sealed = timeline.sealed();
    timeline.markCold(0, 1);
    expect(await timeline.dropBefore(sealed[2]!.endMs)).toEqual([0]);
    for (const _ of ['running', 'restarted']) {
      const { state } = timeline;
      expect(state).toMatchObject({ firstByte: sealed[3]!.byteStart, firstMs: sealed[3]!.startMs, chunks: 30, lastSequence: 30 });
      await expect(timeline.read(0, 10, never)).rejects.toMatchObject({ code: 'dropped' });
      expect((await drain(timeline)).gaps).toEqual([`0-0@0-${state.firstByte}`]);
      await timeline.close();
      timeline = await at.open();
    }
    await timeline.dropBefore(1e9);
    expect(timeline.sealed()).toHaveLength(1);
    await timeline.append(chunkOf(31));
  });
});
