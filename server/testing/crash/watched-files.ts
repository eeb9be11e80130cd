// Every change the server makes to its recordings and objects, seen where it reaches the operating system: the functions of
// node:fs/promises are replaced for this process. So the folder store and whatever else claims durability is watched without a
// hook of its own. Paths outside the watched folders pass untouched.
import promises from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { existsSync, fstatSync, lstatSync, readdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { DiskJournal } from './disk-journal.ts';

export type WatchOptions = {
  dataDir: string;
  /** told before and after each effect, and of a write that is to be left half done */
  pass: (name: string) => void;
  /** true: the next write of this part is to be torn */
  tears: (part: string) => boolean;
  journal: DiskJournal | null;
};

/** Returns how to end it. */
export const watchFiles = ({ dataDir, pass, tears, journal }: WatchOptions): (() => void) => {
  const sessions = join(dataDir, 'sessions');
  const objects = join(dataDir, 'objects');
  const watched = (path: unknown): path is string => typeof path === 'string' && (path === dataDir || [sessions, objects].some((root) => path === root || path.startsWith(`${root}/`)));
  const partOf = (path: string): string => {
    if (path.endsWith('.seg')) return 'segment';
    if (/\.idx(\.new)?$/.test(path)) return 'index';
    if (basename(path) === 'media.index') return 'mediaIndex';
    if (path.startsWith(`${join(objects, 'drafts')}/`)) return 'draft';
    return path.startsWith(objects) ? 'object' : 'folder';
  };
  const effect = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    pass(`${name} before`);
    const result = await run();
    pass(`${name} after`);
    return result;
  };
  const real = { ...promises };
  const missing = (path: string): string[] => (existsSync(path) ? [] : [...missing(dirname(path)), path]);
  const below = (path: string): string[] => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) return [];
    return stat.isDirectory() ? [...readdirSync(path).flatMap((name) => below(join(path, name))), path] : [path];
  };

  const watchFile = (file: FileHandle, path: string): void => {
    const part = partOf(path);
    const { writev, writeFile, datasync, sync, truncate } = file;
    const changes = async <T>(at: number, bytes: number, run: () => Promise<T>): Promise<T> => {
      const done = journal?.write(file.fd, at, bytes);
      const result = await run();
      done?.();
      return result;
    };
    const syncing = async (run: () => Promise<void>): Promise<void> => {
      const done = journal?.sync(file.fd);
      await run();
      done?.();
    };
    Object.assign(file, {
      writev: (buffers: Uint8Array[], at: number) => effect(`${part}.write`, () => changes(at, buffers.reduce((sum, { length }) => sum + length, 0), async () => {
        if (tears(part)) {
          const all = Buffer.concat(buffers);
          await writev.call(file, [all.subarray(0, all.length >> 1)], at);
        }
        pass(`${part}.write half`);
        return writev.call(file, buffers, at);
      })),
      writeFile: (bytes: Uint8Array) => effect(`${part}.write`, () => changes(0, bytes.length, () => writeFile.call(file, bytes))),
      datasync: () => effect(`${part}.sync`, () => syncing(() => datasync.call(file))),
      sync: () => effect(`${part}.sync`, () => syncing(() => sync.call(file))),
      truncate: (bytes: number) => effect(`${part}.truncate`, async () => {
        const done = journal?.truncate(file.fd, bytes);
        await truncate.call(file, bytes);
        done?.();
      }),
    });
  };
  const watchFolder = (folder: FileHandle, path: string): void => {
    const { sync } = folder;
    folder.sync = () => effect(`${path.startsWith(objects) ? 'objectFolder' : 'folder'}.sync`, async () => {
      const done = journal?.syncNames(path);
      await sync.call(folder);
      done?.();
    });
  };
  /** Names come and go: said before it happens, void where it failed. */
  const renaming = async <T>(say: () => { done: () => void; failed: () => void } | undefined, run: () => Promise<T>): Promise<T> => {
    const said = say();
    try {
      const result = await run();
      said?.done();
      return result;
    } catch (error) {
      said?.failed();
      throw error;
    }
  };

  Object.assign(promises, {
    open: async (path: string, flags: string | number, mode?: number): Promise<FileHandle> => {
      if (!watched(path)) return real.open(path, flags, mode);
      const makes = typeof flags === 'string' && /[wa]/.test(flags) && !existsSync(path);
      const part = partOf(path);
      const file = makes ? await effect(`${part}.create`, async () => {
        const made = await real.open(path, flags, mode);
        journal?.created(path, made.fd);
        return made;
      }) : await real.open(path, flags, mode);
      if (fstatSync(file.fd).isDirectory()) watchFolder(file, path);
      else {
        journal?.opened(path, file.fd);
        watchFile(file, path);
      }
      return file;
    },
    rename: (from: string, to: string) => (watched(to) ? effect(`${partOf(to)}.rename`, () => renaming(() => journal?.rename(from, to), () => real.rename(from, to))) : real.rename(from, to)),
    link: (from: string, to: string) => (watched(to) ? effect(`${partOf(to)}.link`, () => renaming(() => journal?.link(from, to), () => real.link(from, to))) : real.link(from, to)),
    unlink: (path: string) => (watched(path) ? effect(`${partOf(path)}.unlink`, () => renaming(() => journal?.unlink([path]), () => real.unlink(path))) : real.unlink(path)),
    rmdir: (path: string) => (watched(path) ? effect(`${partOf(path)}.rmdir`, () => renaming(() => journal?.unlink([path]), () => real.rmdir(path))) : real.rmdir(path)),
    rm: (path: string, options?: object) => (watched(path) && existsSync(path) ? effect(`${partOf(path)}.rm`, () => renaming(() => journal?.unlink(below(path)), () => real.rm(path, options))) : real.rm(path, options)),
    mkdir: async (path: string, options?: { recursive?: boolean; mode?: number }) => {
      const made = watched(path) ? missing(path).filter(watched) : [];
      if (made.length === 0) return real.mkdir(path, options);
      return effect(`${partOf(path)}.mkdir`, () => renaming(() => journal?.mkdir(made), () => real.mkdir(path, options)));
    },
  });
  syncBuiltinESMExports();
  return () => {
    Object.assign(promises, real);
    syncBuiltinESMExports();
  };
};
