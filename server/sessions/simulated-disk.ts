// For tests: a disk in memory that forgets what was not synced when its power is cut, page by page and name by name, and whose
// failed fdatasync drops the dirty pages while reads still show them, as Linux does. Everything follows from one random source.
import { dirname } from 'node:path';
import { diskError } from './faulty-file-system.ts';
import type { DiskFile, FileSystem } from './file-system.ts';

const PAGE = 512;
type Inode = { cached: Uint8Array; durable: Uint8Array; dirty: ((content: Uint8Array) => Uint8Array)[] };

const resized = (content: Uint8Array, bytes: number): Uint8Array => {
  const next = new Uint8Array(bytes);
  next.set(content.subarray(0, bytes));
  return next;
};
const written = (content: Uint8Array, bytes: Uint8Array, position: number): Uint8Array => {
  const next = resized(content, Math.max(content.length, position + bytes.length));
  next.set(bytes, position);
  return next;
};

export type SimulatedDisk = FileSystem & {
  /** The power fails at the n-th operation from now: it and all after it throw, until `restore`. */
  cutAfter(operations: number): void;
  isCut(): boolean;
  restore(): void;
  /** All changes of names are written, as a journal does every few seconds. */
  journal(): void;
  files(): number;
  /** Fails fdatasync: the dirty pages are dropped. */
  failSync: () => boolean;
};

export const simulatedDisk = (random: () => number): SimulatedDisk => {
  let names = new Map<string, Inode>();
  let durableNames = new Map<string, Inode>();
  let folders = new Set<string>(['/']);
  let durableFolders = new Set<string>(['/']);
  let left = Infinity;
  let life = 0;

  const step = async (born = life): Promise<void> => {
    await Promise.resolve();
    if (--left < 0 || born !== life) throw diskError('EIO', 'power is cut', '');
  };
  const within = (folders_: Set<string>, path: string): boolean => path === '/' || (folders_.has(path) && within(folders_, dirname(path)));

  const handle = (inode: Inode, path: string): DiskFile => {
    const born = life;
    return {
      writev: async (buffers, position) => {
        const bytes = new Uint8Array(Buffer.concat(buffers));
        inode.cached = written(inode.cached, bytes, position);
        for (let at = 0; at < bytes.length; at += PAGE) {
          const page = bytes.slice(at, at + PAGE);
          inode.dirty.push((content) => written(content, page, position + at));
        }
        await step(born);
      },
      datasync: async () => {
        await step(born);
        if (disk.failSync()) {
          inode.dirty = [];
          throw diskError('EIO', 'fdatasync', path);
        }
        inode.durable = inode.cached.slice();
        inode.dirty = [];
      },
      truncate: async (bytes) => {
        await step(born);
        inode.cached = resized(inode.cached, bytes);
        inode.dirty.push((content) => resized(content, bytes));
      },
      pread: async (target, position) => {
        await step(born);
        const part = inode.cached.subarray(position, position + target.length);
        target.set(part);
        return part.length;
      },
      size: async () => inode.cached.length,
      close: async () => {},
    };
  };

  const disk: SimulatedDisk = {
    failSync: () => false,
    cutAfter: (operations) => (left = operations),
    isCut: () => left < 0,
    restore: () => {
      life++;
      left = Infinity;
      for (const path of folders) if (random() < 0.5) durableFolders.add(path);
      for (const path of new Set([...names.keys(), ...durableNames.keys()])) {
        const inode = names.get(path);
        if (random() < 0.5) continue; // the change of this name was never written
        if (inode === undefined) durableNames.delete(path);
        else durableNames.set(path, inode);
      }
      durableNames = new Map([...durableNames].filter(([path]) => within(durableFolders, dirname(path))));
      durableFolders = new Set([...durableFolders].filter((path) => within(durableFolders, path)));
      for (const inode of new Set(durableNames.values())) {
        for (const write of inode.dirty) if (random() < 0.5) inode.durable = write(inode.durable);
        inode.cached = inode.durable.slice();
        inode.dirty = [];
      }
      names = new Map(durableNames);
      folders = new Set(durableFolders);
    },
    journal: () => {
      durableNames = new Map(names);
      durableFolders = new Set(folders);
    },
    files: () => names.size,
    open: async (path, mode) => {
      await step();
      const known = names.get(path);
      if (mode === 'create' && known !== undefined) throw diskError('EEXIST', 'open', path);
      if (mode === 'read' && known === undefined) throw diskError('ENOENT', 'open', path);
      const inode: Inode = known ?? { cached: new Uint8Array(0), durable: new Uint8Array(0), dirty: [] };
      names.set(path, inode);
      return handle(inode, path);
    },
    rename: async (from, to) => {
      await step();
      const inode = names.get(from);
      if (inode === undefined) throw diskError('ENOENT', 'rename', from);
      names.delete(from);
      names.set(to, inode);
    },
    unlink: async (path) => {
      await step();
      names.delete(path);
    },
    syncDir: async (path) => {
      await step();
      for (const [name, inode] of names) if (dirname(name) === path) durableNames.set(name, inode);
      for (const name of durableNames.keys()) if (dirname(name) === path && !names.has(name)) durableNames.delete(name);
      for (const folder of folders) if (dirname(folder) === path) durableFolders.add(folder);
    },
    list: async (path) => {
      await step();
      return [...names.keys(), ...folders].filter((name) => name !== path && dirname(name) === path).map((name) => name.slice(path.length + 1));
    },
    makeDir: async (path) => {
      await step();
      let outermost: string | null = null;
      for (let each = path; !folders.has(each); each = dirname(each)) {
        outermost = each;
        folders.add(each);
      }
      return outermost;
    },
    removeDir: async (path) => {
      await step();
      for (const name of names.keys()) if (name.startsWith(`${path}/`)) names.delete(name);
      for (const folder of folders) if (folder === path || folder.startsWith(`${path}/`)) folders.delete(folder);
    },
    sizeOf: async (path) => {
      await step();
      return names.get(path)?.cached.length ?? null;
    },
  };
  return disk;
};
