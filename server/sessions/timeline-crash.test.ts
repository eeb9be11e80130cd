import { seededRandom } from '../../shared/testing/random.ts';
import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bench, chunkOf, drain } from './timeline-fixture.ts';
import type { Bench } from './timeline-fixture.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1e6);
const ROUNDS = Number(process.env.TIMELINE_CRASHES ?? 20);
const PROGRAM = join(import.meta.dirname, 'timeline-crash.ts');

let at: Bench;
beforeAll(async () => {
  at = await bench();
});
afterAll(() => at.remove());

/** Runs the program and kills it hard some microseconds after it printed `acks` acknowledgements; returns the highest one seen. */
const crash = async (acks: number, random: () => number): Promise<{ opened: number; acked: number }> => {
  const child = spawn(process.execPath, [PROGRAM, at.dir, '40000', String(Math.floor(random() * 1e6))], { stdio: ['ignore', 'pipe', 'inherit'] });
  let opened = -1;
  let acked = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, value] = line.split(' ');
    if (word === 'open') opened = Number(value);
    else acked = Math.max(acked, Number(value));
    if (++count === acks) {
      for (let spin = Math.floor(random() * 300_000); spin > 0; spin--); // somewhere inside the next write, sync or rotation
      child.kill('SIGKILL');
    }
  }
  return { opened, acked };
};

describe('SIGKILL', () => {
  it(`[T1][T2] ${ROUNDS} times at random: every acknowledged record is there, none doubled, each start goes on (SEED=${SEED})`, { timeout: 120_000 }, async () => {
    const random = seededRandom(SEED);
    let acked = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const result = await crash(1 + Math.floor(random() * 60), random);
      expect([round, result.opened >= acked]).toEqual([round, true]);
      acked = Math.max(result.opened, result.acked);
      if (round % 4 === 3) {
        // a torn tail on top, as a power cut would leave it
        const path = await newest();
        await writeFile(path, Buffer.concat([await readFile(path), Buffer.from(chunkOf(round).bytes)]));
      }
    }
    const timeline = await at.open();
    const { state } = timeline;
    const expected = Array.from({ length: state.lastSequence }, (_, i) => i + 1).filter((seq) => seq % 13 !== 0);
    const { seqs, bytes } = await drain(timeline, 100_000);
    expect(state.lastSequence).toBeGreaterThanOrEqual(acked);
    expect(seqs).toEqual(expected);
    expect(Buffer.compare(bytes, Buffer.concat(expected.map((seq) => chunkOf(seq, { bytes: 100 + (seq % 7) * 3000 }).bytes)))).toBe(0);
    expect(state).toMatchObject({ chunks: expected.length, missing: state.lastSequence - expected.length, quarantined: [] });
    await timeline.close();
  });
});

const newest = async (): Promise<string> => {
  const names = (await readdir(at.dir)).filter((name) => name.endsWith('.seg'));
  return join(at.dir, names.sort().at(-1) ?? '');
};
