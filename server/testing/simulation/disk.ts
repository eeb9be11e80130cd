// The simulated disk as a living process sees it: every operation takes time and may fail before, in the middle of, or after its effect.
import type { DiskFile, FileSystem } from '../../sessions/file-system.ts';
import type { SimulatedDisk } from '../../sessions/simulated-disk.ts';
import type { Life } from './life.ts';

/** A failed write that may have written half of it. */
export const diskThrough = (life: Life, disk: SimulatedDisk, half: () => boolean): FileSystem => {
  const file = (inner: DiskFile): DiskFile => ({
    writev: (buffers, position) => {
      const bytes = buffers.map((buffer) => new Uint8Array(buffer));
      return life.call('disk', 'writev', () => inner.writev(bytes, position)).catch(async (error: unknown) => {
        if (half()) {
          const all = Buffer.concat(bytes);
          await inner.writev([all.subarray(0, all.length >> 1)], position);
        }
        throw error;
      });
    },
    datasync: () => life.call('disk', 'datasync', () => inner.datasync()),
    truncate: (bytes) => life.call('disk', 'truncate', () => inner.truncate(bytes)),
    pread: (target, position) => life.call('disk', 'pread', () => inner.pread(target, position)),
    size: () => inner.size(),
    close: () => inner.close(),
  });
  return {
    open: (path, mode) => life.call('disk', 'open', async () => file(await disk.open(path, mode))),
    rename: (from, to) => life.call('disk', 'rename', () => disk.rename(from, to)),
    unlink: (path) => life.call('disk', 'unlink', () => disk.unlink(path)),
    syncDir: (path) => life.call('disk', 'syncDir', () => disk.syncDir(path)),
    list: (path) => life.call('disk', 'list', () => disk.list(path)),
    makeDir: (path) => life.call('disk', 'makeDir', () => disk.makeDir(path)),
    removeDir: (path) => life.call('disk', 'removeDir', () => disk.removeDir(path)),
    sizeOf: (path) => life.call('disk', 'sizeOf', () => disk.sizeOf(path)),
  };
};
