// A child that writes and syncs as plainly as it can be done: one file after the other, `window` pieces, one fdatasync.
import { closeSync, fdatasyncSync, openSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskAnswer, DiskLoop } from './ingest.ts';
import { percentile } from './statistics.ts';

const run = async ({ folder, files, sizes, window, seconds, everyMs }: DiskLoop): Promise<DiskAnswer> => {
  const bytes = Buffer.alloc(Math.max(...sizes), 0x5a);
  const open = Array.from({ length: files }, (_, number) => openSync(join(folder, String(number)), 'wx'));
  const took: number[] = [];
  let written = 0;
  const began = performance.now();
  for (let turn = 0; performance.now() - began < seconds * 1_000; turn++) {
    if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + turn * everyMs - performance.now())));
    const from = performance.now();
    const file = open[turn % files]!; // in range
    written += writevSync(file, Array.from({ length: window }, (_, number) => bytes.subarray(0, sizes[(turn + number) % sizes.length])));
    fdatasyncSync(file);
    took.push(performance.now() - from);
  }
  const sorted = took.toSorted((a, b) => a - b);
  const answer = { bytes: written, seconds: (performance.now() - began) / 1_000, syncMs: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1) ?? 0 } };
  open.forEach(closeSync);
  return answer;
};

process.on('message', (loop: DiskLoop) => void run(loop).then((answer) => process.send?.(answer)));
process.send?.('ready');
