import { seededRandom } from '../../shared/testing/random.ts';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LivePiece } from '../../scripts/live-media.ts';
import type { MediaError } from '../errors.ts';
import { createMemoryMediaLog, type MemoryMediaLog } from '../testing/media-log.memory.ts';
import { clusterBytes, initBytes } from '../testing/simulation/media.ts';
import { demoFile, openIndex, piecesOf, type TestIndex } from '../testing/pipeline-fixture.ts';
import { hasTestdata, testdata } from '../testing/testdata.ts';
import { completeIndex, createDecoder } from './decode.ts';

const folders: string[] = [];
const indexes: TestIndex[] = [];
afterEach(() => {
  return Promise.all(indexes.splice(0).map((index) => index.close())).then(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
});
const newIndex = async (): Promise<TestIndex> => {
  const dir = mkdtempSync(join(tmpdir(), 'clippy-decode-'));
  folders.push(dir);
  const index = await openIndex(dir);
  indexes.push(index);
  return index;
};
const signal = AbortSignal.timeout(60_000);

type Seen = { audio: { part: number; startMs: number; durationMs: number; byteStart: number; bytes: string }[]; keyframes: number[]; untilMs: number; damage: number; unreadable: { error: MediaError; atMs: number }[]; segments: number };
const drain = async (log: MemoryMediaLog, index: TestIndex, fromMs = 0): Promise<Seen> => {
  const seen: Seen = { audio: [], keyframes: [], untilMs: 0, damage: 0, unreadable: [], segments: 0 };
  const decoder = createDecoder({ log, index, fromMs, scenes: true, onDamage: () => { seen.damage += 1; }, onUnreadable: async (error, atMs) => { seen.unreadable.push({ error, atMs }); } });
  for (let pulled = await decoder.next(signal); pulled; pulled = await decoder.next(signal)) {
    const segment = await decoder.decode(pulled, signal);
    seen.segments += 1;
    seen.untilMs = segment.untilMs;
    for (const run of segment.sound) for (const { startMs, durationMs, byteStart, data } of run.packets) seen.audio.push({ part: run.part, startMs, durationMs, byteStart, bytes: Buffer.from(data).toString('base64') });
    for (const packet of segment.keyframes) {
      expect(packet.data.length).toBe(packet.byteLength);
      seen.keyframes.push(packet.startMs);
    }
    if (segment.ended) expect(await decoder.next(signal)).toBeNull();
  }
  return seen;
};
const structure = (index: TestIndex) => {
  const fragments = [];
  for (let at = index.fragmentAfter(-1); at; at = index.fragmentAfter(at.byteStart)) fragments.push(at);
  return { parts: index.parts().map(({ part, byteStart, byteEnd, offsetMs }) => ({ part, byteStart, byteEnd, offsetMs })), fragments, lastKey: index.keyframeBefore(Infinity) };
};
const filled = (pieces: { bytes: Uint8Array; startMs: number; durationMs: number }[], log = createMemoryMediaLog()): MemoryMediaLog => {
  for (const piece of pieces) log.append(piece);
  return log;
};
const ended = (log: MemoryMediaLog): MemoryMediaLog => {
  log.finish();
  return log;
};

let demo: LivePiece[] = [];
beforeAll(async () => {
  demo = await piecesOf(demoFile);
});

const sources: [name: string, there: boolean, path: string][] = [['fragmented MP4 (scripts/demo.mp4)', true, demoFile], ['WebM of Chrome 52', hasTestdata, testdata('webm-live/chrome52.webm')]];
for (const [name, there, path] of sources) {
  describe.skipIf(!there)(`createDecoder: ${name}${there ? '' : ' (skipped: no ../shared/testdata)'}`, () => {
    it('[D1] however the bytes are sliced, packets, fragments and keyframes are the same', async () => {
      const seed = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 100_000);
      console.log(`seed ${seed}`);
      const random = seededRandom(seed);
      const plainIndex = await newIndex();
      const plain = await drain(ended(filled(await piecesOf(path))), plainIndex);
      expect(plain.audio.length).toBeGreaterThan(400);
      expect(plain.damage).toBe(0);
      for (const slice of [`random:${Math.floor(random() * 1e6)}`, '65536']) {
        const index = await newIndex();
        const seen = await drain(ended(filled(await piecesOf(path, slice))), index);
        expect(seen.audio).toEqual(plain.audio);
        expect(structure(index)).toEqual(structure(plainIndex));
        expect(seen.untilMs).toBe(plain.untilMs);
      }
    });

    it('[D4] a restart in the middle begins at a fragment and gives the same later packets', async () => {
      const log = ended(filled(await piecesOf(path)));
      const index = await newIndex();
      const plain = await drain(log, index);
      const before = structure(index);
      for (const fromMs of [1, 20_000, 33_333, plain.untilMs - 500]) {
        const again = await drain(log, index, fromMs);
        const from = index.fragmentAt(fromMs)?.byteStart ?? 0;
        expect(again.audio).toEqual(plain.audio.filter(({ byteStart }) => byteStart >= from));
        expect(again.untilMs).toBe(plain.untilMs);
        expect(structure(index)).toEqual(before);
      }
    });
  });
}

describe('createDecoder', () => {
  it('[D3] after bytes lost, told or damaged, the walk resumes and session time stays right', async () => {
    const plain = await drain(ended(filled(demo)), await newIndex());
    for (const lose of ['told', 'damaged'] as const) {
      const log = createMemoryMediaLog();
      for (const [i, piece] of demo.entries()) {
        if (lose === 'told' && i >= 30 && i < 34) continue;
        if (lose === 'told' && i === 34) log.loss(30_000, 34_000);
        log.append(piece);
      }
      if (lose === 'damaged') for (const nth of [30, 31, 32, 33]) log.damage(nth);
      const seen = await drain(ended(log), await newIndex());
      const [from, to] = [demo[30]?.startMs ?? 0, demo[34]?.startMs ?? 0];
      const outside = (one: Seen) => one.audio.filter(({ startMs }) => startMs < from - 500 || startMs > to + 1_500).map(({ startMs, bytes }) => ({ startMs, bytes }));
      expect(outside(seen)).toEqual(outside(plain));
      expect(seen.audio.filter(({ startMs }) => startMs > from + 500 && startMs < to - 500)).toEqual([]);
      expect(seen.untilMs).toBe(plain.untilMs);
      expect(seen.unreadable).toEqual([]);
    }
  });

  it('[D6] a date that no record could have is damage; time and index go on without it (found by seed 238446703)', async () => {
    const pieces = demo.map((piece) => ({ ...piece, bytes: piece.bytes.slice() }));
    const { bytes } = pieces[20]!; // the demo has 93
    const at = Buffer.from(bytes).indexOf('tfdt');
    bytes[bytes[at + 4] === 1 ? at + 10 : at + 8] = 0x70; // days later
    const index = await newIndex();
    const seen = await drain(ended(filled(pieces)), index);
    expect(seen.damage).toBeGreaterThan(0);
    expect(seen.untilMs).toBeLessThan(93_000);
    expect(index.fragmentAt(Number.MAX_SAFE_INTEGER)?.startMs).toBeLessThan(93_000);
  });

  it('[D5] a second recorder run becomes part 1 at its record’s time, and its first sound is not given to the run before', async () => {
    const first = demo.slice(0, 20);
    const log = filled(first);
    const whole = await drain(ended(filled(demo)), await newIndex());
    const bytes = log.state.byteEnd;
    for (const piece of demo.slice(0, 15)) log.append({ ...piece, startMs: piece.startMs + 65_000 });
    const index = await newIndex();
    const seen = await drain(ended(log), index);
    expect(index.parts().map(({ part, byteStart }) => ({ part, byteStart }))).toEqual([{ part: 0, byteStart: 0 }, { part: 1, byteStart: bytes }]);
    const second = seen.audio.filter(({ part }) => part === 1);
    expect(second[0]?.startMs).toBeCloseTo(65_000 + (whole.audio[0]?.startMs ?? 0), 0);
    expect(second.map(({ bytes: data }) => data)).toEqual(whole.audio.slice(0, second.length).map(({ bytes: data }) => data));
    expect(seen.audio.filter(({ part }) => part === 0).every(({ startMs }) => startMs < 21_000)).toBe(true);
    expect(index.fragmentAt(70_000)?.part).toBe(1);
    expect(index.keyframeBefore(64_000)?.timeMs).toBeLessThan(21_000);
    const again = await drain(log, index, 66_000);
    expect(again.audio).toEqual(second.filter(({ byteStart }) => byteStart >= (index.fragmentAt(66_000)?.byteStart ?? 0)));
  });

  it('[D5] media whose beginning was lost behind its initialisation keeps its time', async () => {
    const sound = [{ loud: 70, voice: false, word: 0 }, { loud: 70, voice: false, word: 0 }];
    const log = createMemoryMediaLog();
    log.append({ bytes: initBytes(0), startMs: 0, durationMs: 0 });
    log.loss(0, 20_000);
    log.append({ bytes: clusterBytes({ startMs: 20_000, mark: 1, sound }), startMs: 20_000, durationMs: 1_000 });
    log.append({ bytes: clusterBytes({ startMs: 21_000, mark: 2, sound }), startMs: 21_000, durationMs: 1_000 });
    const seen = await drain(ended(log), await newIndex());
    expect(seen.audio.map(({ startMs }) => startMs)).toEqual([20_000, 20_500, 21_000, 21_500]);
    expect(seen.damage).toBe(0);
  });

  it('what cannot be read is told once, and the lane goes on to its end', async () => {
    const junk = filled([0, 1, 2, 3].map((i) => ({ bytes: new Uint8Array(700_000).fill(9), startMs: i * 1_000, durationMs: 1_000 })));
    const seen = await drain(ended(junk), await newIndex());
    expect(seen.unreadable).toMatchObject([{ atMs: 0, error: { code: 'unsupported' } }]);
    expect(seen.segments).toBeGreaterThan(2);
    const stub = await drain(ended(filled([{ bytes: readFileSync(demoFile).subarray(0, 6), startMs: 0, durationMs: 10 }])), await newIndex());
    expect(stub.unreadable).toHaveLength(1);
    expect((await drain(ended(createMemoryMediaLog()), await newIndex())).unreadable).toEqual([]);
  });

  it('[T2] an index that ends early is completed, and one that knows more than there is left is taken as it is', async () => {
    const whole = await newIndex();
    await drain(ended(filled(demo)), whole);
    const early = await newIndex();
    await drain(ended(filled(demo.slice(0, 2))), early);
    expect(structure(early)).not.toEqual(structure(whole));
    await completeIndex({ log: filled(demo), index: early }, signal); // whose log says nothing of its end
    expect(structure(early)).toEqual(structure(whole));
    await completeIndex({ log: filled(demo.slice(0, 2)), index: whole }, signal);
    expect(structure(early)).toEqual(structure(whole));
    await completeIndex({ log: createMemoryMediaLog(), index: await newIndex() }, signal);
  });

  it('waits for bytes that are not durable yet, and an abort ends the wait', async () => {
    const log = createMemoryMediaLog();
    const decoder = createDecoder({ log, index: await newIndex(), fromMs: 0, scenes: false, onDamage: () => {}, onUnreadable: async () => {} });
    const [piece] = demo;
    if (!piece) throw new Error('the demo is empty');
    const waiting = decoder.next(signal);
    log.append(piece);
    expect((await waiting)?.nextByte).toBe(piece.bytes.length);
    const controller = new AbortController();
    const aborted = decoder.next(controller.signal).then(() => 'came', (error: unknown) => error);
    controller.abort(new Error('stopped'));
    expect(await aborted).toMatchObject({ message: 'stopped' });
  });
});
