// What a session's folder holds after a crash, a power cut or a clean end (T2): every segment gets its index, a torn tail is cut off.
import { dirname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import { NO_TOTALS } from './record.ts';
import type { Totals } from './record.ts';
import { indexName, parseName, segmentName } from './segment-file.ts';
import type { SegmentIndex } from './segment-index.ts';
import { headOf, scanSegment } from './segment-scan.ts';
import type { Source } from './segment-scan.ts';
import { rowOf } from './segment-table.ts';
import type { SegmentTable, TableOptions } from './segment-table.ts';
import { TimelineError } from './timeline-error.ts';

/** A segment in the object store. */
export type ColdRow = { index: number; fileBytes: number; storedAt: number };

type Found = { index: number; salt: number | null; coldBytes: number; coldAt: number | null };

const survey = async ({ fs, dir }: TableOptions, cold: ColdRow[]): Promise<Found[]> => {
  const found = new Map<number, Found>();
  for (const row of cold) found.set(row.index, { index: row.index, salt: null, coldBytes: row.fileBytes, coldAt: row.storedAt });
  for (const name of await fs.list(dir)) {
    const parsed = parseName(name);
    if (parsed === null || parsed.kind === 'index') continue;
    const known = found.get(parsed.index);
    found.set(parsed.index, { index: parsed.index, coldBytes: known?.coldBytes ?? 0, coldAt: known?.coldAt ?? null, salt: parsed.salt });
  }
  return [...found.values()].sort((a, b) => a.index - b.index);
};

const open = async ({ fs, dir, coldRead, sessionId }: TableOptions, segment: Found): Promise<Source & { close(): Promise<void> }> => {
  if (segment.salt === null) {
    if (coldRead === null) throw new TimelineError('io', `segment ${segment.index} of session ${sessionId} is in the object store only; give coldRead to openTimeline`);
    return { bytes: segment.coldBytes, read: (start, end, signal) => coldRead(segment.index, start, end, signal), close: () => Promise.resolve() };
  }
  const file = await fs.open(join(dir, segmentName(segment.index, segment.salt)), 'read');
  return {
    bytes: await file.size(),
    read: async (start, end) => {
      const bytes = new Uint8Array(Math.max(0, end - start));
      return bytes.subarray(0, await file.pread(bytes, start));
    },
    close: () => file.close(),
  };
};

/** Cuts what follows the last sound record, so that nothing torn is ever uploaded. */
const cutTail = async ({ fs, log, sessionId }: TableOptions, path: string, bytes: number): Promise<void> => {
  const file = await fs.open(path, 'update');
  try {
    const size = await file.size();
    if (size <= bytes) return;
    await file.truncate(bytes);
    await file.datasync();
    log.warn({ session: sessionId, path, cut: size - bytes }, 'torn tail of the timeline cut off');
  } catch (error) {
    log.warn({ session: sessionId, path, error: messageOf(error) }, 'torn tail stays in the file; its index ends before it');
  } finally {
    await file.close();
  }
};

/** What a killed process had written may still be in memory only; from here on it counts as stored (T1). */
const makeDurable = async ({ fs, dir }: TableOptions, path: string): Promise<void> => {
  const file = await fs.open(path, 'update');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
  await fs.syncDir(dir);
};

const rebuild = async (options: TableOptions, segment: Found, scan: { before: Totals; until: Totals | null; last: boolean }): Promise<{ index: SegmentIndex; salt: number }> => {
  const { dir, log, sessionId } = options;
  const last = scan.last && segment.salt !== null;
  const source = await open(options, segment);
  try {
    const result = await scanSegment(source, { ...scan, last, salt: segment.salt, verify: last });
    if (last && segment.salt !== null) {
      const path = join(dir, segmentName(segment.index, segment.salt));
      if (result.index.fileEnd < source.bytes) await cutTail(options, path, result.index.fileEnd);
      await makeDurable(options, path);
    }
    log.info({ session: sessionId, segment: segment.index, records: result.index.count }, 'segment index rebuilt from its records');
    return result;
  } finally {
    await source.close();
  }
};

/** Totals where a segment begins, from its index or its head record. */
const beginning = async (options: TableOptions, segment: Found, stored: SegmentIndex | null): Promise<Totals | null> => {
  if (stored !== null) return stored.before;
  const source = await open(options, segment);
  try {
    return (await headOf(source))?.before ?? null;
  } finally {
    await source.close();
  }
};

/** An index whose segment is nowhere: left by a removal that was cut short, or a segment was lost, and then nothing may go on as if it never was. */
const checkOrphans = async ({ fs, dir, sessionId }: TableOptions, found: Found[]): Promise<void> => {
  for (const name of await fs.list(dir)) {
    const parsed = parseName(name);
    if (parsed?.kind !== 'index' || found.some(({ index }) => index === parsed.index)) continue;
    const path = join(dir, indexName(parsed.index));
    if (found[0] === undefined || parsed.index > found[0].index) {
      throw new TimelineError('io', `segment ${parsed.index} of session ${sessionId} is neither on disk nor among coldSegments; give all its rows, or delete ${path} to go on without it`);
    }
    await fs.unlink(path);
  }
};

/** A segment whose first write failed may be left empty: it says nothing of where those before it end. */
const isEmpty = async ({ fs, dir, sessionId, log }: TableOptions, { index, salt }: Found): Promise<boolean> => {
  if (salt === null) return false;
  const path = join(dir, segmentName(index, salt));
  if ((await fs.sizeOf(path)) !== 0) return false;
  await fs.unlink(path);
  log.warn({ session: sessionId, path }, 'empty segment removed');
  return true;
};

/** Fills the table; returns the totals at its end and the number of the next segment. */
export const recover = async (table: SegmentTable, options: TableOptions, cold: ColdRow[]): Promise<{ totals: Totals; next: number }> => {
  const { fs, dir, log, sessionId } = options;
  const made = await fs.makeDir(dir);
  if (made !== null) for (let path = dir; path !== dirname(made); path = dirname(path)) await fs.syncDir(dirname(path));
  const all = await survey(options, cold);
  // An opening before this one may have made the folders and ended before they were durable.
  if (made === null && all.length === 0) for (const path of [dirname(dir), dirname(dirname(dir))]) await fs.syncDir(path);
  await checkOrphans(options, all);
  const indexes = new Map<number, SegmentIndex | null>();
  const found: Found[] = [];
  for (const segment of all) {
    const stored = await table.stored(segment.index);
    if (stored === null && (await isEmpty(options, segment))) continue;
    indexes.set(segment.index, stored);
    found.push(segment);
  }

  let totals = NO_TOTALS;
  for (const [place, segment] of found.entries()) {
    const stored = indexes.get(segment.index) ?? null;
    const last = place === found.length - 1;
    const following = found[place + 1];
    const until = stored !== null || following === undefined ? null : await beginning(options, following, indexes.get(following.index) ?? null);
    const { index, salt } = stored === null ? await rebuild(options, segment, { before: totals, until, last }) : { index: stored, salt: segment.salt ?? 0 };
    if (stored === null && index.count === 0 && segment.salt !== null) {
      // its first batch was never durable; kept aside when bytes are there that nothing explains
      const path = join(dir, segmentName(segment.index, segment.salt));
      if (index.fileEnd > 0) await fs.unlink(path);
      else await fs.rename(path, `${path}.bad`);
      log.warn({ session: sessionId, path }, 'segment without a sound record set aside');
      continue;
    }
    if (stored === null) await table.store(segment.index, index);
    const local = segment.salt !== null;
    // A power cut undid that it was cut short, and brought back what the object store does not have: it is stored there anew.
    const coldAt = local && index.fileEnd > segment.coldBytes ? null : segment.coldAt;
    table.add(rowOf(index, { index: segment.index, salt, local, coldAt }), index);
    totals = index.after;
  }
  return { totals, next: (all.at(-1)?.index ?? -1) + 1 };
};
