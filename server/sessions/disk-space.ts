// Watches the free space of the data directory, so that senders are slowed and stopped before the disk is full (T6).
import { statfs } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import { messageOf, StartError } from '../errors.ts';
import type { Log } from './segment-table.ts';

export type Space = { freeBytes: number; totalBytes: number };

export type DiskSpaceOptions = {
  dir: string;
  /** below it nothing is accepted (1 GiB), but never more than 5 % of the disk; must hold what may arrive in `everyMs` */
  hardBytes: number;
  /** below it credits shrink (3 GiB), but never more than 15 % of the disk */
  softBytes: number;
  /** 2,000 */
  everyMs: number;
  clock: Clock;
  log: Log;
  measure?: (dir: string) => Promise<Space>;
};

export type DiskSpace = {
  /** 1 = plenty, 0 = accept nothing, between them in proportion */
  creditsFactor(): number;
  /** bytes missing to plenty; 0 when fine */
  shortBytes(): number;
  space(): Space;
  /** Called when the factor changes; returns the way to stop it. */
  onChange(listener: (factor: number) => void): () => void;
  refresh(): Promise<void>;
  close(): Promise<void>;
};

const HARD_SHARE = 0.05;
const SOFT_SHARE = 0.15;

const byStatfs = async (dir: string): Promise<Space> => {
  const { bavail, blocks, bsize } = await statfs(dir);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
};

export const thresholds = (totalBytes: number, wanted: { hardBytes: number; softBytes: number }): { hard: number; soft: number } => {
  const hard = Math.min(wanted.hardBytes, totalBytes * HARD_SHARE);
  return { hard, soft: Math.max(hard, Math.min(wanted.softBytes, totalBytes * SOFT_SHARE)) };
};

/** Steps of 1 %, so that listeners hear of what matters. */
export const factorOf = ({ freeBytes, totalBytes }: Space, wanted: { hardBytes: number; softBytes: number }): number => {
  const { hard, soft } = thresholds(totalBytes, wanted);
  if (freeBytes <= hard) return 0;
  return freeBytes >= soft ? 1 : Math.floor((100 * (freeBytes - hard)) / (soft - hard)) / 100;
};

/** Measures once before it resolves. */
export const watchDiskSpace = async (options: DiskSpaceOptions): Promise<DiskSpace> => {
  const { dir, clock, log, measure = byStatfs } = options;
  const listeners = new Set<(factor: number) => void>();
  let space: Space;
  try {
    space = await measure(dir);
  } catch (error) {
    throw new StartError(`free space of ${dir} cannot be measured: ${messageOf(error)}`, 'make the data directory readable, or choose another with CLIPPY_DATA_DIR', { cause: error });
  }
  let factor = factorOf(space, options);
  let failing = false;
  let closed = false;
  let running: Promise<void> | null = null;
  let cancel: (() => void) | null = null;

  const measureOnce = async (): Promise<void> => {
    try {
      space = await measure(dir);
      failing = false;
    } catch (error) {
      if (!failing) log.warn({ dir, error: messageOf(error) }, 'free space cannot be measured; the last measurement stands');
      failing = true;
    }
    const next = factorOf(space, options);
    if (next === factor) return;
    if (next === 0 || factor === 0) log.warn({ dir, freeBytes: space.freeBytes }, next === 0 ? 'disk low: nothing more is accepted until there is space' : 'disk has space again: senders go on');
    factor = next;
    for (const listener of listeners) listener(factor);
  };
  const refresh = (): Promise<void> => {
    running ??= measureOnce().finally(() => (running = null));
    return running;
  };
  const tick = (): void => {
    if (closed) return;
    cancel = clock.after(options.everyMs, () => void refresh().then(tick));
  };
  tick();

  return {
    creditsFactor: () => factor,
    shortBytes: () => Math.max(0, thresholds(space.totalBytes, options).soft - space.freeBytes),
    space: () => space,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh,
    close: async () => {
      closed = true;
      cancel?.();
      await running;
    },
  };
};
