// What every object store must do (rules O in server/SPEC.md). Each test keeps to a folder of its own in the store.
import { seededRandom } from '../../shared/testing/random.ts';
import { createHash } from 'node:crypto';
import { link, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ObjectStore } from '../ports.ts';

const run = Date.now().toString(36);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const noise = (bytes: number, seed: number): Uint8Array => {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256));
};
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const keysOf = async (store: ObjectStore, prefix: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.toSorted();
};

/** `largeBytes`: a file that needs several parts. */
export const objectStoreContract = (open: () => Promise<ObjectStore>, { largeBytes }: { largeBytes: number }): void => {
  let store: ObjectStore;
  let folder: string;
  beforeAll(async () => {
    store = await open();
    folder = await mkdtemp(join(tmpdir(), 'clippy-objects-'));
  });
  afterAll(async () => {
    for await (const { key } of store.list(`${run}/`)) await store.delete(key);
    await rm(folder, { recursive: true });
  });

  it('[O1] gives back what was put, whole and by range', async () => {
    const key = `${run}/a/b_c-d.1/body.webm`;
    const body = noise(100_000, 1);
    await store.put(key, body, 'video/webm');
    expect(digest(await store.read(key))).toBe(digest(body));
    expect(await store.read(key, { start: 0, end: 1 })).toEqual(body.slice(0, 1));
    expect(await store.read(key, { start: 5_000, end: 70_000 })).toEqual(body.slice(5_000, 70_000));
    expect(await store.read(key, { start: 99_990, end: 200_000 })).toEqual(body.slice(99_990));
    for (const range of [{ start: 100_000, end: 100_001 }, { start: 5, end: 5 }, { start: 7, end: 5 }, { start: -1, end: 5 }, { start: 0.5, end: 5 }]) await expect(store.read(key, range)).rejects.toMatchObject({ code: 'range' });
  });

  it('[O1] keeps an empty object', async () => {
    await store.put(`${run}/empty`, new Uint8Array(), 'text/plain');
    expect(await store.read(`${run}/empty`)).toHaveLength(0);
    expect((await store.stat(`${run}/empty`))?.bytes).toBe(0);
  });

  it('[O2] says not_found for what is not there, before and after deleting; deleting twice is fine', async () => {
    const key = `${run}/gone/x`;
    await expect(store.read(key)).rejects.toMatchObject({ name: 'Refused', code: 'not_found' });
    await expect(store.read(key, { start: 0, end: 1 })).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.stat(key)).toBeNull();
    await store.put(key, text('x'), 'text/plain');
    await store.delete(key);
    await store.delete(key);
    await expect(store.read(key)).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.stat(key)).toBeNull();
    expect(await keysOf(store, `${run}/gone`)).toEqual([]);
    await expect(store.read(`${run}/gone`)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('[O3] has a strong, quoted etag that changes with the content', async () => {
    const key = `${run}/etag`;
    const tags = new Set<string | undefined>();
    for (const body of ['one', 'two', 'three']) {
      await store.put(key, text(body), 'text/plain');
      const found = await store.stat(key);
      expect(found?.etag).toMatch(/^"[^"]+"$/);
      expect((await store.stat(key))?.etag).toBe(found?.etag);
      expect(found?.bytes).toBe(body.length);
      tags.add(found?.etag);
    }
    expect(tags.size).toBe(3);
  });

  it('[O4] uploads a file and leaves it alone, small, empty, large, and again over itself', async () => {
    for (const [name, bytes] of [['small', 10], ['none', 0], ['large', largeBytes]] as const) {
      const path = join(folder, name);
      const body = noise(Math.min(bytes, 65_536), 7 + bytes);
      await writeFile(path, Buffer.alloc(bytes, body));
      const key = `${run}/files/${name}`;
      await store.putFile(key, path, 'video/mp4');
      await store.putFile(key, path, 'video/mp4');
      expect((await store.stat(key))?.bytes).toBe(bytes);
      expect(digest(await store.read(key))).toBe(digest(await readFile(path)));
      await rm(path);
      expect((await store.stat(key))?.bytes).toBe(bytes);
      await store.put(key, text('replaced'), 'text/plain');
      expect(await store.read(key)).toEqual(text('replaced'));
    }
    const path = join(folder, 'original');
    await writeFile(path, 'through a link');
    await symlink(path, join(folder, 'linked'));
    await store.putFile(`${run}/files/linked`, join(folder, 'linked'), 'text/plain');
    expect(await store.read(`${run}/files/linked`)).toEqual(text('through a link'));
    await store.put(`${run}/files/linked`, text('changed'), 'text/plain');
    expect(await readFile(path, 'utf8')).toBe('through a link');
    await expect(store.putFile(`${run}/files/x`, join(folder, 'no such file'), 'text/plain')).rejects.toThrow(/ENOENT/);
    await link(path, join(folder, 'second'));
    expect((await stat(path)).size).toBe(14);
  });

  it('[O5] shows one whole object, old or new, while it is written over', async () => {
    const key = `${run}/race`;
    const bodies = [noise(200_000, 3), noise(50_000, 4), noise(120_000, 5)];
    const known = new Set(bodies.map(digest));
    await store.put(key, bodies[0]!, 'video/mp4');
    const readers = Array.from({ length: 8 }, async () => {
      for (let turn = 0; turn < 4; turn++) expect(known.has(digest(await store.read(key)))).toBe(true);
    });
    await Promise.all([...bodies, ...bodies].map((body) => store.put(key, body, 'video/mp4')).concat(readers));
    expect(known.has(digest(await store.read(key)))).toBe(true);
  });

  it('[O6] lists by the beginning of the key, with sizes, while others come and go', async () => {
    const keys = ['a/1', 'a/2/x', 'ab', 'b/a/1', 'b/a.1'].map((key) => `${run}/list/${key}`);
    await Promise.all(keys.map((key, at) => store.put(key, new Uint8Array(at + 1), 'text/plain')));
    const all: Record<string, number> = {};
    for await (const { key, bytes } of store.list(`${run}/list/`)) all[key] = bytes;
    expect(all).toEqual(Object.fromEntries(keys.map((key, at) => [key, at + 1])));
    expect(await keysOf(store, `${run}/list/a`)).toEqual(keys.slice(0, 3).toSorted());
    expect(await keysOf(store, `${run}/list/a/`)).toEqual(keys.slice(0, 2));
    expect(await keysOf(store, `${run}/list/b/a`)).toEqual(keys.slice(3).toSorted());
    expect(await keysOf(store, `${run}/list/zzz/`)).toEqual([]);
    expect(await keysOf(store, `${run}/list/ab/x`)).toEqual([]);
    for await (const { key } of store.list(`${run}/list/`)) await store.delete(key);
    expect(await keysOf(store, `${run}/list/`)).toEqual([]);
  });

  it('[O7] refuses keys that could leave the store', async () => {
    const bad = ['', '/', '/etc/passwd', '../x', 'a/../../x', 'a/..', '..', '.', 'a/./b', 'a//b', 'a/', 'a b', 'ä', 'a\\b', 'a\0b', 'a%2e%2e', 'x'.repeat(256), 'x/'.repeat(600), 'C:/x', 'a\n'];
    for (const key of bad) {
      for (const call of [() => store.put(key, text('x'), 'text/plain'), () => store.putFile(key, join(folder, 'none'), 'text/plain'), () => store.read(key), () => store.stat(key), () => store.delete(key)]) {
        expect(await call().then((value) => value, (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error)), `key ${key}`).toBe('bad_request');
      }
    }
    for (const prefix of ['/', '../', 'a/../', 'a//', 'a b']) expect(() => store.list(prefix), `prefix ${prefix}`).toThrow(/not the beginning/);
    for (const key of ['..a', 'a..b', '...', '.hidden/x', '-']) await store.put(`${run}/odd/${key}`, text(key), 'text/plain');
    expect(await keysOf(store, `${run}/odd/`)).toHaveLength(5);
  });

  it('[O8] gives up when asked', async () => {
    await store.put(`${run}/abort`, text('x'), 'text/plain');
    const reason = new Error('enough');
    await expect(store.read(`${run}/abort`, undefined, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('[O9] answers a ping', async () => {
    await expect(store.ping()).resolves.toBeUndefined();
  });
};
