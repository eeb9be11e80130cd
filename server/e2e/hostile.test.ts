// Hostile frames, requests and media against the real server, from a printed seed (rules FZ): no crash, nothing hangs, memory stays
// bounded, everything is refused with a typed reason, and a recording that runs meanwhile is whole. Longer runs: `npm run fuzz`.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServer } from '../../scripts/server-process.ts';
import type { FuzzReport } from '../testing/fuzz/fuzz.ts';
import { fuzzHttp } from '../testing/fuzz/http.ts';
import { fuzzServerChunks } from '../testing/fuzz/server-chunks.ts';
import { fuzzServerFrames } from '../testing/fuzz/server-frames.ts';
import { rssBytes } from '../testing/processes.ts';
import { long } from './support.ts';

const seed = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
const bystanderFile = join(import.meta.dirname, '../../scripts/demo.mp4');
const MAX_GROWTH_BYTES = 250e6;

const held = ({ target, runs, summary, findings }: FuzzReport): void => {
  console.log(`fuzz ${target}: ${runs} cases, seed ${seed}; ${summary}`);
  expect(findings, `seed ${seed}`).toEqual([]);
};

describe(`hostile input (seed ${seed})`, () => {
  let server: ServerProcess;
  beforeAll(async () => { server = await startServer(); });
  afterAll(async () => { await server.kill('SIGTERM'); });

  it('[FZ1][P10][LOG3] frames: what the decoder takes is taken, the rest is refused, a recording goes on, and refusals are logged once a second', { timeout: 600_000 }, async () => {
    const before = rssBytes(server.pid);
    const report = await fuzzServerFrames({ runs: long ? 20_000 : 1_000, seed, server, bystanderFile });
    held(report);
    expect(rssBytes(server.pid) - before).toBeLessThan(MAX_GROWTH_BYTES);
    const drops = server.log().filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { kind?: string; time: string; suppressed?: number }).filter(({ kind }) => kind === 'frame');
    const apart = drops.slice(1).map(({ time }, at) => Date.parse(time) - Date.parse(drops[at]!.time)); // the one before
    expect(Math.min(...apart)).toBeGreaterThan(900); // a line is written some ms after its clock was read
    const told = drops.reduce((sum, { suppressed = 0 }) => sum + 1 + suppressed, 0);
    expect(told).toBeGreaterThan(drops.length);
    expect(told).toBeLessThanOrEqual(report.runs);
  });

  it('[FZ3][R4][R6][R7][R8] requests: typed refusals, nothing of the inside, nothing from outside, no header of theirs', { timeout: 600_000 }, async () => {
    held(await fuzzHttp({ runs: long ? 10_000 : 600, seed, server, bystanderFile }));
  });

  it('[FZ2][D3] media: every recording ends, and a right one gives its clips as before', { timeout: 600_000 }, async () => {
    held(await fuzzServerChunks({ runs: long ? 2_000 : 200, seed, server, bystanderFile }));
  });
});
