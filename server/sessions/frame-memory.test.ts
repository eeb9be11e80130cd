import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFrameMemory } from './frame-memory.ts';
import { createHotChunks } from './hot-chunks.ts';
import { bench, chunkOf, never } from './timeline-fixture.ts';
import type { Bench } from './timeline-fixture.ts';

const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);

let at: Bench;
beforeEach(async () => {
  at = await bench();
});
afterEach(() => at.remove());

it('[T9] memory is used again after its last holder has let go, and not before', () => {
  const memory = createFrameMemory();
  const first = memory.borrow(filled(100_000, 1));
  memory.hold(first);
  memory.release(first);
  const second = memory.borrow(filled(100_000, 2));
  expect(second.buffer).not.toBe(first.buffer);
  expect(first).toEqual(filled(100_000, 1));
  memory.release(first);
  memory.release(first); // once too often
  const third = memory.borrow(filled(99_000, 3));
  expect(third.buffer).toBe(first.buffer);
  expect(third).toEqual(filled(99_000, 3));
  expect(memory.borrow(filled(100_000, 4)).buffer).not.toBe(first.buffer);
  expect(second).toEqual(filled(100_000, 2));
});

it('[T9] what nobody used for a while is let go, what a frame leaves unused of its memory is at most half', () => {
  const memory = createFrameMemory();
  const burst = Array.from({ length: 50 }, () => memory.borrow(filled(100_000, 1)));
  for (const bytes of burst) memory.release(bytes);
  const all = memory.freeBytes;
  memory.trim();
  expect(memory.freeBytes).toBe(all);
  for (let i = 0; i < 3; i++) {
    const used = Array.from({ length: 10 }, () => memory.borrow(filled(100_000, 1)));
    for (const bytes of used) memory.release(bytes);
    memory.trim();
    expect(memory.freeBytes).toBe(all / 5);
  }
  memory.trim();
  expect(memory.freeBytes).toBe(0);
  for (let size = 20_000; size < 9_000_000; size = Math.ceil(size * 1.07)) {
    const { buffer } = memory.borrow(filled(size, 1));
    expect(buffer.byteLength).toBeGreaterThanOrEqual(size);
    expect(buffer.byteLength).toBeLessThanOrEqual(size * 2);
  }
});

it('[T9] a chunk stays in memory until a pipeline has read it to its end, and whoever still looks at it keeps it', async () => {
  const memory = createFrameMemory();
  const hotChunks = createHotChunks({ maxBytes: 1e9, memory });
  const timeline = await at.open({ hotChunks });
  const chunks = [1, 2, 3].map((seq) => chunkOf(seq, { bytes: 50_000 }));
  for (const chunk of chunks) {
    const bytes = memory.borrow(chunk.bytes);
    await timeline.append({ ...chunk, bytes });
    memory.release(bytes);
  }
  const held = hotChunks.bytes;
  const other = await timeline.pull(0, 10_000, never);
  const half = await timeline.pull(0, 75_000, never);
  half.release();
  expect(hotChunks.bytes).toBeCloseTo((held * 2) / 3); // the second was read in part
  const [item] = other.items;
  memory.borrow(filled(50_000, 0xdd));
  expect(item).toMatchObject({ kind: 'bytes', bytes: chunks[0]!.bytes.subarray(0, 10_000) }); // of three
  other.release();
  expect(new Uint8Array(memory.borrow(filled(50_000, 0xdd)).buffer, 0, 50_000)).toEqual(filled(50_000, 0xdd));
  expect(await timeline.read(0, 1e9, never)).toEqual(new Uint8Array(Buffer.concat(chunks.map(({ bytes }) => bytes)))); // the first from disk
  expect(hotChunks.bytes).toBeCloseTo((held * 2) / 3);
  await timeline.close();
});
