// One running Clippy per folder. The lock is a file that names its holder by pid *and* start time, because pids come round
// again (in a container every run is pid 1), and it needs no unlocking after SIGKILL: a holder that is gone holds nothing.
import { execFile } from 'node:child_process';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, StartError } from '../errors.ts';

export type FolderLock = { release(): Promise<void> };

const run = promisify(execFile);

/** Something that differs between two processes which had the same pid; empty if there is no such process. */
const startOf = async (pid: number): Promise<string> => {
  try {
    if (process.platform !== 'linux') return (await run('ps', ['-o', 'lstart=', '-p', String(pid)])).stdout.trim();
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc(5): field 22 is the start time in ticks since boot; the name before it may hold spaces and brackets
    return `${boot}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return ''; // no such process, or none we may see: then it does not hold a folder of ours
  }
};

const holderOf = async (file: string): Promise<{ text: string; alive: boolean; pid: number }> => {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  });
  const [pid = '', start = ''] = text.trim().split(' ');
  return { text, pid: Number(pid), alive: start !== '' && (await startOf(Number(pid))) === start };
};

/** Throws StartError while another live process holds `dir`. `remedy` is what the person at the terminal should do. */
export const lockFolder = async (dir: string, remedy: string): Promise<FolderLock> => {
  const file = join(dir, 'clippy.lock');
  const mine = `${process.pid} ${await startOf(process.pid)} ${Math.random()}\n`;
  const draft = `${file}.${process.pid}`;
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      await writeFile(draft, mine);
      try {
        await link(draft, file); // fails if it exists: the one step that decides a race
        return {
          release: async () => {
            if ((await holderOf(file)).text === mine) await rm(file, { force: true });
          },
        };
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
      const holder = await holderOf(file);
      if (holder.alive) throw new StartError(`${dir} is in use by another Clippy (process ${holder.pid})`, remedy);
      await rename(file, draft).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
      });
      // Someone else may have replaced the dead holder's file between our look and our rename: then give theirs back.
      if ((await holderOf(draft)).text !== holder.text) await link(draft, file).catch(() => undefined);
    }
    throw new StartError(`${file} keeps changing: several Clippys are starting in ${dir}`, remedy);
  } finally {
    await rm(draft, { force: true });
  }
};
