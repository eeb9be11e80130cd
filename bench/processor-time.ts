// CPU time of a process and everything under it, from /proc (Linux). Children that have ended are counted in their parent.
import { spawn } from 'node:child_process';
import { threadSeconds, treeOf } from '../server/testing/processes.ts';

export const cpuSeconds = (root: number): number => treeOf(root).reduce((sum, { cpuS }) => sum + cpuS, 0);

/** The same, and where: the main thread, the other threads as long as they live, the children. */
export const cpuByPlace = (root: number): Record<'cpuS' | 'mainS' | 'threadsS' | 'childrenS', number> => {
  const cpuS = cpuSeconds(root);
  const { mainS, threadsS } = threadSeconds(root);
  return { cpuS, mainS, threadsS, childrenS: cpuS - mainS - threadsS };
};

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
