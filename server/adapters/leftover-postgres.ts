// A Clippy that was killed leaves its PostgreSQL running, and a PostgreSQL that was killed may leave backends: the next start
// must end both before it may touch the folder. PostgreSQL's own pid file is not enough: pids come round again.
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../clock.ts';
import { sleep } from '../clock.ts';
import { codeOf, StartError } from '../errors.ts';

const run = promisify(execFile);

/** Every PostgreSQL process works in its data folder, so on Linux the working directory tells which are of this cluster. */
const byWorkingDirectory = async (cluster: string): Promise<number[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const inside = await Promise.all(pids.map(async (pid) => (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === cluster));
  return pids.filter((_, at) => inside[at]).map(Number);
};

const byName = async (pid: number): Promise<number[]> => {
  const name = await run('ps', ['-o', 'comm=', '-p', String(pid)]).then(({ stdout }) => stdout, () => '');
  return name.includes('postgres') ? [pid] : [];
};

const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
};

export type Leftovers = { processes: number; /** where the last one listened; empty where there was none */ socketFolder: string };

/** Ends what still runs on `cluster` (an absolute real path) and removes its pid file. */
export const endLeftovers = async (cluster: string, clock: Clock): Promise<Leftovers> => {
  const file = join(cluster, 'postmaster.pid');
  // https://www.postgresql.org/docs/18/storage-file-layout.html: line 1 the postmaster's pid
  const postmaster = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  const living = (): Promise<number[]> => (process.platform === 'linux' ? byWorkingDirectory(cluster) : postmaster > 0 ? byName(postmaster) : Promise.resolve([]));

  const found = await living();
  if (found.length > 0) {
    // SIGINT to the postmaster = fast shutdown; orphaned backends get SIGQUIT = leave at once; SIGKILL is safe too (write-ahead log)
    for (const [signal, waitMs] of [['SIGINT', 5_000], ['SIGQUIT', 2_000], ['SIGKILL', 5_000]] as const) {
      const left = await living();
      const targets = signal === 'SIGINT' ? left.filter((pid) => pid === postmaster) : left;
      for (const pid of targets) kill(pid, signal);
      for (let waited = 0; targets.length > 0 && waited < waitMs && (await living()).length > 0; waited += 20) await sleep(clock, 20);
    }
    const left = await living();
    if (left.length > 0) throw new StartError(`an older PostgreSQL still runs on ${cluster} (processes ${left.join(', ')})`, `end it: kill ${left.join(' ')}`);
  }
  await rm(file, { force: true });
  // postmaster.opts, its last command line, also outlives a PostgreSQL that ended well because its Clippy was killed
  const options = await readFile(join(cluster, 'postmaster.opts'), 'utf8').catch(() => '');
  return { processes: found.length, socketFolder: /"-k" "([^"]+)"/.exec(options)?.[1] ?? '' };
};

/** Whether a server listens in `folder`: of a copied data folder, it is the one of the original. */
export const isListening = async (folder: string): Promise<boolean> => {
  const name = (await readdir(folder).catch(() => [])).find((each) => /^\.s\.PGSQL\.\d+$/.test(each));
  if (name === undefined) return false;
  return new Promise((resolve) => {
    const socket = connect(join(folder, name), () => {
      socket.destroy();
      resolve(true);
    }).once('error', () => resolve(false));
  });
};
