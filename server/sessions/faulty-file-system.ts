// For tests: any file system, with failures before, in the middle of, or after an operation's effect.
import type { FileSystem } from './file-system.ts';

export type Operation = 'open' | 'writev' | 'datasync' | 'truncate' | 'pread' | 'rename' | 'unlink' | 'syncDir';
export type Fault = { code: 'ENOSPC' | 'EIO' | 'EMFILE'; when: 'before' | 'half' | 'after' };

export const diskError = (code: string, operation: string, path: string): Error => Object.assign(new Error(`${code}: injected, ${operation} '${path}'`), { code });

export const faulty = (inner: FileSystem, decide: (operation: Operation, path: string) => Fault | null): FileSystem => {
  const run = async <T>(operation: Operation, path: string, effect: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> => {
    const fault = decide(operation, path);
    if (fault === null) return effect();
    if (fault.when === 'after') await effect();
    if (fault.when === 'half') await half?.();
    throw diskError(fault.code, operation, path);
  };
  return {
    ...inner,
    open: async (path, mode) => {
      const file = await run('open', path, () => inner.open(path, mode));
      return {
        ...file,
        writev: (buffers, position) => {
          const all = Buffer.concat(buffers);
          return run('writev', path, () => file.writev(buffers, position), () => file.writev([all.subarray(0, all.length >> 1)], position));
        },
        datasync: () => run('datasync', path, () => file.datasync()),
        truncate: (bytes) => run('truncate', path, () => file.truncate(bytes)),
        pread: (target, position) => run('pread', path, () => file.pread(target, position)),
      };
    },
    rename: (from, to) => run('rename', to, () => inner.rename(from, to)),
    unlink: (path) => run('unlink', path, () => inner.unlink(path)),
    syncDir: (path) => run('syncDir', path, () => inner.syncDir(path)),
  };
};
