// What a server process and its database hold, from /proc (Linux).
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export type Held = { rssBytes: number; descriptors: number; threads: number; postgresBytes: number; ffmpegs: number; diskBytes: number };

const field = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);

/** '' where the process has ended meanwhile */
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const descendants = (root: number): { pid: number; name: string }[] => {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => ({ pid: Number(name), status: read(`/proc/${name}/status`) }));
  const tree = new Set([root]);
  for (let before = 0; before !== tree.size;) {
    before = tree.size;
    for (const { pid, status } of all) if (tree.has(field(status, 'PPid'))) tree.add(pid);
  }
  tree.delete(root);
  return all.filter(({ pid }) => tree.has(pid)).map(({ pid, status }) => ({ pid, name: /^Name:\s+(.*)$/m.exec(status)?.[1] ?? '' }));
};

/** Shared pages of PostgreSQL's processes are counted once (PSS). */
export const held = (pid: number, dataDir: string): Held => {
  const status = read(`/proc/${pid}/status`);
  const children = descendants(pid);
  return {
    rssBytes: field(status, 'VmRSS') * 1024,
    threads: field(status, 'Threads'),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    postgresBytes: children.filter(({ name }) => name.startsWith('postgres')).reduce((sum, child) => sum + field(read(`/proc/${child.pid}/smaps_rollup`), 'Pss') * 1024, 0),
    ffmpegs: children.filter(({ name }) => name.startsWith('ffmpeg')).length,
    diskBytes: diskBytes(dataDir),
  };
};

const diskBytes = (folder: string): number => {
  try {
    return Number.parseInt(execFileSync('du', ['-sk', folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }), 10) * 1024;
  } catch (error) {
    // du fails when a file goes while it looks, and prints its sum all the same
    return Number.parseInt(String((error as { stdout?: string }).stdout), 10) * 1024 || NaN;
  }
};

/** What the descriptors of a process are: socket, pipe, file …, with counts. */
export const descriptorKinds = (pid: number): Record<string, number> => {
  const kinds: Record<string, number> = {};
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      const kind = /^(\w+):/.exec(target)?.[1] ?? target.replace(/[0-9A-Z]{26}/g, 'ID').replace(/\d+/g, 'N');
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    } catch {
      // closed meanwhile
    }
  }
  return kinds;
};

/** The values of one metric in Prometheus' text format, one for each set of labels. */
export const series = (text: string, name: string): number[] =>
  text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`)).map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
