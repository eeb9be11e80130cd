// A Node process that answers one message after another over its channel.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export type Child = {
  pid: number;
  /** The next message it sends, after `message` was sent to it. One at a time. */
  ask<T>(message: unknown): Promise<T>;
  end(): Promise<void>;
};

/** Sockets a process must be able to hold beside what Node itself opens. */
const SPARE_FILES = 200;

/** `first` is the child's first message: it is ready. Its limit of open files is raised to `files`; where that is not allowed, it throws and says so. */
export const startChild = async <T>(script: string, args: string[], files: number): Promise<{ child: Child; first: T }> => {
  const wanted = files + SPARE_FILES;
  const raised = `[ "$(ulimit -n)" -ge ${wanted} ] || ulimit -n ${wanted} 2>/dev/null; exec "$0" "$@"`;
  const spawned = spawn('sh', ['-c', raised, process.execPath, script, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = new Promise<number | null>((resolve) => spawned.once('exit', resolve));
  const heard = (): Promise<unknown> => Promise.race([
    new Promise((resolve) => spawned.once('message', resolve)),
    exited.then((code) => { throw new Error(`${script} ${args.join(' ')} ended with ${code}`); }),
  ]);
  const first = (await heard()) as T; // parent and child are written together
  const child: Child = {
    pid: spawned.pid!, // it has spoken
    ask: async <A>(message: unknown) => {
      const answer = heard();
      spawned.send(message as object);
      return (await answer) as A; // as above
    },
    end: async () => {
      spawned.kill('SIGKILL');
      await exited;
    },
  };
  const allowed = Number(/Max open files\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/limits`, 'utf8'))?.[1] ?? 0);
  if (allowed < wanted) {
    await child.end();
    throw new Error(`${files} sockets in one process need ${wanted} open files and this machine allows ${allowed}; raise the hard limit (ulimit -Hn)`);
  }
  return { child, first };
};
