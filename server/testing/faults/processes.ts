// Processes as Linux shows them in /proc: whose child, in what state, how much memory and how many descriptors.
import { readFileSync, readdirSync } from 'node:fs';

/** `state`: R S D, T stopped, Z ended and not waited for */
export type Process = { pid: number; parent: number; name: string; state: string };

const statOf = (pid: string): Process[] => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')'); // a name may hold spaces and brackets
    const [state = '', parent = '0'] = text.slice(end + 2).split(' ');
    return [{ pid: Number(pid), parent: Number(parent), name: text.slice(text.indexOf('(') + 1, end), state }];
  } catch {
    return []; // it ended meanwhile
  }
};

/** All processes below `root`, parents before children. */
export const descendants = (root: number): Process[] => {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap(statOf);
  const found: Process[] = [];
  for (let parents = new Set([root]); parents.size > 0; ) {
    const next = all.filter(({ parent }) => parents.has(parent));
    found.push(...next);
    parents = new Set(next.map(({ pid }) => pid));
  }
  return found;
};

export const isAlive = (pid: number): boolean => statOf(String(pid)).some(({ state }) => state !== 'Z');

/** false where it is gone already */
export const signal = (pid: number, name: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
};

export const rssBytes = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
export const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
