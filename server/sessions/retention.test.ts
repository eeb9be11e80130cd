import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { aClip } from '../testing/samples.ts';
import { HOUR_MS, type SessionBench, type SessionBenchOptions, sessionBench } from '../testing/session-bench.ts';
import { segmentKey } from './tiering.ts';
import { chunkOf } from './timeline-fixture.ts';

let at: SessionBench;
afterEach(() => at.remove());
const never = new AbortController().signal;
const keys = async (prefix: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const { key } of at.objectStore.list(prefix)) found.push(key);
  return found;
};

const record = async (key: string, chunks: number, options: { stepMs?: number } = {}) => {
  const wire = await at.connect();
  const ready = await at.start(wire, key);
  for (let seq = 1; seq <= chunks; seq++) {
    at.chunk(wire, ready, seq, chunkOf(seq, { bytes: 400, epoch: ready.epoch, ...options }));
    await at.acked(wire, ready.session, seq);
  }
  return { wire, id: ready.session };
};
const ended = async (key: string, chunks = 6): Promise<string> => {
  const { id } = await record(key, chunks);
  await at.queries.endSession(id);
  at.pipelines.find(({ sessionId }) => sessionId === id)?.finish();
  await expect.poll(() => at.supervisor.find(id)).toBeNull();
  return id;
};
const clip = async (id: string, sessionId: string, patch: { pinned?: boolean; expiresAt: number | null }): Promise<void> => {
  const mediaKey = `sessions/${sessionId}/clips/${id}/v1.mp4`;
  await at.objectStore.put(mediaKey, new Uint8Array(10), 'video/mp4');
  await at.repository.saveClip(aClip(sessionId, { id, mediaKey, thumbnailKey: '', ...patch }));
};
const bench = async (options: SessionBenchOptions = {}): Promise<void> => { at = await sessionBench({ segmentBytes: 1_000, ...options }); };

describe('retention', () => {
  it('[T4] deletes expired clips with their objects; pinned and younger ones stay', async () => {
    await bench();
    const { id } = await record('A', 1);
    await clip('old', id, { expiresAt: at.clock.now() + 10 });
    await clip('young', id, { expiresAt: at.clock.now() + HOUR_MS });
    await clip('pinned', id, { pinned: true, expiresAt: null });
    await at.clock.advance(20);
    expect(await at.sweep()).toEqual({ clips: 1, sessions: 0 });
    expect((await at.repository.clips({ limit: 9 })).map((one) => one.id).toSorted()).toEqual(['pinned', 'young']);
    expect((await keys(`sessions/${id}/clips/`)).length).toBe(2);
    expect(at.events.all).toContainEqual({ type: 'clipDeleted', sessionId: id, clipId: 'old' });
  });

  it('[A5][CR4] a deletion that died between two objects is repeated to its end', async () => {
    const store = { deletes: Infinity };
    await bench({ objectStore: (real) => ({ ...real, delete: (key) => (--store.deletes < 0 ? Promise.reject(new Error('killed')) : real.delete(key)) }) });
    const id = await ended('A');
    await at.sweep();
    expect((await keys(`sessions/${id}/segments/`)).length).toBeGreaterThan(2);
    store.deletes = 1;
    await expect(at.queries.deleteSession(id)).rejects.toThrow('killed');
    expect(existsSync(at.dirOf(id))).toBe(false);
    store.deletes = Infinity;
    await at.queries.deleteSession(id);
    expect(await keys('sessions/')).toEqual([]);
    expect(await at.repository.session(id)).toBeNull();
  });

  it('[A5] one clip that cannot be deleted keeps nothing else from being', async () => {
    await bench({ objectStore: (real) => ({ ...real, delete: (key) => (key.includes('/bad/') ? Promise.reject(new Error('store is away')) : real.delete(key)) }) });
    const { id } = await record('A', 1);
    await clip('bad', id, { expiresAt: at.clock.now() + 10 });
    await clip('good', id, { expiresAt: at.clock.now() + 11 });
    await at.clock.advance(20);
    await at.sweep();
    expect(await keys(`sessions/${id}/clips/good/`)).toEqual([]);
    expect(at.log.lines).toContainEqual(expect.objectContaining({ fields: expect.objectContaining({ clip: 'bad' }) }));
    expect(await at.repository.expiredClips(at.clock.now(), 9)).toMatchObject([{ id: 'bad' }]); // tried again
  });

  it('deletes expired recordings wholly: rows, objects, folder; pinned ones stay', async () => {
    await bench();
    const [old, pinned] = [await ended('old'), await ended('pinned')];
    await at.queries.pinSession(pinned, true);
    expect((await keys(`sessions/${old}/`)).length).toBeGreaterThan(0);
    await at.clock.advance(3 * HOUR_MS);
    const young = await ended('young');
    expect(await at.sweep()).toEqual({ clips: 0, sessions: 1 });
    expect((await at.repository.sessions({ limit: 9 })).map((one) => one.id).toSorted()).toEqual([pinned, young].toSorted());
    expect([await keys(`sessions/${old}/`), existsSync(at.dirOf(old))]).toEqual([[], false]);
    expect(at.events.all).toContainEqual({ type: 'sessionDeleted', sessionId: old });
    const body = await at.queries.recording(pinned, null, never);
    expect(body.bytes).toBe(6 * 400);
    expect((await body.read(0, body.bytes, never)).length).toBe(body.bytes);
    expect(await at.sweep()).toEqual({ clips: 0, sessions: 0 });
  });

  it('takes the media and keeps the row while pinned clips remain; then the row goes too', async () => {
    await bench();
    const id = await ended('A');
    await clip('kept', id, { pinned: true, expiresAt: null });
    await at.clock.advance(3 * HOUR_MS);
    expect(await at.sweep()).toEqual({ clips: 0, sessions: 1 });
    expect([await keys(`sessions/${id}/segments/`), await at.repository.coldSegments(id), existsSync(at.dirOf(id))]).toEqual([[], [], false]);
    expect(await at.repository.session(id)).toMatchObject({ clips: 1, note: expect.stringContaining('expired') });
    const { bytes, read } = await at.queries.clipMedia('kept', { exact: false }, never);
    expect((await read(0, bytes, never)).length).toBe(10);
    await expect(at.queries.recording(id, null, never)).rejects.toMatchObject({ code: 'not_found' });
    await expect(at.queries.restartSession(id)).rejects.toMatchObject({ code: 'closed' });
    await expect(at.queries.recording(id, { startMs: 0, endMs: 1_000 }, never)).rejects.toMatchObject({ code: 'not_found' });
    expect([await at.sweep(), await at.sweep()]).toEqual([{ clips: 0, sessions: 0 }, { clips: 0, sessions: 0 }]);
    await at.queries.deleteClip('kept');
    expect(await at.sweep()).toEqual({ clips: 0, sessions: 1 });
    expect(await at.repository.session(id)).toBeNull();
  });

  it('[A4] a clip that expires later than its recording is kept for as long as it says', async () => {
    await bench();
    const id = await ended('A');
    await clip('kept', id, { pinned: true, expiresAt: null });
    await at.clock.advance(1.5 * HOUR_MS);
    const { expiresAt } = await at.queries.pinClip('kept', false);
    await at.clock.advance((expiresAt ?? 0) - at.clock.now() - 1_000);
    expect(await at.sweep()).toEqual({ clips: 0, sessions: 1 });
    expect(await keys(`sessions/${id}/segments/`)).toEqual([]);
    const { bytes, read } = await at.queries.clipMedia('kept', { exact: false }, never);
    expect((await read(0, bytes, never)).length).toBe(10);
    await at.clock.advance(2_000);
    expect([await at.sweep(), await keys('sessions/'), await at.repository.session(id)]).toEqual([{ clips: 1, sessions: 1 }, [], null]);
  });

  it('[A5] a deletion interrupted after the objects went is finished by the next', async () => {
    await bench();
    const id = await ended('A');
    await at.sweep(); // local files go: the store holds all
    for (const key of await keys(`sessions/${id}/segments/`)) await at.objectStore.delete(key);
    await at.clock.advance(3 * HOUR_MS);
    expect(await at.sweep()).toEqual({ clips: 0, sessions: 1 });
    expect(await at.repository.session(id)).toBeNull();
  });

  it('removes a folder that belongs to no row', async () => {
    await bench();
    const id = await ended('A');
    await mkdir(at.dirOf('01JORPHAN'), { recursive: true });
    await at.sweep();
    expect(existsSync(at.dirOf('01JORPHAN'))).toBe(false);
    expect(await at.repository.session(id)).not.toBeNull();
  });

  it('[T4] moves what an ended recording still holds locally to the store, once, and reads it back from there', async () => {
    await bench();
    const id = await ended('A');
    await at.sweep();
    expect((await readdir(at.dirOf(id))).filter((name) => name.endsWith('.seg'))).toEqual([]);
    const body = await at.queries.recording(id, null, never);
    expect(await body.read(0, 1e9, never)).toEqual(new Uint8Array(Buffer.concat([1, 2, 3, 4, 5, 6].map((seq) => chunkOf(seq, { bytes: 400 }).bytes))));
    body.close();
    const opened = at.opened.length;
    await at.clock.advance(60_000);
    await at.sweep();
    expect(at.opened.length).toBe(opened);
  });

  it('[A6] drops the oldest segments of a recording that still runs, with their objects and rows', async () => {
    await bench();
    const { id, wire } = await record('A', 8, { stepMs: HOUR_MS / 2 }); // 4 hours; 2 are kept
    await at.tiering.sweep();
    const before = (await at.repository.coldSegments(id)).map(({ index }) => index);
    const session = at.supervisor.find(id);
    expect(before.length).toBeGreaterThan(1);
    await at.sweep();
    expect(session?.timeline.state.firstMs).toBeGreaterThan(0);
    expect(session?.timeline.state.firstMs).toBeLessThanOrEqual(2 * HOUR_MS);
    const after = (await at.repository.coldSegments(id)).map(({ index }) => index);
    expect(after.length).toBeLessThan(before.length);
    expect(await keys(`sessions/${id}/segments/`)).toEqual(after.map((index) => segmentKey(id, index)));
    const first = session?.timeline.state.firstByte ?? 0;
    expect(await session?.timeline.read(first, 1e9, never)).toEqual(new Uint8Array(Buffer.concat([1, 2, 3, 4, 5, 6, 7, 8].map((seq) => chunkOf(seq, { bytes: 400 }).bytes))).slice(first));
    // What is left is a recording of its own: its initialisation, then the first fragment that is still there.
    const { index } = await at.supervisor.readLog(id);
    index.addInit({ part: 0, byteStart: 0, byteEnd: 4, offsetMs: 0, bytes: Uint8Array.of(1, 2, 3, 4) });
    index.addFragments([{ byteStart: 4, startMs: 0, part: 0 }, { byteStart: first + 7, startMs: 1, part: 0 }]);
    const body = await at.queries.recording(id, null, never);
    const rest = await session?.timeline.read(first + 7, 1e9, never) ?? new Uint8Array();
    expect(await body.read(0, body.bytes, never)).toEqual(new Uint8Array([1, 2, 3, 4, ...rest]));
    expect(await body.read(2, 6, never)).toEqual(new Uint8Array([3, 4, ...rest.subarray(0, 2)]));
    expect(await body.read(10, 20, never)).toEqual(rest.slice(6, 16));
    at.chunk(wire, { session: id, epoch: 1 }, 9);
    await at.acked(wire, id, 9);
  });

  it('pinned recordings that run keep everything', async () => {
    await bench();
    const { id } = await record('A', 8, { stepMs: HOUR_MS });
    await at.queries.pinSession(id, true);
    await at.sweep();
    expect(at.supervisor.find(id)?.timeline.state.firstMs).toBe(0);
  });
});
