// Servers one after another over the same folder, port and database. The next one loads its code while this one still serves.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Answer, Order } from './crashing-server.ts';

export type CrashingServer = { url: string; startedInMs: number; /** resolves when it is gone */ died: Promise<void>; kill(): Promise<void> };
export type ServerLine = { start(order: Order): Promise<CrashingServer>; /** the last lines of all of them */ log: () => string[]; close(): Promise<void> };

const READY_MS = 60_000;
const KEPT_LINES = 2_000;

export const createServerLine = (options: { /** crashing-server.ts, bundled */ program: string; env: Record<string, string>; onLine: (line: string) => void }): ServerLine => {
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    options.onLine(line);
  };
  const warm = (): ChildProcess => {
    const child = spawn(process.execPath, [options.program], {
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [child.stdout, child.stderr]) if (stream) createInterface({ input: stream }).on('line', keep);
    return child;
  };
  const gone = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await gone(child);
  };
  let closed = false;
  let next = warm();
  let current: ChildProcess | null = null;
  return {
    log: () => [...lines],
    start: async (order) => {
      const child = next;
      current = child;
      const beganAt = performance.now();
      const answered = Promise.withResolvers<Answer | 'died'>();
      child.once('message', (message) => answered.resolve(message as Answer)); // sent by crashing-server.ts
      void gone(child).then(() => answered.resolve('died'));
      const late = setTimeout(() => answered.resolve({ failed: `not ready after ${READY_MS} ms` }), READY_MS);
      child.send(order);
      const answer = await answered.promise;
      clearTimeout(late);
      if (!closed) next = warm();
      if (answer !== 'died' && 'failed' in answer) {
        await end(child);
        throw new Error(`a server did not start: ${answer.failed}\n${lines.slice(-20).join('\n')}`);
      }
      // A point may lie in the start itself; any other end of it is a failure.
      if (answer === 'died' && child.signalCode !== 'SIGKILL') throw new Error(`a server ended with ${child.exitCode ?? child.signalCode} while starting:\n${lines.slice(-20).join('\n')}`);
      const died = gone(child).then(() => {
        if (child.signalCode !== 'SIGKILL') throw new Error(`a server ended by itself with ${child.exitCode ?? child.signalCode}:\n${lines.slice(-20).join('\n')}`);
      });
      died.catch(() => undefined); // whoever waits for it is told
      return { url: answer === 'died' ? '' : answer.url, startedInMs: performance.now() - beganAt, died, kill: () => end(child) };
    },
    close: async () => {
      closed = true;
      await Promise.all([next, current].map((child) => child && end(child)));
    },
  };
};
