// An MP4 file as packets come: media by reference, a megabyte at a time; the index, when all are known, into the room kept for it in
// front, so that a player can start before it has the whole file.
import type { FileHandle } from 'node:fs/promises';
import { writeAll } from '../write-all.ts';
import { boxHeader, makeBox, u32 } from './boxes.ts';
import { concat, malformed } from './bytes.ts';
import type { ClipFile, ClipWriter } from './clip-writer.ts';
import { codecString } from './codec-string.ts';
import type { Packet, Track } from './media.ts';
import { describeTracks, movieIndex } from './movie-index.ts';
import { nalUnits } from './nal.ts';
import { SampleTable } from './sample-table.ts';

/** Packets of a track that come within these are one chunk: the less often tracks alternate, the smaller the index. */
const CHUNK_MS = 1000;
const CHUNK_PACKETS = 1024;
const WRITE_BYTES = 1024 * 1024;
const WRITE_VIEWS = 512;
/** of a box below 4 GiB; above, twice as many */
const HEADER_BYTES = 8;

/** Enough for the index of 60 pictures a second with reordering and 50 packets of sound; the rest becomes a `free` box. */
export const roomFor = (tracks: number, ms: number): number => 16_384 + Math.ceil(Math.max(0, ms) / 1000) * 1536 * Math.max(2, tracks);

type Lane = { track: Track; first: Packet | null; annexB: boolean; table: SampleTable; views: Uint8Array[] };

/** Neighbours in one buffer become one view. */
const append = (views: Uint8Array[], bytes: Uint8Array): void => {
  const last = views.at(-1);
  if (last?.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) views[views.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + bytes.length);
  else if (bytes.length > 0) views.push(bytes);
};

/** Annex B to units behind their length in 4 bytes, as the avcC says that is made of it. */
const lengthPrefixed = (packet: Uint8Array): Uint8Array[] => {
  const units = nalUnits(packet);
  if (units.length === 0) throw malformed('a picture without a NAL unit');
  return units.flatMap((unit) => [u32(unit.length), unit]);
};

const bytesOf = (views: Uint8Array[]): number => views.reduce((total, view) => total + view.length, 0);

const ftyp = (tracks: Track[]): Uint8Array => makeBox('ftyp', new TextEncoder().encode(`isom\0\0\x02\0isom${tracks.some(({ codec }) => codec === 'avc') ? 'avc1' : ''}mp41`));

export type Mp4Options = {
  file: FileHandle;
  tracks: Track[];
  /** presented range */
  startMs: number;
  endMs: number;
  /** bytes kept for the index where there is more than one write; an index that does not fit goes behind the media */
  room: number;
};

export class Mp4Writer implements ClipWriter {
  readonly #options: Mp4Options;
  readonly #lanes: Map<number, Lane>;
  /** of the chunks being gathered */
  #gather = { fromMs: 0, packets: 0, bytes: 0 };
  /** of finished chunks, not in the file yet */
  #waiting: Uint8Array[] = [];
  #chunked = 0;
  #written = 0;

  constructor(options: Mp4Options) {
    this.#options = options;
    this.#lanes = new Map(options.tracks.map((track) => [track.number, { track, first: null, annexB: track.codec === 'avc' && track.config.length === 0, table: new SampleTable(), views: [] }]));
  }

  add(packet: Packet): Promise<void> | undefined {
    const lane = this.#lanes.get(packet.track);
    if (!lane) throw new RangeError(`track ${packet.track} is not of this clip`);
    if (!lane.first) codecString(lane.track, packet.data); // or it throws now, not when all is written
    lane.first ??= packet;
    const gather = this.#gather;
    if (gather.packets === 0) gather.fromMs = packet.startMs;
    const views = lane.annexB ? lengthPrefixed(packet.data) : [packet.data];
    const bytes = bytesOf(views);
    lane.table.add({ startMs: packet.startMs, durationMs: packet.durationMs, key: packet.key, bytes });
    for (const view of views) append(lane.views, view);
    gather.packets += 1;
    gather.bytes += bytes;
    if (gather.bytes < WRITE_BYTES && gather.packets < CHUNK_PACKETS && Math.abs(packet.startMs - gather.fromMs) < CHUNK_MS) return undefined;
    this.#endChunks();
    return this.#chunked - this.#written < WRITE_BYTES && this.#waiting.length < WRITE_VIEWS ? undefined : this.#write();
  }

  #endChunks(): void {
    for (const { table, views } of this.#lanes.values()) {
      table.endChunk(this.#chunked);
      this.#chunked += bytesOf(views);
      this.#waiting.push(...views.splice(0));
    }
    this.#gather = { fromMs: 0, packets: 0, bytes: 0 };
  }

  async #write(): Promise<void> {
    const views = this.#waiting;
    this.#waiting = [];
    await writeAll(this.#options.file, views, this.#options.room + this.#written);
    this.#written = this.#chunked;
  }

  async finish(): Promise<ClipFile> {
    const { file, tracks, startMs, endMs, room } = this.#options;
    this.#endChunks();
    const used = [...this.#lanes.values()].flatMap(({ track, first, table }) => (first ? [{ track, first, table }] : []));
    const description = await describeTracks(used);
    const index = (mediaAt: number): Uint8Array => movieIndex({ description, tables: used.map(({ table }) => table), startMs, endMs }, mediaAt);
    const type = ftyp(tracks);
    const mdat = boxHeader('mdat', this.#chunked + (this.#chunked + HEADER_BYTES < 2 ** 32 ? HEADER_BYTES : 2 * HEADER_BYTES));
    const { mime } = description;
    if (this.#written === 0) {
      // all of it is here, so the index takes what it needs
      const before = type.length + index(0).length + mdat.length;
      await writeAll(file, [type, index(before), mdat, ...this.#waiting], 0);
      return { mime, bytes: before + this.#chunked, dropped: 0 };
    }
    await this.#write();
    const moov = index(room);
    const gap = room - mdat.length - type.length;
    const fits = gap === moov.length || gap >= moov.length + HEADER_BYTES;
    const front = fits ? concat([type, moov]) : type;
    const free = room - mdat.length - front.length;
    await writeAll(file, free > 0 ? [front, boxHeader('free', free)] : [front], 0);
    await writeAll(file, [mdat], room - mdat.length);
    if (!fits) await writeAll(file, [moov], room + this.#written);
    return { mime, bytes: room + this.#written + (fits ? 0 : moov.length), dropped: 0 };
  }
}
