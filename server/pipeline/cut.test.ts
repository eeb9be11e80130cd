import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LivePiece } from '../../scripts/live-media.ts';
import type { Packet } from '../media/media.ts';
import type { Verification } from '../ports.ts';
import { createMemoryMediaLog, type MemoryMediaLog } from '../testing/media-log.memory.ts';
import { createMemoryObjectStore } from '../testing/object-store.memory.ts';
import { demoFile, openIndex, piecesOf, realTool, type TestIndex } from '../testing/pipeline-fixture.ts';
import { createMemoryRepository } from '../testing/repository.memory.ts';
import { aHighlight, aSession } from '../testing/samples.ts';
import { hasTestdata, testdata } from '../testing/testdata.ts';
import { archiveClip, clipPrefix } from './archive.ts';
import { cutClip } from './cut.ts';
import { createDecoder } from './decode.ts';
import { stretchAt } from './packets.ts';
import type { CutClip } from './segment.ts';

const signal = AbortSignal.timeout(60_000);
const dir = mkdtempSync(join(tmpdir(), 'clippy-cut-'));
const tempDir = join(dir, 'temp');
const indexes: TestIndex[] = [];
afterAll(async () => {
  await Promise.all(indexes.map((index) => index.close()));
  rmSync(dir, { recursive: true, force: true });
});

type Recorded = { log: MemoryMediaLog; index: TestIndex };
const newIndex = async (): Promise<TestIndex> => {
  const index = await openIndex(join(dir, `index-${indexes.length}`));
  indexes.push(index);
  return index;
};
const recorded = async (log: MemoryMediaLog): Promise<Recorded> => {
  log.finish();
  const index = await newIndex();
  const decoder = createDecoder({ log, index, fromMs: 0, scenes: false, onDamage: () => {}, onUnreadable: (error) => Promise.reject(error) });
  for (let pulled = await decoder.next(signal); pulled; pulled = await decoder.next(signal)) await decoder.decode(pulled, signal);
  return { log, index };
};
const filled = (pieces: LivePiece[], log = createMemoryMediaLog()): MemoryMediaLog => {
  for (const piece of pieces) log.append(piece);
  return log;
};
const highlight = (startMs: number, endMs: number, over = {}) => aHighlight('S', { startMs, endMs, peakMs: (startMs + endMs) / 2, ...over });
const cut = (at: Recorded, startMs: number, endMs: number, over = {}): Promise<CutClip> => cutClip({ ...at, tool: realTool, tempDir }, highlight(startMs, endMs, over), signal);
const look = (clip: CutClip, file = clip.file): Promise<Verification> => realTool.verify(file, { container: clip.container }, signal);
const collect = async (at: Recorded, startMs: number, endMs: number, kinds: 'audio' | 'all' = 'all'): Promise<Packet[]> => {
  const found: Packet[] = [];
  for await (const packets of stretchAt({ ...at, startMs, endMs, kinds }, signal).packets) found.push(...packets);
  return found;
};

let pieces: LivePiece[] = [];
let demo: Recorded;
beforeAll(async () => {
  pieces = await piecesOf(demoFile);
  demo = await recorded(filled(pieces));
});

describe('[C3] stretchAt', () => {
  it('begins with the last keyframe at or before the range, and reaches behind its end', async () => {
    for (const [startMs, endMs] of [[70, 5_000], [12_345, 20_000], [61_000, 61_500], [90_000, 92_000]] as const) {
      const packets = await collect(demo, startMs, endMs);
      const video = packets.filter(({ kind }) => kind === 'video');
      const keysBefore = video.filter(({ key, startMs: at }) => key && at <= startMs);
      expect(video[0]?.key).toBe(true);
      expect(keysBefore).toHaveLength(1);
      expect(video[0]?.startMs).toBe(demo.index.keyframeBefore(startMs)?.timeMs);
      const sound = packets.filter(({ kind }) => kind === 'audio').map((packet) => packet.startMs);
      expect(Math.min(...sound)).toBeLessThanOrEqual(Math.max(40, startMs - 80));
      expect(Math.max(...packets.map((packet) => packet.startMs + packet.durationMs))).toBeGreaterThanOrEqual(Math.min(endMs, demo.log.state.durationMs) - 70);
      expect(packets.every(({ data }) => data.length > 0)).toBe(true);
    }
  });

  it('sound alone: every packet of the range, none of the picture', async () => {
    const packets = await collect(demo, 30_000, 40_000, 'audio');
    expect(new Set(packets.map(({ kind }) => kind))).toEqual(new Set(['audio']));
    const inside = packets.filter(({ startMs, durationMs }) => startMs + durationMs > 30_000 && startMs < 40_000);
    expect(inside.slice(1).filter((packet, i) => packet.startMs - (inside[i]?.startMs ?? 0) > 60)).toEqual([]);
    expect(inside[0]?.startMs).toBeLessThanOrEqual(30_000);
  });

  it('nothing recorded is an error that says so', async () => {
    const empty = { log: createMemoryMediaLog(), index: await newIndex() };
    await expect(collect(empty, 0, 1_000)).rejects.toMatchObject({ code: 'incomplete' });
  });

  it.skipIf(!hasTestdata)(`several keyframes inside one cluster: the last before the range${hasTestdata ? '' : ' (skipped: no ../shared/testdata)'}`, async () => {
    const at = await recorded(filled(await piecesOf(testdata('webm-live/chrome52.webm'))));
    for (const startMs of [5_000, 11_000, 24_000, 37_000, 48_000]) {
      const video = (await collect(at, startMs, startMs + 4_000)).filter(({ kind }) => kind === 'video');
      expect(video.filter(({ key, startMs: keyMs }) => key && keyMs <= startMs)).toHaveLength(1);
      expect(video[0]?.startMs).toBe(at.index.keyframeBefore(startMs)?.timeMs);
    }
  });
});

describe('cutClip', () => {
  it('[C2] presents exactly the range, decodes without errors, and its handles reach wider', async () => {
    for (const [startMs, endMs] of [[20_000, 35_000], [40_333, 55_777]] as const) {
      const clip = await cut(demo, startMs, endMs, { state: 'refined' });
      const found = await look(clip);
      expect(found.errors).toEqual([]);
      expect([clip.startMs, clip.endMs]).toEqual([startMs, endMs]);
      expect(Math.abs(found.durationMs - (endMs - startMs))).toBeLessThan(70);
      expect(Math.abs(found.videoFrames - ((endMs - startMs) * 15) / 1_000)).toBeLessThanOrEqual(2);
      expect(Math.abs(found.audioSamples / 48 - (endMs - startMs))).toBeLessThan(150);
      expect({ width: clip.width, height: clip.height }).toEqual({ width: 320, height: 180 });
      expect(clip.bytes).toBe((await stat(clip.file)).size);
      expect([clip.handleBeforeMs, clip.handleAfterMs]).toEqual([10_000, 10_000]);
      const wide = await look(clip, clip.handlesFile ?? '');
      expect(wide.errors).toEqual([]);
      expect(Math.abs(wide.durationMs - (endMs - startMs + 20_000))).toBeLessThan(70);
    }
  });

  it('a range past the end, or at the start, gives what is there and says so', async () => {
    const late = await cut(demo, 84_000, 99_000, { state: 'refined' });
    expect(late.endMs).toBeLessThanOrEqual(demo.log.state.durationMs + 70);
    expect(late.endMs).toBeGreaterThan(91_500);
    expect(late.handleAfterMs).toBeLessThan(100);
    expect((await look(late)).errors).toEqual([]);
    const early = await cut(demo, 0, 15_000, { state: 'refined' });
    expect(early.startMs).toBeLessThan(70);
    expect(early.handleBeforeMs).toBeLessThan(70);
  });

  it.skipIf(!hasTestdata)(`[C2] VP8 has no edit list: the clip begins at the keyframe before and says so${hasTestdata ? '' : ' (skipped: no ../shared/testdata)'}`, async () => {
    const at = await recorded(filled(await piecesOf(testdata('webm-live/chrome52.webm'))));
    const clip = await cut(at, 21_000, 36_000);
    expect(clip.container).toBe('webm');
    expect(clip.startMs).toBe(at.index.keyframeBefore(21_000)?.timeMs);
    expect(clip.startMs).toBeLessThanOrEqual(21_000);
    const found = await look(clip);
    expect(found.errors).toEqual([]);
    expect(Math.abs(found.durationMs - (clip.endMs - clip.startMs))).toBeLessThan(200);
  });

  it('[C4] a range over lost bytes, told or damaged, still decodes', async () => {
    const told = createMemoryMediaLog();
    for (const [i, piece] of pieces.entries()) {
      if (i === 44) {
        // the client lost the middle of a fragment and what follows
        told.append({ ...piece, bytes: piece.bytes.subarray(0, piece.bytes.length / 2) });
        told.loss(44_500, 47_000);
      } else if (i < 44 || i > 46) told.append(piece);
    }
    const damaged = filled(pieces);
    for (const nth of [44, 45, 46]) damaged.damage(nth);
    for (const log of [told, damaged]) {
      const at = await recorded(log);
      for (const [startMs, endMs] of [[40_000, 55_000], [44_700, 60_000], [30_000, 45_500]] as const) {
        const clip = await cut(at, startMs, endMs);
        const found = await look(clip);
        expect(found.errors).toEqual([]);
        expect(found.videoFrames).toBeGreaterThan(100);
        expect(clip.startMs).toBe(startMs);
        expect(clip.endMs).toBeLessThanOrEqual(endMs);
      }
    }
  });

  it('[C5] what does not decode is an error and leaves no file', async () => {
    rmSync(tempDir, { recursive: true, force: true });
    const tool = { ...realTool, verify: async () => ({ durationMs: 0, videoFrames: 0, audioSamples: 0, width: 0, height: 0, errors: ['broken'] }) };
    await expect(cutClip({ ...demo, tool, tempDir }, highlight(20_000, 35_000), signal)).rejects.toMatchObject({ code: 'malformed' });
    expect(readdirSync(tempDir)).toEqual([]);
  });

  it('[C5] the same version cut twice at once has files of its own each time', async () => {
    const [one, other] = await Promise.all([cut(demo, 20_000, 26_000), cut(demo, 20_000, 26_000)]);
    expect(one.file).not.toBe(other.file);
    for (const clip of [one, other]) expect((await look(clip)).errors).toEqual([]);
  });
});

describe('archiveClip', () => {
  const archive = async () => {
    const repository = createMemoryRepository({ newId: () => 'S' });
    await repository.openSession(aSession());
    const objectStore = createMemoryObjectStore();
    const shown: string[] = [];
    const store = (clip: CutClip): Promise<void> => archiveClip({ repository, objectStore, now: () => 5, expiresAt: () => 99, show: ({ mediaKey, thumbnailKey, sums: _sums, ...rest }) => ({ ...rest, mediaUrl: mediaKey, thumbnailUrl: thumbnailKey }), onClip: ({ id, version }) => { shown.push(`${id} v${version}`); } }, clip);
    const keys = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key } of objectStore.list(clipPrefix('S', 'h1'))) found.push(key.slice(clipPrefix('S', 'h1').length));
      return found;
    };
    return { repository, objectStore, shown, store, keys };
  };

  it('[A1] stores a version once, keeps one version before, drops what is older, and never goes back', async () => {
    const { repository, objectStore, shown, store, keys } = await archive();
    const one = await cut(demo, 20_000, 26_000);
    await store(one);
    await store(one);
    expect(await repository.clips({ sessionId: 'S', limit: 10 })).toMatchObject([{ id: 'h1', version: 1, startMs: 20_000, endMs: 26_000, expiresAt: 99, bytes: one.bytes }]);
    expect(await keys()).toEqual(['v1.jpg', 'v1.mp4']);
    expect((await objectStore.stat(`${clipPrefix('S', 'h1')}v1.mp4`))?.bytes).toBe(one.bytes);
    const two = await cut(demo, 20_000, 27_000, { version: 2, state: 'refined' });
    await store(two);
    await store(await cut(demo, 20_000, 28_000, { version: 3 }));
    const now = ['v2.handles.mp4', 'v2.jpg', 'v2.mp4', 'v3.jpg', 'v3.mp4'];
    expect(await keys()).toEqual(now);
    await store(one);
    expect(await keys()).toEqual(now);
    expect(await repository.clip('h1')).toMatchObject({ version: 3, endMs: 28_000 });
    expect(new Set(shown)).toEqual(new Set(['h1 v1', 'h1 v2', 'h1 v3']));
  });

  it('[A3] a clip deleted meanwhile stays deleted and leaves no objects; a pinned one stays pinned', async () => {
    const { repository, shown, store, keys } = await archive();
    await store(await cut(demo, 20_000, 26_000));
    await repository.pinClip('h1', true, null);
    await store(await cut(demo, 20_000, 27_000, { version: 2 }));
    expect(await repository.clip('h1')).toMatchObject({ version: 2, pinned: true, expiresAt: null });
    await repository.deleteClip('h1');
    await store(await cut(demo, 20_000, 28_000, { version: 3 }));
    expect(await repository.clip('h1')).toBeNull();
    expect(await keys()).toEqual([]);
    expect(shown).not.toContain('h1 v3');
    expect(existsSync(tempDir)).toBe(true);
  });
});
