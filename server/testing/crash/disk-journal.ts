// What the disk has not promised yet: a side file, written before each change, from which a power cut can be made afterwards
// (power-loss.ts). Every file in doubt keeps a second name in the side folder, so its bytes outlive every rename and removal.
// It lives on across killed servers: the page cache of a machine does, too.
import { existsSync, fstatSync, linkSync, lstatSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `was`, `now`: the file's inode, `dir` for a folder, null for nothing. */
export type NameChange = { n: number; t: 'name'; path: string; was: string | null; now: string | null };
/** `old`: the bytes that were there, base64; a file of `size` bytes before. `length` null: cut to `at`. */
export type DataChange = { n: number; t: 'data'; ino: string; at: number; length: number | null; size: number; old: string };
export type JournalLine = NameChange | DataChange | { t: 'durable' | 'void'; ns: number[] };

export const sideName = (folder: string, ino: string): string => join(folder, `file-${ino}`);

/** Changes that are neither durable nor void, oldest first. */
export const readJournal = (folder: string): (NameChange | DataChange)[] => {
  const path = join(folder, 'journal');
  if (!existsSync(path)) return [];
  const changes = new Map<number, NameChange | DataChange>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (!line.endsWith('}')) continue; // the last one, torn by the kill: what it says had not begun
    const entry = JSON.parse(line) as JournalLine; // written below
    if ('ns' in entry) for (const n of entry.ns) changes.delete(n);
    else changes.set(entry.n, entry);
  }
  return [...changes.values()];
};

type Settled = { done: () => void; failed: () => void };
export type DiskJournal = ReturnType<typeof createDiskJournal>;

export const createDiskJournal = (folder: string) => {
  mkdirSync(folder, { recursive: true });
  /** completed, not synced */
  const dirtyData = new Map<string, Set<number>>();
  const dirtyNames = new Map<string, Set<number>>();
  const add = (map: Map<string, Set<number>>, key: string, n: number): void => void map.set(key, (map.get(key) ?? new Set()).add(n));
  let next = 1;
  for (const change of readJournal(folder)) {
    if (change.t === 'data') add(dirtyData, change.ino, change.n);
    else add(dirtyNames, dirname(change.path), change.n);
    next = Math.max(next, change.n + 1);
  }
  const out = openSync(join(folder, 'journal'), 'a');
  const say = (line: JournalLine): void => void writeSync(out, `\n${JSON.stringify(line)}`);

  const keep = (path: string): string | null => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) return null;
    if (stat.isDirectory()) return 'dir';
    const side = sideName(folder, String(stat.ino));
    if (!existsSync(side)) linkSync(path, side);
    return String(stat.ino);
  };
  const inoOf = (fd: number): string => String(fstatSync(fd).ino);
  const data = (fd: number, change: { at: number; length: number | null; from: number; until: number }): (() => void) => {
    const stat = fstatSync(fd);
    const old = Buffer.alloc(Math.max(0, Math.min(change.until, stat.size) - change.from));
    if (old.length > 0) readSync(fd, old, 0, old.length, change.from);
    const n = next++;
    say({ n, t: 'data', ino: String(stat.ino), at: change.at, length: change.length, size: stat.size, old: old.toString('base64') });
    return () => add(dirtyData, String(stat.ino), n);
  };
  /** folders that are being made */
  const making = new Map<number, string>();
  const names = (changes: { path: string; was: string | null; now: string | null }[]): Settled => {
    const said = changes.map(({ path, was, now }): NameChange => ({ n: next++, t: 'name', path, was, now }));
    for (const line of said) say(line);
    for (const { n, path, now } of said) if (now === 'dir') making.set(n, path);
    const over = (): void => { for (const { n } of said) making.delete(n); };
    return {
      done: () => {
        over();
        for (const { n, path } of said) add(dirtyNames, dirname(path), n);
      },
      failed: () => {
        over();
        say({ t: 'void', ns: said.map(({ n }) => n) });
      },
    };
  };
  const settle = (map: Map<string, Set<number>>, key: string): (() => void) => {
    const ns = [...(map.get(key) ?? [])]; // what ends during the sync is not promised by it
    return () => {
      if (ns.length > 0) say({ t: 'durable', ns });
      for (const n of ns) map.get(key)?.delete(n);
    };
  };

  return {
    opened: (path: string, _fd: number): void => void keep(path),
    created: (path: string, _fd: number): void => names([{ path, was: null, now: keep(path) }]).done(),
    write: (fd: number, at: number, length: number) => data(fd, { at, length, from: at, until: at + length }),
    truncate: (fd: number, to: number) => data(fd, { at: to, length: null, from: to, until: Infinity }),
    sync: (fd: number) => settle(dirtyData, inoOf(fd)),
    syncNames: (path: string) => {
      // A folder that another was faster to make is there, whether those who wanted it know or not.
      for (const [n, each] of making) if (dirname(each) === path && existsSync(each)) add(dirtyNames, path, n);
      return settle(dirtyNames, path);
    },
    rename: (from: string, to: string) => {
      const moved = keep(from);
      return names([{ path: from, was: moved, now: null }, { path: to, was: keep(to), now: moved }]);
    },
    link: (from: string, to: string) => names([{ path: to, was: keep(to), now: keep(from) }]),
    unlink: (paths: string[]) => names(paths.map((path) => ({ path, was: keep(path), now: null }))),
    mkdir: (paths: string[]) => names(paths.map((path) => ({ path, was: null, now: 'dir' }))),
  };
};
