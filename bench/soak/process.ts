// What a server process and its database hold, from /proc (Linux).
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { descendants, descriptors, rssBytes, shareBytes, threads } from '../../server/testing/processes.ts';

export type Held = { rssBytes: number; descriptors: number; threads: number; postgresBytes: number; ffmpegs: number; diskBytes: number };

/** Shared pages of PostgreSQL's processes are counted once (PSS). */
export const held = (pid: number, dataDir: string): Held => {
  const children = descendants(pid);
  return {
    rssBytes: rssBytes(pid),
    threads: threads(pid),
    descriptors: descriptors(pid),
    postgresBytes: children.filter(({ name }) => name.startsWith('postgres')).reduce((sum, child) => sum + shareBytes(child.pid), 0),
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
