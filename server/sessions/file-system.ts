// The few file operations durability rests on, as a port: tests put faults between the timeline and the disk.
import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { codeOf } from '../errors.ts';
import { writeAll } from '../write-all.ts';
import type { FileHandle } from 'node:fs/promises';

export type DiskFile = {
  /** Writes every byte at `position`, or throws; after a throw any part of it may have been written. */
  writev(buffers: Uint8Array[], position: number): Promise<void>;
  datasync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** Fills `target` from `position`; returns fewer bytes only at the end of the file. */
  pread(target: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
  close(): Promise<void>;
};

export type FileSystem = {
  /** `create` refuses an existing file; `update` keeps its bytes and makes it when absent. */
  open(path: string, mode: 'create' | 'update' | 'read'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** An absent file is already unlinked. */
  unlink(path: string): Promise<void>;
  /** Makes names in the folder durable (created, renamed, removed files). */
  syncDir(path: string): Promise<void>;
  /** Names in the folder; empty when it is absent. */
  list(path: string): Promise<string[]>;
  /** With its parents; returns the outermost folder that had to be made. */
  makeDir(path: string): Promise<string | null>;
  removeDir(path: string): Promise<void>;
  /** null when absent */
  sizeOf(path: string): Promise<number | null>;
};

const readAll = async (handle: FileHandle, target: Uint8Array, position: number): Promise<number> => {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
};

const openFile = async (path: string, mode: 'create' | 'update' | 'read'): Promise<FileHandle> => {
  if (mode === 'create') return open(path, 'wx+', 0o600);
  if (mode === 'read') return open(path, 'r');
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return open(path, 'wx+', 0o600);
  }
};

export const nodeFileSystem: FileSystem = {
  open: async (path, mode) => {
    const handle = await openFile(path, mode);
    return {
      writev: (buffers, position) => writeAll(handle, buffers, position),
      datasync: () => handle.datasync(),
      truncate: (bytes) => handle.truncate(bytes),
      pread: (target, position) => readAll(handle, target, position),
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  },
  rename: (from, to) => rename(from, to),
  unlink: async (path) => {
    try {
      await unlink(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  },
  syncDir: async (path) => {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  list: async (path) => {
    try {
      return await readdir(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  },
  makeDir: async (path) => (await mkdir(path, { recursive: true, mode: 0o700 })) ?? null,
  removeDir: (path) => rm(path, { recursive: true, force: true }),
  sizeOf: async (path) => {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  },
};
