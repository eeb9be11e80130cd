// Durable bytes over WebSockets with acknowledgements, beside the floors under it: the same bytes written and synced by a plain loop,
// and the same frames received by bare uWebSockets.js and thrown away.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { measureLoad } from './bound-server.ts';
import { startChild } from './child.ts';
import { openLoad, type Pieces, recordedPieces, type Spread } from './load.ts';
import { GENERATOR } from './measure.ts';
import { cpuSeconds } from './processor-time.ts';
import type { Contender, Scenario } from './scenario.ts';

/** `window`: pieces a recording has in flight, and the floor writes before it syncs: ours never gathers more */
type Flood = { sessions: number; window: number; seconds: number };
export type DiskLoop = { folder: string; files: number; sizes: number[]; window: number; seconds: number; /** 0: as fast as it goes */ everyMs: number };
export type DiskAnswer = { bytes: number; seconds: number; syncMs: Spread };

const rate = (bytes: number, seconds: number, cpuS: number) => ({ megabytesPerS: bytes / 1e6 / seconds, megabytesPerCpuS: bytes / 1e6 / cpuS });

/** Writes and syncs in a process of its own. */
const diskLoop = async (loop: Omit<DiskLoop, 'folder'>): Promise<DiskAnswer & { cpuS: number }> => {
  const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
  const { child } = await startChild(resolve(import.meta.dirname, 'disk-floor.ts'), [], 0);
  try {
    const before = cpuSeconds(child.pid);
    const answer = await child.ask<DiskAnswer>({ ...loop, folder } satisfies DiskLoop);
    return { ...answer, cpuS: cpuSeconds(child.pid) - before };
  } finally {
    await child.end();
    await rm(folder, { recursive: true, force: true });
  }
};

const ours = (pieces: Pieces, { sessions, window, seconds }: Flood): Contender => ({
  name: 'ours',
  run: async () => {
    const told = await measureLoad(pieces, { oneCore: false, sessions, window, seconds, rampSeconds: 0, env: { CLIPPY_FEATURES: 'off' } });
    if (told.acked !== told.sent || told.errors.length > 0) throw new Error(`${told.acked} of ${told.sent} pieces were acknowledged: ${told.errors.join('; ')}`);
    return { ...rate(told.bytes, told.seconds, told.cpuS), ackP99: told.ackMs.p99, [GENERATOR]: told.cpuSeconds / told.seconds };
  },
});

const receive = (pieces: Pieces, { sessions, window, seconds }: Flood): Contender => ({
  name: 'receive',
  run: async () => {
    const { child, first } = await startChild<{ url: string }>(resolve(import.meta.dirname, '../server/testing/receive-floor.ts'), [], sessions);
    try {
      const load = await openLoad({ ...pieces, url: first.url, token: 'none', sessions, firstKey: 0, rampSeconds: 0, seconds, window }, null);
      const before = cpuSeconds(child.pid);
      const told = await (await load.go()).report.finally(() => load.stop());
      return { ...rate(told.bytes, told.seconds, cpuSeconds(child.pid) - before), [GENERATOR]: told.cpuSeconds / told.seconds };
    } finally {
      await child.end();
    }
  },
});

const write = ({ pieces }: Pieces, { sessions, window, seconds }: Flood): Contender => ({
  name: 'write',
  run: async () => {
    const { bytes, seconds: took, cpuS, syncMs } = await diskLoop({ files: sessions, sizes: pieces.map(({ size }) => size), window, seconds, everyMs: 0 });
    return { ...rate(bytes, took, cpuS), syncP50: syncMs.p50, [GENERATOR]: 0 };
  },
});

const withPieces = async (seconds: number): Promise<{ pieces: Pieces; close: () => Promise<void> }> => {
  const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
  return { pieces: await recordedPieces(folder, seconds), close: () => rm(folder, { recursive: true, force: true }) };
};

export const ingest: Scenario = {
  name: 'ingest',
  question: 'How near is durable ingest to a plain loop that writes and syncs the same bytes?',
  prepare: async (scale) => {
    const flood: Flood = scale === 'quick' ? { sessions: 8, window: 4, seconds: 4 } : { sessions: 8, window: 4, seconds: 10 };
    const { pieces, close } = await withPieces(scale === 'quick' ? 120 : 300);
    return {
      rounds: scale === 'quick' ? 3 : 7,
      contenders: [ours(pieces, flood), write(pieces, flood), receive(pieces, flood)],
      ratios: [
        { name: 'oursToWrite', of: 'ours.megabytesPerS', to: 'write.megabytesPerS' },
        { name: 'oursToWritePerCpu', of: 'ours.megabytesPerCpuS', to: 'write.megabytesPerCpuS', better: 'higher' },
        { name: 'oursToReceivePerCpu', of: 'ours.megabytesPerCpuS', to: 'receive.megabytesPerCpuS', better: 'higher' },
      ],
      goals: [{ name: 'oursToWrite', atLeast: 0.9 }],
      units: { megabytesPerS: 'MB/s', megabytesPerCpuS: 'MB per CPU-s', ackP99: 'ms', syncP50: 'ms' },
      close,
    };
  },
};

const ACK_SESSIONS = 20;

export const ack: Scenario = {
  name: 'ack',
  question: 'How long after it was sent is a piece acknowledged as durable, beside writing and syncing it alone?',
  prepare: async (scale) => {
    const seconds = scale === 'quick' ? 10 : 20;
    const { pieces, close } = await withPieces(60);
    const everyMs = pieces.pieces[0]!.durationMs / ACK_SESSIONS; // a recording has pieces
    return {
      rounds: scale === 'quick' ? 1 : 7,
      contenders: [
        {
          name: 'ours',
          run: async () => {
            const { ackMs, cpuSeconds: cpuS, seconds: took } = await measureLoad(pieces, { oneCore: false, sessions: ACK_SESSIONS, rampSeconds: 4, seconds, window: 0, env: { CLIPPY_FEATURES: 'off' } });
            return { p50: ackMs.p50, p99: ackMs.p99, [GENERATOR]: cpuS / took };
          },
        },
        {
          name: 'disk',
          run: async () => {
            const { syncMs } = await diskLoop({ files: ACK_SESSIONS, sizes: pieces.pieces.map(({ size }) => size), window: 1, seconds, everyMs });
            return { p50: syncMs.p50, p99: syncMs.p99, [GENERATOR]: 0 };
          },
        },
      ],
      ratios: [{ name: 'oursToDiskP50', of: 'ours.p50', to: 'disk.p50' }],
      goals: [],
      units: { p50: 'ms', p99: 'ms' },
      close,
    };
  },
};
