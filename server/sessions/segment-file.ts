// The segment being written. Its `index` only ever holds what is durable.
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Gap } from '../../shared/model.ts';
import { crc32c } from '../../shared/crc32c.ts';
import type { DiskFile, FileSystem } from './file-system.ts';
import { afterChunk, afterGap, encodeHead, encodeHeader, HEADER_BYTES } from './record.ts';
import type { RecordHeader, Totals } from './record.ts';
import { SegmentIndex } from './segment-index.ts';
import { writeFailure } from './timeline-error.ts';

export const segmentName = (index: number, salt: number): string => `${String(index).padStart(8, '0')}-${salt.toString(16).padStart(8, '0')}.seg`;
export const indexName = (index: number): string => `${String(index).padStart(8, '0')}.idx`;

export const parseName = (name: string): { index: number; kind: 'segment' | 'index'; salt: number } | null => {
  const match = /^(\d{8})(?:-([0-9a-f]{8}))?\.(seg|idx)$/.exec(name);
  if (match === null || (match[3] === 'seg') !== (match[2] !== undefined)) return null;
  return { index: Number(match[1]), kind: match[3] === 'seg' ? 'segment' : 'index', salt: Number.parseInt(match[2] ?? '0', 16) };
};

export type NewRecord = { header: Omit<RecordHeader, 'durable'>; payload: Uint8Array; gap: Gap | null };

/** Nobody who sends media can know it, so no bytes of media pass for records (T2). */
export const unguessableSalt = (): number => randomInt(1, 2 ** 32);

export class SegmentFile {
  readonly number: number;
  readonly salt: number;
  readonly path: string;
  readonly index: SegmentIndex;
  /** a failed sync or truncation: what the kernel holds of the tail is unknown, nothing more may be written here */
  broken = false;
  readonly #fs: FileSystem;
  readonly #dir: string;
  /** null: closed until the next batch */
  #file: DiskFile | null;
  readonly #head: Uint8Array[];

  private constructor(fs: FileSystem, dir: string, file: DiskFile, options: { number: number; salt: number; sessionId: string; before: Totals }) {
    this.#fs = fs;
    this.#dir = dir;
    this.#file = file;
    this.number = options.number;
    this.salt = options.salt;
    this.path = join(dir, segmentName(options.number, options.salt));
    this.index = new SegmentIndex(options.before);
    const payload = encodeHead({ salt: options.salt, index: options.number, before: options.before, sessionId: options.sessionId });
    const { before } = options;
    const head: RecordHeader = {
      kind: 'head', epoch: before.epoch, length: payload.length, sequence: before.lastSequence, startMs: before.durationMs, durationMs: 0,
      byteStart: before.byteEnd, crc: crc32c(payload), hash: before.hash, durable: 0,
    };
    this.#head = [encodeHeader(head, 0), payload];
  }

  /** Makes the file; its head is written with the first batch. */
  static async create(fs: FileSystem, dir: string, options: { number: number; sessionId: string; before: Totals; newSalt: () => number }): Promise<SegmentFile> {
    const salt = options.newSalt();
    const path = join(dir, segmentName(options.number, salt));
    try {
      return new SegmentFile(fs, dir, await fs.open(path, 'create'), { ...options, salt });
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  /** bytes of the file that are durable */
  get bytes(): number {
    return this.index.fileEnd;
  }

  /** One writev, one fdatasync; on a throw none of the batch counts and the file ends where it did. */
  async append(batch: NewRecord[]): Promise<void> {
    const begin = this.index.fileEnd;
    const buffers = begin === 0 ? [...this.#head] : [];
    const placed: number[] = [];
    let end = begin === 0 ? HEADER_BYTES + this.#head[1]!.length : begin; // two buffers, set in the constructor
    for (const { header, payload } of batch) {
      placed.push(end);
      buffers.push(encodeHeader({ ...header, durable: begin }, this.salt));
      if (payload.length > 0) buffers.push(payload);
      end += HEADER_BYTES + payload.length;
    }
    let file: DiskFile;
    try {
      file = this.#file ??= await this.#fs.open(this.path, 'update');
      await file.writev(buffers, begin);
    } catch (error) {
      await this.#cutBack(begin);
      throw writeFailure(this.path, error);
    }
    try {
      await file.datasync();
      if (begin === 0) await this.#fs.syncDir(this.#dir);
    } catch (error) {
      this.broken = true;
      await this.#cutBack(begin);
      throw writeFailure(this.path, error);
    }
    for (const [i, record] of batch.entries()) this.#index(record, placed[i]!); // one place per record
    this.index.fileEnd = end;
  }

  /** All that was appended is durable, so nothing is lost with the descriptor. */
  async rest(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  close(): Promise<void> {
    return this.rest();
  }

  #index({ header, gap }: NewRecord, filePosition: number): void {
    const { index } = this;
    index.push({ ...header, kind: gap === null ? 'chunk' : 'gap', sequenceTo: gap?.toSequence ?? header.sequence, filePosition, length: gap === null ? header.length : 0, note: gap?.reason ?? '' });
    index.after = gap === null ? afterChunk(index.after, header) : afterGap(index.after, gap, header.epoch);
  }

  async #cutBack(bytes: number): Promise<void> {
    try {
      await this.#file?.truncate(bytes);
    } catch {
      this.broken = true; // the next batch begins a new segment, whose head says where this one ends
    }
  }
}
