import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { MediaError } from '../errors.ts';
import { WorkerPool } from './pool.ts';

type Ask = { op: 'add'; by: number } | { op: 'throw' } | { op: 'exit' } | { op: 'hold' } | { op: 'release' } | { op: 'spin' } | { op: 'bytes'; bytes: Uint8Array };
type Told = { sum: number };

// a worker that keeps a sum: state that must stay in one thread
const source = `
import { parentPort } from 'node:worker_threads';
let sum = 0, held = [];
parentPort.on('message', async ({ id, request }) => {
  if (request.op === 'add') { sum += request.by; parentPort.postMessage({ id, reply: { sum } }); }
  if (request.op === 'bytes') parentPort.postMessage({ id, reply: { sum: request.bytes.length } });
  if (request.op === 'throw') parentPort.postMessage({ id, error: { code: 'malformed', message: 'bad bytes' } });
  if (request.op === 'exit') process.exit(3);
  if (request.op === 'hold') held.push(id);
  if (request.op === 'release') { for (const one of [...held, id]) parentPort.postMessage({ id: one, reply: { sum } }); held = []; }
  if (request.op === 'spin') for (;;);
});`;
const script = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
const never = new AbortController().signal;

let pool: WorkerPool<Ask, Told>;
const open = (options: Partial<ConstructorParameters<typeof WorkerPool>[0]> = {}): WorkerPool<Ask, Told> => (pool = new WorkerPool<Ask, Told>({ script, size: 2, workerData: {}, ...options }));
afterEach(() => pool.close());

describe('worker pool', () => {
  it('[DF4] a worker that dies takes no child process with it that goes on for ever', async () => {
    const starts = `
import { parentPort } from 'node:worker_threads';
import { startFfmpeg } from ${JSON.stringify(new URL('./ffmpeg.ts', import.meta.url).href)};
parentPort.on('message', ({ id, request }) => {
  if (request.op === 'exit') process.reallyExit(3);
  const child = startFfmpeg({ path: ${JSON.stringify(new URL('../testing/faults/hang.sh', import.meta.url).pathname)}, args: [] });
  child.read().then((pid) => parentPort.postMessage({ id, reply: { sum: Number(String(pid)) } }));
});`;
    const running = (pid: number): boolean => existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    open({ script: new URL(`data:text/javascript,${encodeURIComponent(starts)}`), size: 1 });
    const { sum: pid } = await pool.run({ op: 'hold' }, [], never);
    expect(running(pid)).toBe(true);
    await expect(pool.run({ op: 'exit' }, [], never)).rejects.toMatchObject({ code: 'tool' });
    await expect.poll(() => running(pid)).toBe(false);
  });

  it('[X7] keeps a session in one worker and spreads sessions over all', async () => {
    open();
    const seats = [pool.seat(), pool.seat()];
    for (let i = 1; i <= 3; i++) for (const [j, seat] of seats.entries()) expect(await seat.run({ op: 'add', by: j + 1 }, [], never)).toEqual({ sum: i * (j + 1) });
    expect(pool.state()).toMatchObject({ workers: 2, seats: 2, running: 0, waiting: 0 });
    seats[0]?.release();
    seats[0]?.release();
    expect(pool.state().seats).toBe(1);
  });

  it('[X7] moves a batch, does not copy it', async () => {
    open();
    const bytes = new Uint8Array(1_000_000);
    expect(await pool.seat().run({ op: 'bytes', bytes }, [bytes.buffer], never)).toEqual({ sum: 1_000_000 });
    expect(bytes.length).toBe(0);
  });

  it('[X8] replaces a worker that dies; its seats say so, others go on', async () => {
    const crashes: string[] = [];
    open({ onCrash: (message) => crashes.push(message) });
    const [one, other] = [pool.seat(), pool.seat()];
    await one.run({ op: 'add', by: 1 }, [], never);
    await other.run({ op: 'add', by: 5 }, [], never);
    const held = one.run({ op: 'hold' }, [], never);
    const died = one.run({ op: 'exit' }, [], never);
    await expect(held).rejects.toThrow(/ended \(3\).*open again/);
    await expect(died).rejects.toBeInstanceOf(MediaError);
    await expect(one.run({ op: 'add', by: 1 }, [], never)).rejects.toMatchObject({ code: 'tool' });
    expect(await other.run({ op: 'add', by: 1 }, [], never)).toEqual({ sum: 6 });
    expect(await pool.seat().run({ op: 'add', by: 7 }, [], never)).toEqual({ sum: 7 });
    expect(crashes.length).toBe(1);
    expect(pool.state().crashes).toBe(1);
  });

  it('[X8] ends a worker that does not answer in time', async () => {
    open({ size: 1, timeoutMs: 1_000 }); // a thread may take half of it to start
    await expect(pool.seat().run({ op: 'spin' }, [], never)).rejects.toThrow(/open again/);
    expect(await pool.seat().run({ op: 'add', by: 1 }, [], never)).toEqual({ sum: 1 });
  });

  it('[X9] bounds its queue and says what to do', async () => {
    open({ size: 1, maxRunning: 1, maxWaiting: 2 });
    const seat = pool.seat();
    const held = seat.run({ op: 'hold' }, [], never);
    const waiting = [seat.run({ op: 'add', by: 1 }, [], never), seat.run({ op: 'add', by: 1 }, [], never)];
    await expect(seat.run({ op: 'add', by: 1 }, [], never)).rejects.toThrow(/already holds 2 requests; raise CLIPPY_WORKERS/);
    expect(pool.state()).toMatchObject({ running: 1, waiting: 2, capacity: 2 });
    const all = Promise.allSettled([held, ...waiting]);
    await pool.close();
    expect((await all).every((result) => result.status === 'rejected')).toBe(true);
  });

  it('[X9] takes an aborted request out of the queue; a running one keeps the state whole', async () => {
    open({ size: 1, maxRunning: 2 });
    const seat = pool.seat();
    const abort = new AbortController();
    const held = [seat.run({ op: 'hold' }, [], abort.signal), seat.run({ op: 'hold' }, [], never)];
    const queued = seat.run({ op: 'add', by: 100 }, [], abort.signal);
    abort.abort(new Error('enough'));
    await expect(queued).rejects.toThrow('enough');
    await expect(held[0]).rejects.toThrow('enough');
    expect(pool.state().waiting).toBe(0);
    const settled = Promise.allSettled(held);
    void pool.close();
    expect((await settled).length).toBe(2);
    open({ size: 1 });
    await expect(pool.seat().run({ op: 'add', by: 1 }, [], abort.signal)).rejects.toThrow('enough');
  });

  it('[X9] carries an error back with its code', async () => {
    open();
    await expect(pool.run({ op: 'throw' }, [], never)).rejects.toMatchObject({ name: 'MediaError', code: 'malformed', message: 'bad bytes' });
  });
});
