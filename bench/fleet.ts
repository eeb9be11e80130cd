// The other side of fleet-child.ts: starts a process that records many sessions, and gives it orders.
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ffmpegPath } from './material.ts';

export type FleetOptions = { url: string; token: string; /** recordings that share a connection */ perConnection: number; /** what they send, over and over; null: nothing */ file: string | null };
export type Order =
  | { do: 'open'; count: number }
  /** each recording sends so many pieces; done when all are acknowledged */
  | { do: 'send'; chunks: number }
  /** each recording sends a piece every so often, until `rest` */
  | { do: 'feed'; everyMs: number }
  | { do: 'rest' }
  /** what is sent from now on counts for `acked` */
  | { do: 'mark' }
  /** when each recording's first piece after the mark was acknowledged, ms since the epoch */
  | { do: 'acked' }
  | { do: 'stop' };
export type Result = { ms: number } | { at: number } | { acked: number[]; lost: number };
export type Answer = { id: number } & ({ result: Result } | { error: string });

export type Fleet = {
  pid: number;
  /** recordings opened per second */
  open(count: number): Promise<number>;
  send(chunks: number): Promise<void>;
  feed(everyMs: number): Promise<void>;
  rest(): Promise<void>;
  mark(): Promise<number>;
  acked(): Promise<{ acked: number[]; lost: number }>;
  stop(): Promise<void>;
  close(): void;
};

export const startFleet = async (options: FleetOptions): Promise<Fleet> => {
  const child: ChildProcess = fork(resolve(import.meta.dirname, 'fleet-child.ts'), [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map<number, { resolve: (result: Result) => void; reject: (error: Error) => void }>();
  let ids = 0;
  const answer = (id: number): Promise<Result> => new Promise((done, fail) => waiting.set(id, { resolve: done, reject: fail }));
  child.on('message', ({ id, ...given }: Answer) => {
    const order = waiting.get(id);
    waiting.delete(id);
    if ('result' in given) order?.resolve(given.result);
    else order?.reject(new Error(`the load generator: ${given.error}`));
  });
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`the load generator ended with ${code ?? signal}`));
  });
  const ask = async (order: Order): Promise<Record<string, unknown>> => {
    const id = ++ids;
    const done = answer(id);
    child.send({ ...order, id });
    return (await done) as Record<string, unknown>;
  };
  await answer(0);
  return {
    pid: child.pid!, // it has answered
    open: async (count) => count / (Number((await ask({ do: 'open', count }))['ms']) / 1_000),
    send: async (chunks) => void (await ask({ do: 'send', chunks })),
    feed: async (everyMs) => void (await ask({ do: 'feed', everyMs })),
    rest: async () => void (await ask({ do: 'rest' })),
    mark: async () => Number((await ask({ do: 'mark' }))['at']),
    acked: async () => (await ask({ do: 'acked' })) as { acked: number[]; lost: number },
    stop: async () => void (await ask({ do: 'stop' })),
    close: () => void child.kill('SIGKILL'),
  };
};

/** Twenty seconds of a small picture and quiet sound, about 10 KB a second: what ten thousand recordings can send to one disk. */
export const smallMaterial = (): string => {
  const file = join(tmpdir(), 'clippy-bench-small-v1.mp4');
  if (existsSync(file)) return file;
  execFileSync(ffmpegPath(), [
    '-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=5:d=20', '-f', 'lavfi', '-i', 'anoisesrc=c=pink:r=48000:a=0.05:d=20',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '50k', '-g', '10', '-pix_fmt', 'yuv420p', '-c:a', 'libopus', '-b:a', '24k', '-strict', '-2',
    '-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4', `${file}.part`,
  ], { stdio: 'inherit' });
  renameSync(`${file}.part`, file);
  return file;
};
