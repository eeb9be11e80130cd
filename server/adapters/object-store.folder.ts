// Objects as files: DIR/objects/<key>. An object appears whole or not at all (draft, fsync, rename, fsync of the folder), and
// drafts lie in a sibling folder on the same file system, so no key can name one.
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { access, copyFile, link, lstat, mkdir, open, readdir, realpath, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { LRUCache } from 'lru-cache';
import { codeOf, Refused, StartError } from '../errors.ts';
import type { ObjectStore } from '../ports.ts';
import { beyondEnd, checkKey, checkPrefix, checkRange, checkReadSize, notFound } from './object-key.ts';

const gone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
};

/** Folders under way at most; forgetting one costs a sync. */
const KNOWN_FOLDERS = 10_000;

export const createFolderStore = async ({ dir }: { dir: string }): Promise<ObjectStore> => {
  const objects = join(dir, 'objects');
  /** whose names are known to be durable */
  const durable = new LRUCache<string, true>({ max: KNOWN_FOLDERS });
  /** Makes a folder and its parents so that they outlive a power cut, also where another put, or a process that was killed, made them and had not synced them yet. */
  const makeFolder = async (path: string): Promise<void> => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    for (let each = path; each !== dirname(dir) && !durable.has(each); each = dirname(each)) {
      await syncFolder(dirname(each));
      durable.set(each, true);
    }
  };
  const drafts = join(dir, 'drafts');
  try {
    await rm(drafts, { recursive: true, force: true }); // left by a kill
    for (const path of [objects, drafts]) await makeFolder(path);
  } catch (cause) {
    throw new StartError(`the object folder ${dir} cannot be used (${codeOf(cause)})`, 'make it writable for this user, or set CLIPPY_DATA_DIR', { cause });
  }
  let counter = 0;
  const pathOf = (key: string): string => {
    checkKey(key);
    return join(objects, key);
  };

  /** Moves a finished draft to its place. Deleting may remove a folder that was just made, hence the attempts. */
  const publish = async (draft: string, key: string): Promise<void> => {
    const target = pathOf(key);
    for (let attempt = 0; ; attempt++) {
      try {
        await makeFolder(dirname(target));
        await rename(draft, target);
        await syncFolder(dirname(target));
        return;
      } catch (error) {
        if (['ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY'].includes(codeOf(error))) throw new Refused('bad_request', `${key} cannot be an object: a part of it, or something below it, is one already`, { cause: error });
        if (codeOf(error) !== 'ENOENT' || attempt === 5) throw error;
      }
    }
  };

  const withDraft = async (key: string, fill: (draft: string) => Promise<void>): Promise<void> => {
    checkKey(key);
    const draft = join(drafts, `${process.pid}-${counter++}`);
    try {
      await fill(draft);
      await publish(draft, key);
    } finally {
      await rm(draft, { force: true }); // rename() of a second link to the same file does nothing and leaves the draft
    }
  };

  const sized = async (key: string): Promise<FileHandle> => {
    const file = await open(pathOf(key), constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
      throw gone(error) || codeOf(error) === 'ELOOP' ? notFound(key, error) : error; // ELOOP: a symbolic link is no object
    });
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw notFound(key);
  };

  const walk = async function* (folder: string, prefix: string): AsyncGenerator<{ key: string; bytes: number }> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (gone(error)) return [];
      throw error;
    });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      const key = relative(objects, path);
      if (entry.isDirectory()) {
        if (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`)) yield* walk(path, prefix);
      } else if (entry.isFile() && key.startsWith(prefix)) {
        const found = await stat(path).catch(() => null); // deleted meanwhile
        if (found) yield { key, bytes: found.size };
      }
    }
  };

  return {
    put: (key, body) =>
      withDraft(key, async (draft) => {
        const file = await open(draft, 'wx', 0o600);
        try {
          await file.writeFile(body);
          await file.sync();
        } finally {
          await file.close();
        }
      }),
    putFile: (key, path) =>
      withDraft(key, async (draft) => {
        const source = await realpath(path); // link() would link a symbolic link itself
        await link(source, draft).catch((error: unknown) => {
          // another file system, or one without links: copy, by reference where it can
          if (['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EACCES'].includes(codeOf(error))) return copyFile(source, draft, constants.COPYFILE_FICLONE);
          throw error;
        });
        const file = await open(draft, 'r');
        await file.sync().finally(() => file.close());
      }),
    read: async (key, range, signal) => {
      if (range) checkRange(key, range);
      signal?.throwIfAborted();
      const file = await sized(key);
      try {
        const { size } = await file.stat();
        const start = range?.start ?? 0;
        const end = Math.min(range?.end ?? size, size);
        if (range && start >= size) throw beyondEnd(key, start);
        checkReadSize(key, end - start);
        const bytes = new Uint8Array(end - start);
        for (let at = 0; at < bytes.length; ) {
          signal?.throwIfAborted();
          const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, 2 ** 22), start + at);
          if (bytesRead === 0) throw new Error(`${key} shrank while it was read; objects must not be changed in place`);
          at += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    },
    stat: async (key) => {
      const found = await lstat(pathOf(key), { bigint: true }).catch((error: unknown) => {
        if (gone(error)) return null;
        throw error;
      });
      return found?.isFile() ? { bytes: Number(found.size), etag: `"${found.ino.toString(36)}-${found.size.toString(36)}-${found.mtimeNs.toString(36)}"` } : null;
    },
    delete: async (key) => {
      const path = pathOf(key);
      try {
        await unlink(path);
      } catch (error) {
        if (gone(error) || ['EISDIR', 'EPERM'].includes(codeOf(error))) return; // a folder is no object
        throw error;
      }
      let folder = dirname(path);
      // rmdir refuses a folder that is not empty, which ends the climb
      for (; folder !== objects; folder = dirname(folder)) {
        durable.delete(folder);
        if (!(await rmdir(folder).then(() => true, () => false))) break;
      }
      await syncFolder(folder).catch((error: unknown) => {
        if (!gone(error)) throw error;
      });
    },
    list: (prefix) => {
      checkPrefix(prefix);
      return walk(join(objects, prefix.slice(0, prefix.lastIndexOf('/') + 1)), prefix);
    },
    ping: () => access(objects, constants.R_OK | constants.W_OK | constants.X_OK),
  };
};
