import { mkdir, mkdtemp, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDiskJournal } from '../testing/crash/disk-journal.ts';
import { losePower } from '../testing/crash/power-loss.ts';
import { watchFiles } from '../testing/crash/watched-files.ts';
import { objectStoreContract } from '../testing/object-store.contract.ts';
import { createFolderStore } from './object-store.folder.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clippy-folder-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe('object store contract: folder', () => {
  objectStoreContract(() => createFolderStore({ dir }), { largeBytes: 20_000_000 });
});

describe('folder store', () => {
  it.each(['made by a process that was killed', 'made by another put that is still under way'])('[O5][PL3] an object that was put outlives a power cut: its folder was %s', async (how) => {
    const root = await mkdtemp(join(tmpdir(), 'clippy-power-'));
    const journal = join(root, 'unsynced');
    const make = (): Promise<unknown> => mkdir(join(root, 'objects/objects/a/b'), { recursive: true });
    let unwatch = watchFiles({ dataDir: root, pass: () => {}, tears: () => false, journal: createDiskJournal(journal) });
    try {
      const store = await createFolderStore({ dir: join(root, 'objects') });
      if (how.includes('killed')) {
        await make();
        unwatch();
        unwatch = watchFiles({ dataDir: root, pass: () => {}, tears: () => false, journal: createDiskJournal(journal) });
      } else await Promise.all([make(), store.put('a/b/first', new Uint8Array(10), 'x')]);
      await store.put('a/b/object', new Uint8Array(10), 'x');
      losePower({ journal, random: () => 0.9 }); // every name that is not durable goes
      expect(await store.stat('a/b/object')).toMatchObject({ bytes: 10 });
    } finally {
      unwatch();
      await rm(root, { recursive: true });
    }
  });

  it('[O4] takes a file on the same file system by a link, without copying', async () => {
    const store = await createFolderStore({ dir });
    const path = join(dir, 'segment');
    await writeFile(path, 'bytes');
    await store.putFile('by/link', path, 'video/webm');
    expect((await stat(join(dir, 'objects/by/link'))).ino).toBe((await stat(path)).ino);
  });

  it('[O5] leaves no drafts, clears those of a killed process, and no empty folders', async () => {
    await mkdir(join(dir, 'drafts'), { recursive: true });
    await writeFile(join(dir, 'drafts', 'half'), 'x');
    const store = await createFolderStore({ dir });
    await store.put('deep/er/object', new Uint8Array(3), 'x');
    await store.putFile('deep/er/file', join(dir, 'objects/deep/er/object'), 'x');
    await store.putFile('deep/er/file', join(dir, 'objects/deep/er/object'), 'x');
    await expect(store.putFile('deep/er', join(dir, 'objects/deep/er/object'), 'x')).rejects.toMatchObject({ code: 'bad_request' });
    await expect(store.put('deep/er/file/below', new Uint8Array(1), 'x')).rejects.toMatchObject({ code: 'bad_request' });
    expect(await readdir(join(dir, 'drafts'))).toEqual([]);
    await store.delete('deep/er/object');
    await store.delete('deep/er/file');
    await store.delete('deep');
    await expect(stat(join(dir, 'objects/deep'))).rejects.toThrow(/ENOENT/);
  });

  it('[O5] puts and deletes in one folder at the same time without losing an object', async () => {
    const store = await createFolderStore({ dir });
    await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        await store.put(`busy/${at % 4}/${at}`, new Uint8Array(at), 'x');
        if (at % 2 === 0) await store.delete(`busy/${at % 4}/${at}`);
      }),
    );
    const left: number[] = [];
    for await (const { bytes } of store.list('busy/')) left.push(bytes);
    expect(left.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at * 2 + 1));
  });

  it('[O7] follows no symbolic link out of the folder', async () => {
    const store = await createFolderStore({ dir });
    await symlink('/etc/hostname', join(dir, 'objects', 'planted'));
    await expect(store.read('planted')).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.stat('planted')).toBeNull();
    for await (const { key } of store.list('')) expect(key).not.toBe('planted');
  });

  it('[O11] refuses to read more at once than memory allows, and reads any range of it', async () => {
    const store = await createFolderStore({ dir });
    const path = join(dir, 'sparse');
    await writeFile(path, '');
    await truncate(path, 3_000_000_000);
    await store.putFile('sparse', path, 'x');
    await expect(store.read('sparse')).rejects.toMatchObject({ code: 'too_large' });
    expect(await store.read('sparse', { start: 2_999_999_990, end: 2_999_999_999 })).toEqual(new Uint8Array(9));
  });

  it('[O12] says at the start that it cannot write', async () => {
    const file = join(dir, 'a-file');
    await writeFile(file, 'in the way'); // permissions would not stop root
    await expect(createFolderStore({ dir: join(file, 'objects') })).rejects.toThrow(/cannot be used/);
  });
});
