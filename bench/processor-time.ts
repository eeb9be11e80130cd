// CPU time of a process and everything under it, from /proc (Linux). Children that have ended are counted in their parent.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const TICKS_PER_S = 100; // USER_HZ, fixed by the kernel's ABI

type Stat = { parent: number; cpuS: number; rssBytes: number };

const statOf = (pid: number): Stat | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
    const [, parent = 0] = fields;
    const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0); // utime, stime, cutime, cstime
    return { parent, cpuS: ticks / TICKS_PER_S, rssBytes: (fields[21] ?? 0) * 4096 };
  } catch {
    return null; // it has ended meanwhile
  }
};

/** The process and its living descendants. PostgreSQL runs in a group of its own but is still a child. */
export const treeOf = (root: number): number[] => {
  const stats = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => ({ pid: Number(name), stat: statOf(Number(name)) }));
  const tree = new Set([root]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, stat } of stats) {
      if (stat && tree.has(stat.parent) && !tree.has(pid)) {
        tree.add(pid);
        grown = true;
      }
    }
  }
  return [...tree];
};

export const cpuSeconds = (root: number): number => treeOf(root).reduce((sum, pid) => sum + (statOf(pid)?.cpuS ?? 0), 0);
export const rssBytes = (pid: number): number => statOf(pid)?.rssBytes ?? 0;

/** CPU-seconds of one command, children included; its output is thrown away. */
export const cpuOf = (command: string, args: string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    // A shell's `times` prints what its children used.
    const child = spawn('sh', ['-c', '"$@" >/dev/null 2>&1 || exit 1; times', 'sh', command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString(); });
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${command} failed`));
      const last = output.trim().split('\n').at(-1) ?? '';
      const seconds = [...last.matchAll(/(\d+)m([\d.]+)s/g)].map(([, minutes, rest]) => Number(minutes) * 60 + Number(rest));
      resolve(seconds.reduce((sum, value) => sum + value, 0));
    });
  });
