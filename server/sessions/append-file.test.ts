import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppendFile } from './append-file.ts';
import type { DiskFile } from './file-system.ts';
import { nodeFileSystem } from './file-system.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'append-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = async (writev: (real: DiskFile) => DiskFile['writev'], syncName = async (): Promise<void> => {}) => {
  const path = join(dir, 'file');
  const real = await nodeFileSystem.open(path, 'create');
  const warned: string[] = [];
  const log = { info: () => {}, warn: (_: object, message: string) => void warned.push(message), error: () => {} };
  return { path, warned, appended: new AppendFile({ path, open: async () => ({ ...real, writev: writev(real) }), syncName, end: 0, log }) };
};
const piece = (value: number): Uint8Array => new Uint8Array(100).fill(value);
const pieces = (count: number): Uint8Array => new Uint8Array(Buffer.concat(Array.from({ length: count }, (_, value) => piece(value))));

it('[T7] small appends wait for a flush; a disk that fails keeps them for the next', async () => {
  let [failing, writes] = [false, 0];
  const { path, warned, appended } = await open((real) => async (buffers, position) => {
    writes++;
    if (failing) throw new Error('EIO');
    await real.writev(buffers, position);
  });
  for (let value = 0; value < 10; value++) appended.append(piece(value));
  await new Promise((resolve) => setImmediate(resolve));
  expect(writes).toBe(0);
  failing = true;
  await expect(appended.flush()).rejects.toThrow(/is not written: EIO/);
  failing = false;
  await appended.flush();
  expect([writes, warned.length]).toEqual([2, 1]);
  appended.append(new Uint8Array(70_000).fill(7)); // worth a write by itself
  await new Promise((resolve) => setImmediate(resolve));
  expect(writes).toBe(3);
  await appended.close();
  expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array([...pieces(10), ...new Uint8Array(70_000).fill(7)]));
});

it('[T7] what is appended while a flush ends is no failure of it', async () => {
  for (let depth = 0; depth < 12; depth++) {
    let late = (): void => {};
    const { path, appended } = await open((real) => async (buffers, position) => {
      await real.writev(buffers, position);
      late();
    });
    let count = 0;
    const append = (): void => appended.append(piece(count++));
    late = () => {
      late = () => {};
      // so many microtasks after the write
      const descend = (left: number): void => (left === 0 ? append() : queueMicrotask(() => descend(left - 1)));
      descend(depth);
    };
    append();
    await appended.flush();
    await appended.close();
    expect(new Uint8Array(await readFile(path))).toEqual(pieces(2));
    await rm(path);
  }
});

it('[PL2] a flush makes the name durable too, once it has worked (simulation, seed 1006196)', async () => {
  let [failing, synced] = [true, 0];
  const { appended } = await open((real) => real.writev, async () => {
    if (failing) throw new Error('EIO');
    synced++;
  });
  appended.append(piece(1));
  await expect(appended.flush()).rejects.toThrow(/EIO/);
  failing = false;
  await appended.flush();
  appended.append(piece(2));
  await appended.flush();
  expect(synced).toBe(1);
  await appended.close();
});
