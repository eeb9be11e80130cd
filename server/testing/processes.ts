// Processes as Linux shows them in /proc: whose child, in what state, how much processor time, memory and how many descriptors.
import { readFileSync, readdirSync } from 'node:fs';

/** `state`: R S D, T stopped, Z ended and not waited for. `cpuS`: with that of children that have ended and were waited for; `ownS`: without. */
export type Process = { pid: number; parent: number; name: string; state: string; cpuS: number; ownS: number };

const TICKS_PER_S = 100; // USER_HZ, fixed by the kernel's ABI

/** '' where the process has ended meanwhile */
const read = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
};
/** Bytes of a line that is in kB. */
const bytesOf = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;

const processOf = (pid: number, file = 'stat'): Process[] => {
  const text = read(pid, file);
  const end = text.lastIndexOf(')'); // a name may hold spaces and brackets
  if (end < 0) return [];
  const [state = '', parent = '0', ...rest] = text.slice(end + 2).split(' ');
  const [user = 0, system = 0, childrensUser = 0, childrensSystem = 0] = rest.slice(9, 13).map((ticks) => Number(ticks) / TICKS_PER_S);
  const ownS = user + system;
  return [{ pid, parent: Number(parent), name: text.slice(text.indexOf('(') + 1, end), state, ownS, cpuS: ownS + childrensUser + childrensSystem }];
};

/** All processes below `root`, parents before children. PostgreSQL runs in a group of its own but is still a child. */
export const descendants = (root: number): Process[] => {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => processOf(Number(name)));
  const found: Process[] = [];
  for (let parents = new Set([root]); parents.size > 0; ) {
    const next = all.filter(({ parent }) => parents.has(parent));
    found.push(...next);
    parents = new Set(next.map(({ pid }) => pid));
  }
  return found;
};

/** The process and all below it. */
export const treeOf = (root: number): Process[] => [...processOf(root), ...descendants(root)];

/** CPU-seconds of its main thread, and of its other threads that live. */
export const threadSeconds = (pid: number): { mainS: number; threadsS: number } => {
  const of = (thread: string): number => processOf(pid, `task/${thread}/stat`)[0]?.ownS ?? 0;
  const others = readdirSync(`/proc/${pid}/task`).filter((thread) => thread !== String(pid));
  return { mainS: of(String(pid)), threadsS: others.reduce((sum, thread) => sum + of(thread), 0) };
};

export const isAlive = (pid: number): boolean => processOf(pid).some(({ state }) => state !== 'Z');

/** false where it is gone already */
export const signal = (pid: number, name: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
};

/** 0 where it is gone */
export const rssBytes = (pid: number): number => bytesOf(read(pid, 'status'), 'VmRSS');
/** Its share of memory (PSS): over several processes what they have in common counts once. 0 where it is gone. */
export const shareBytes = (pid: number): number => bytesOf(read(pid, 'smaps_rollup'), 'Pss');
export const treeBytes = (root: number): number => treeOf(root).reduce((sum, { pid }) => sum + shareBytes(pid), 0);
export const threads = (pid: number): number => Number(/^Threads:\s+(\d+)/m.exec(read(pid, 'status'))?.[1] ?? 0);
export const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
