import { seededRandom } from '../../shared/testing/random.ts';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faulty } from './faulty-file-system.ts';
import type { Fault, Operation } from './faulty-file-system.ts';
import { nodeFileSystem } from './file-system.ts';
import { simulatedDisk } from './simulated-disk.ts';
import { TimelineError } from './timeline-error.ts';
import { bench, chunkOf, drain, never, payloads } from './timeline-fixture.ts';
import type { Bench } from './timeline-fixture.ts';
import { openTimeline } from './timeline.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1e6);
const ROUNDS = Number(process.env.TIMELINE_ROUNDS ?? 20);

let at: Bench;
beforeEach(async () => {
  at = await bench();
});
afterEach(() => at.remove());

const segments = async (): Promise<string[]> => (await readdir(at.dir)).filter((name) => name.endsWith('.seg')).sort().map((name) => join(at.dir, name));
const dropIndexes = async (): Promise<void> => {
  for (const name of await readdir(at.dir)) if (name.endsWith('.idx')) await rm(join(at.dir, name));
};
const record = async (count: number, options: Parameters<Bench['open']>[0] = {}): Promise<void> => {
  const timeline = await at.open(options);
  for (let seq = 1; seq <= count; seq++) await timeline.append(chunkOf(seq));
  await timeline.close();
};

const withFault = async (operation: Operation, fault: Fault, run: (context: { again: () => void; open: () => ReturnType<Bench['open']> }) => Promise<void>): Promise<void> => {
  let armed = false;
  const fs = faulty(nodeFileSystem, (name, path) => {
    if (!armed || name !== operation || path.endsWith('.idx.new') || path.endsWith('.idx')) return null;
    armed = false;
    return fault;
  });
  await run({ again: () => (armed = true), open: () => at.open({ fs }) });
};

describe('torn and damaged files', () => {
  it('[T1] a file whose removal failed, although its name has gone, is not written to (simulation, seed 300244788)', async () => {
    const plan: [Operation, Fault][] = [['writev', { code: 'EIO', when: 'after' }], ['unlink', { code: 'EIO', when: 'after' }]];
    const fs = faulty(nodeFileSystem, (name, path) => (path.includes('.idx') || plan[0]?.[0] !== name ? null : plan.shift()![1])); // it has a first
    const timeline = await at.open({ fs });
    await expect(timeline.append(chunkOf(1))).rejects.toMatchObject({ code: 'io' });
    await expect(timeline.finish()).rejects.toMatchObject({ code: 'io' });
    await timeline.append(chunkOf(1));
    await timeline.close();
    expect((await (await at.open()).read(0, 1e9, never)).length).toBe(chunkOf(1).bytes.length);
  });

  it('[T1][T2] records of a failed write that could not be cut back give way to what was acknowledged after them (simulation, seed 1033970)', async () => {
    // the second batch is written and reported as failed, is not cut back, and the next segment fails before it holds anything
    const plan: [Operation, Fault][] = [['writev', { code: 'EIO', when: 'after' }], ['truncate', { code: 'EIO', when: 'before' }], ['syncDir', { code: 'EIO', when: 'after' }], ['unlink', { code: 'EIO', when: 'before' }]];
    let armed = false;
    const fs = faulty(nodeFileSystem, (name, path) => {
      if (!armed || path.includes('.idx') || plan[0]?.[0] !== name) return null;
      return plan.shift()![1]; // it has a first
    });
    const timeline = await at.open({ fs });
    await timeline.append(chunkOf(1));
    armed = true;
    await expect(timeline.append(chunkOf(2))).rejects.toMatchObject({ code: 'io' });
    await expect(timeline.append(chunkOf(2))).rejects.toMatchObject({ code: 'io' });
    const other = { ...chunkOf(9), seq: 2, startMs: 2_000 };
    await expect(timeline.append(other)).rejects.toMatchObject({ code: 'io' }); // what holds nothing must be gone first (simulation, seed 300203433)
    await timeline.append(other);
    await timeline.close();
    expect(plan).toEqual([]);
    await dropIndexes();
    const again = await at.open();
    expect(again.state).toMatchObject({ lastSequence: 2, chunks: 2 });
    expect(Buffer.compare((await drain(again)).bytes, Buffer.concat([chunkOf(1).bytes, other.bytes]))).toBe(0);
    await again.close();
  });

  it('[T1] a local segment that holds more than the object store says it has is stored there anew (simulation, seed 300200245)', async () => {
    await record(3);
    const [path] = await segments();
    const { size } = await stat(path!);
    for (const [fileBytes, coldAt] of [[size - 64 - chunkOf(3).bytes.length, null], [size, 7]] as const) {
      const timeline = await at.open({ coldSegments: [{ index: 0, fileBytes, storedAt: 7 }] });
      expect(timeline.sealed().map((segment) => segment.coldAt)).toEqual([coldAt]);
      await timeline.close();
    }
  });

  it('[T2] a file cut at any byte of its last record loses that record only, and goes on', async () => {
    await record(4);
    await dropIndexes();
    const [path] = await segments();
    const whole = await readFile(path!);
    const last = 64 + chunkOf(4).bytes.length;
    for (let cut = whole.length - last; cut < whole.length; cut++) {
      await writeFile(path!, whole.subarray(0, cut));
      const timeline = await at.open();
      expect([cut, timeline.state.lastSequence]).toEqual([cut, 3]);
      expect(Buffer.compare((await drain(timeline)).bytes, payloads(1, 3))).toBe(0);
      await timeline.append(chunkOf(4));
      expect(Buffer.compare((await drain(timeline)).bytes, payloads(1, 4))).toBe(0);
      await timeline.close();
      for (const name of await readdir(at.dir)) if (join(at.dir, name) !== path) await rm(join(at.dir, name));
    }
  });

  it('[T1][PL2] what a killed server had written and not synced is durable before the next one counts it', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const disk = simulatedDisk(seededRandom(seed));
      const first = await at.open({ fs: disk });
      if (seed % 2 === 0) await first.append(chunkOf(1)); // else not even the file's name is durable
      let hangs = false;
      const killed = await at.open({ fs: { ...disk, open: async (path, mode) => {
        const file = await disk.open(path, mode);
        return { ...file, datasync: () => (hangs ? new Promise<never>(() => {}) : file.datasync()) };
      } } });
      hangs = true;
      void killed.append(chunkOf(killed.state.lastSequence + 1));
      for (let turn = 0; turn < 50; turn++) await Promise.resolve(); // until it hangs in its fdatasync
      const next = await at.open({ fs: disk });
      const told = next.state.lastSequence; // what `ready` says, and a client forgets
      expect(told).toBe(killed.state.lastSequence + 1);
      disk.restore();
      const left = await at.open({ fs: disk });
      expect([seed, left.state.lastSequence, left.state.quarantined]).toEqual([seed, told, []]);
      expect((await drain(left)).bytes).toEqual(payloads(1, told));
    }
  });

  it('[T2] one flipped bit anywhere after a crash is never served: the last record goes, an earlier one is quarantined', async () => {
    await record(4);
    await dropIndexes();
    const [path] = await segments();
    const whole = await readFile(path!);
    const bounds = [4, 3, 2, 1].map((seq) => payloads(seq, 4).length + 64 * (5 - seq)).map((back) => whole.length - back).toReversed();
    for (let byte = 0; byte < whole.length; byte += 3) {
      const damaged = Buffer.from(whole);
      damaged[byte]! ^= 1 << (byte % 8);
      await writeFile(path!, damaged);
      const timeline = await at.open();
      const hit = bounds.findLastIndex((bound) => byte >= bound) + 1; // 0: the head record
      const { bytes, seqs } = await drain(timeline);
      const expected = [1, 2, 3, 4].filter((seq) => seq !== hit);
      expect([byte, seqs]).toEqual([byte, expected]);
      expect(Buffer.compare(bytes, Buffer.concat(expected.map((seq) => chunkOf(seq).bytes)))).toBe(0);
      expect([timeline.state.lastSequence, timeline.state.quarantined.length]).toEqual(hit === 4 ? [3, 0] : [4, hit === 0 ? 0 : 1]);
      await timeline.close();
      for (const name of await readdir(at.dir)) if (join(at.dir, name) !== path) await rm(join(at.dir, name));
    }
  });

  it('[T2] damage inside a sealed segment is found when read, quarantined with its place, and stays so', async () => {
    await record(12, { segmentBytes: 1000 });
    const [, path] = await segments();
    const bytes = await readFile(path!);
    bytes[bytes.length - 5]! ^= 4;
    await writeFile(path!, bytes);
    let timeline = await at.open();
    const { byteEnd } = timeline.state;
    await expect(timeline.read(0, byteEnd, never)).rejects.toMatchObject({ name: 'TimelineError', code: 'quarantined' });
    for (const _ of ['running', 'restarted', 'rebuilt']) {
      const { seqs, gaps } = await drain(timeline);
      const [bad] = timeline.state.quarantined;
      expect(timeline.state.quarantined).toHaveLength(1);
      expect(seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].filter((seq) => seq !== bad?.gap.fromSequence));
      expect(gaps).toEqual([`${bad?.gap.fromSequence}-${bad?.gap.toSequence}@${bad?.byteStart}-${bad?.byteEnd}`]);
      expect(await timeline.range(0, 1e9, never)).toEqual([{ start: 0, end: bad!.byteStart }, { start: bad!.byteEnd, end: byteEnd }]);
      expect(await timeline.read(bad!.byteEnd, byteEnd, never)).toEqual(payloads(bad!.gap.toSequence + 1, 12));
      await timeline.close();
      if (_ === 'restarted') await dropIndexes();
      timeline = await at.open();
    }
    await timeline.close();
  });

  it('[DF5] bytes that arrive wrong from the object store, differently each time, are no damage: they are read again later', async () => {
    await record(12, { segmentBytes: 1000 });
    const cold = new Map((await segments()).map((path, index) => [index, path]));
    let wrong = 0;
    const objects = new Map<number, Uint8Array>();
    for (const [index, path] of cold) objects.set(index, await readFile(path));
    const coldRead = async (index: number, start: number, end: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(objects.get(index)!.slice(start, end)); // each was read above
      if (wrong > 0) bytes[bytes.length - (wrong-- % 7) - 1]! ^= 1;
      return bytes;
    };
    const timeline = await at.open({ coldRead });
    for (const { index } of timeline.sealed()) {
      timeline.markCold(index, 1);
      await timeline.dropLocal(index);
    }
    wrong = 1_000;
    await expect(timeline.pull(0, 1e6, never)).rejects.toMatchObject({ code: 'io' });
    wrong = 0;
    expect(timeline.state.quarantined).toEqual([]);
    expect((await drain(timeline)).seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const first = objects.get(0)!;
    first[first.length - 5]! ^= 4; // damaged where it lies
    await drain(timeline);
    expect(timeline.state.quarantined).toHaveLength(1);
    await timeline.close();
  });

  it('[T2] a segment that vanished is an error until its index is given up, then a declared hole', async () => {
    await record(12, { segmentBytes: 1000 });
    const [, path] = await segments();
    await rm(path!);
    await expect(at.open()).rejects.toMatchObject({ code: 'io' });
    await rm(join(at.dir, '00000001.idx'));
    const timeline = await at.open();
    const { seqs, gaps } = await drain(timeline);
    expect(timeline.state.lastSequence).toBe(12);
    expect(gaps).toHaveLength(1);
    expect(seqs.length).toBeLessThan(12);
    expect(seqs.at(-1)).toBe(12);
    await expect(timeline.read(0, 1e9, never)).rejects.toMatchObject({ code: 'quarantined' });
    await timeline.close();
  });

  it('a client cannot plant records: media full of copied headers changes nothing, even after damage in front of it', async () => {
    await record(2);
    const [own] = await segments();
    const planted = new Uint8Array(await readFile(own!)); // a whole segment file as a payload
    await at.remove();
    at = await bench();
    const { crc32c } = await import('../../shared/crc32c.ts');
    let timeline = await at.open();
    await timeline.append({ ...chunkOf(1), bytes: planted, crc: crc32c(planted) });
    await timeline.append(chunkOf(2));
    await timeline.append(chunkOf(3));
    await timeline.close();
    await dropIndexes();
    const [path] = await segments();
    const bytes = await readFile(path!);
    const header = bytes.indexOf(planted) - 64;
    bytes[header + 3]! ^= 1;
    await writeFile(path!, bytes);
    timeline = await at.open();
    expect((await drain(timeline)).seqs).toEqual([2, 3]);
    expect(timeline.state.quarantined[0]).toMatchObject({ byteStart: 0, byteEnd: planted.length });
    await timeline.close();
  });
});

describe('a disk that fails', () => {
  for (const [operation, fault, code] of [
    ['writev', { code: 'ENOSPC', when: 'half' }, 'full'],
    ['writev', { code: 'EIO', when: 'before' }, 'io'],
    ['writev', { code: 'EIO', when: 'after' }, 'io'],
    ['datasync', { code: 'EIO', when: 'before' }, 'io'],
    ['datasync', { code: 'ENOSPC', when: 'after' }, 'full'],
  ] satisfies [Operation, Fault, string][]) {
    it(`[T1] ${operation} failing with ${fault.code} ${fault.when} its effect: rejected with all behind it, then it goes on`, async () => {
      await withFault(operation, fault, async ({ again, open }) => {
        const timeline = await open();
        await timeline.append(chunkOf(1));
        again();
        const results = await Promise.allSettled([2, 3, 4].map((seq) => timeline.append(chunkOf(seq))));
        for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code } });
        expect(results[0]?.status === 'rejected' && results[0].reason).toBeInstanceOf(TimelineError);
        expect(timeline.state.lastSequence).toBe(1);
        expect(timeline.classify(2, chunkOf(2).crc)).toBe('next');
        expect((await drain(timeline)).bytes).toEqual(payloads(1, 1));
        for (let seq = 2; seq <= 4; seq++) await timeline.append(chunkOf(seq));
        expect((await drain(timeline)).bytes).toEqual(payloads(1, 4));
        expect(timeline.sealed()).toHaveLength(operation === 'datasync' ? 1 : 0); // what a failed sync left in the kernel is not built on
        await timeline.close();
        await dropIndexes();
        const reopened = await at.open();
        expect((await drain(reopened)).seqs).toEqual([1, 2, 3, 4]);
        expect((await drain(reopened)).bytes).toEqual(payloads(1, 4));
        await reopened.close();
      });
    });
  }

  it('[T1] the first chunk is not acknowledged when the folder cannot be synced or the file not made', async () => {
    for (const [operation, code] of [['syncDir', 'EIO'], ['open', 'EMFILE']] as const) {
      await withFault(operation, { code, when: 'before' }, async ({ again, open }) => {
        const timeline = await open();
        again();
        await expect(timeline.append(chunkOf(1))).rejects.toMatchObject({ code: 'io' });
        await timeline.append(chunkOf(1));
        expect((await drain(timeline)).bytes).toEqual(payloads(1, 1));
        await timeline.close();
        await rm(at.dir, { recursive: true });
      });
    }
  });

  it('a read error is not damage: nothing is quarantined, and the next read works', async () => {
    await record(3);
    let failing = true;
    const timeline = await at.open({ fs: faulty(nodeFileSystem, (name, path) => (failing && name === 'pread' && path.endsWith('.seg') ? { code: 'EIO', when: 'before' } : null)) });
    await expect(timeline.read(0, 10, never)).rejects.toMatchObject({ code: 'io' });
    failing = false;
    expect(timeline.state.quarantined).toEqual([]);
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 3));
    await timeline.close();
  });

  it('an end that cannot read what a failed write left has not come: more is taken, and it ends later', async () => {
    let failing = false;
    const timeline = await at.open({ fs: faulty(nodeFileSystem, (name, path) => (failing && path.endsWith('.seg') && ['writev', 'truncate', 'pread'].includes(name) ? { code: 'EIO', when: 'before' } : null)) });
    await timeline.append(chunkOf(1));
    failing = true;
    await expect(timeline.append(chunkOf(2))).rejects.toMatchObject({ code: 'io' });
    await expect(timeline.finish()).rejects.toMatchObject({ code: 'io' });
    expect(timeline.state.finished).toBe(false);
    failing = false;
    await timeline.append(chunkOf(2));
    await timeline.finish();
    expect([timeline.state.finished, (await drain(timeline)).bytes]).toEqual([true, payloads(1, 2)]);
    await timeline.close();
  });

  it('no more waits for the disk than 64 MiB: what comes above it is refused as busy', async () => {
    const timeline = await at.open();
    const big = chunkOf(1, { bytes: 0 });
    const bytes = new Uint8Array(30 * 1024 * 1024);
    const { crc32c } = await import('../../shared/crc32c.ts');
    const results = [1, 2, 3].map((seq) => timeline.append({ ...big, seq, bytes, crc: crc32c(bytes) }));
    await expect(results[2]).rejects.toMatchObject({ code: 'busy' });
    await Promise.all(results.slice(0, 2));
    expect(timeline.state.lastSequence).toBe(2);
    await timeline.close();
  });
});

describe('power cuts', () => {
  it(`[T1][T2] over ${ROUNDS * 5} lives on a disk that forgets and fails: acknowledged is there, once, in order (SEED=${SEED})`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const random = seededRandom(SEED + round);
      const pick = (below: number): number => Math.floor(random() * below);
      const disk = simulatedDisk(random);
      let checking = false;
      disk.failSync = () => !checking && random() < 0.02;
      const fs = faulty(disk, (operation) => (operation !== 'pread' && random() < 0.01 ? { code: random() < 0.5 ? 'ENOSPC' : 'EIO', when: (['before', 'half', 'after'] as const)[pick(3)]! } : null));
      const log = { info: () => {}, warn: () => {}, error: () => {} };
      const indexCache = new LRUCache<string, import('./segment-index.ts').SegmentIndex>({ maxSize: 20_000, sizeCalculation: (index) => index.byteLength });
      let acked = 0;
      const label = (what: string): string => `${what} (SEED=${SEED + round})`;
      for (let life = 0; life < 5; life++) {
        disk.cutAfter(60 + pick(400));
        indexCache.clear();
        try {
          const timeline = await openTimeline({ dir: '/data/sessions/s1', sessionId: 's1', segmentBytes: 500 + pick(pick(2) * 20_000 + 1), indexCache, log, fs });
          while (!disk.isCut()) {
            const from = timeline.state.lastSequence + 1;
            const results = await Promise.allSettled(
              Array.from({ length: 1 + pick(24) }, (_, i) => {
                const seq = from + i;
                return seq % 11 === 0 ? timeline.appendGap({ epoch: 1, fromSequence: seq, toSequence: seq, startMs: 0, endMs: 0, reason: 'lost' }) : timeline.append(chunkOf(seq));
              }),
            );
            for (const [i, result] of results.entries()) if (result.status === 'fulfilled') acked = Math.max(acked, from + i);
            if (random() < 0.1) await timeline.pull(pick(timeline.state.byteEnd + 1), 500, never);
          }
        } catch {
          // an open or a pull that the cut or a fault hit; the next life opens again
        }
        disk.restore();
        checking = true;
        const check = await openTimeline({ dir: '/data/sessions/s1', sessionId: 's1', indexCache, log, fs: disk });
        indexCache.clear();
        const { state } = check;
        const expected = Array.from({ length: state.lastSequence }, (_, i) => i + 1);
        const { seqs, bytes } = await drain(check, 700);
        expect([label('kept'), state.lastSequence >= acked]).toEqual([label('kept'), true]);
        expect([label('once, in order'), seqs]).toEqual([label('once, in order'), expected.filter((seq) => seq % 11 !== 0)]);
        expect([label('bytes'), Buffer.compare(bytes, Buffer.concat(seqs.map((seq) => chunkOf(seq).bytes)))]).toEqual([label('bytes'), 0]);
        expect([label('gaps'), state.gaps.map((gap) => gap.fromSequence)]).toEqual([label('gaps'), expected.filter((seq) => seq % 11 === 0)]);
        expect([label('counted'), state.chunks + state.missing, state.quarantined]).toEqual([label('counted'), state.lastSequence, []]);
        acked = state.lastSequence;
        await check.close();
        checking = false;
      }
    }
  });
});

