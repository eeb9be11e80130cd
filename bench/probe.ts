// Preloaded into a server that is measured (NODE_OPTIONS=--import): answers SIGUSR2 with a line about the time since the one
// before. Costs a timer of libuv.
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Loop delay in ms beyond the sampling interval; `busy`: share of the time the main thread worked; `cpuSeconds` of all threads. */
export type ProbeLine = { seconds: number; delayP50Ms: number; delayP99Ms: number; delayMaxMs: number; busy: number; cpuSeconds: number; rssMb: number; heapMb: number; externalMb: number };

const RESOLUTION_MS = 5;

const begin = (file: string): void => {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let since = { at: performance.now(), cpu: process.cpuUsage(), busy: performance.eventLoopUtilization() };
  process.on('SIGUSR2', () => {
    const { user, system } = process.cpuUsage(since.cpu);
    const { rss, heapUsed, external } = process.memoryUsage();
    const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    const line: ProbeLine = {
      seconds: (performance.now() - since.at) / 1_000, delayP50Ms: ms(delay.percentile(50)), delayP99Ms: ms(delay.percentile(99)), delayMaxMs: ms(delay.max),
      busy: performance.eventLoopUtilization(since.busy).utilization, cpuSeconds: (user + system) / 1e6, rssMb: rss / 1e6, heapMb: heapUsed / 1e6, externalMb: external / 1e6,
    };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
    delay.reset();
    since = { at: performance.now(), cpu: process.cpuUsage(), busy: performance.eventLoopUtilization() };
  });
};

const file = process.env['CLIPPY_TEST_PROBE'];
if (isMainThread && file) begin(file);
