import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { ffmpegPath } from './material.ts';

export type Machine = { cpu: string; cores: number; memoryGb: number; kernel: string; node: string; ffmpeg: string };

const ffmpegVersion = (): string => {
  try {
    return /version (\S+)/.exec(execFileSync(ffmpegPath(), ['-version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
  } catch {
    return 'none'; // scenarios that need it say so themselves
  }
};

export const thisMachine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), kernel: release(), node: process.version, ffmpeg: ffmpegVersion(),
});

/** Ratios of the same code on the same machine differ by noise only. */
export const sameMachine = (a: Machine, b: Machine): boolean => a.cpu === b.cpu && a.cores === b.cores;

export const describeMachine = ({ cpu, cores, memoryGb, kernel, node, ffmpeg }: Machine): string => `${cpu}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, Node ${node}, FFmpeg ${ffmpeg}`;
