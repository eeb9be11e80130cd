// A disk of a few megabytes, in memory, that can be filled and emptied. Needs the right to mount.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export type SmallDisk = {
  path: string;
  freeBytes(): number;
  /** Leaves so many bytes free; 0 fills it to the last. */
  fill(leaveBytes: number): void;
  empty(): void;
  remove(): void;
};

const BLOCK = Buffer.alloc(1 << 16, 0x55);

/** null where mounting is not allowed */
export const mountSmallDisk = (path: string, bytes: number): SmallDisk | null => {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'clippy-small-disk', path], { stdio: 'pipe' });
  } catch {
    return null;
  }
  const ballast = join(path, 'ballast');
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  };
  return {
    path, freeBytes,
    fill: (leaveBytes) => {
      const file = openSync(ballast, 'a');
      try {
        while (freeBytes() > leaveBytes) writeSync(file, BLOCK, 0, Math.min(BLOCK.length, Math.max(4096, freeBytes() - leaveBytes)));
      } catch {
        // full to the last byte: somebody else was faster
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(ballast, { force: true }),
    remove: () => void execFileSync('umount', ['-l', path], { stdio: 'pipe' }),
  };
};
