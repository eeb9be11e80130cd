// What a media file holds and how it can become a live stream: as it stands, remuxed, or through FFmpeg.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { MATROSKA, MP4, MPEG_TS, QTFF, WEBM, FilePathSource, Input } from 'mediabunny';
import type { InputAudioTrack, InputVideoTrack } from 'mediabunny';
import { MediaError, messageOf } from '../server/errors.ts';
import { box, BOX_HEADER_BYTES, boxes, Fields, readBoxHeader } from '../server/media/boxes.ts';

/** How a file's own index says a track is presented, in seconds. */
export type Edit = { endS: number; count: number };
export type Layout =
  /** live already: Segment of unknown size, or movie fragments */
  | { type: 'live'; container: 'webm' | 'mp4' }
  | { type: 'mp4'; /** by track id */ edits: Map<number, Edit> }
  | { type: 'matroska' | 'ts' }
  | { type: 'other' };

const MAX_MOOV_BYTES = 256 * 1024 * 1024;
const SEGMENT_ID = 0x18538067;
const TS_PACKET_BYTES = 188;
const TS_SYNC = 0x47;

const readAt = async (file: FileHandle, at: number, length: number): Promise<Uint8Array> => {
  const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
};

/** EBML lengths: the first set bit says how many bytes; all value bits set = unknown (RFC 8794 §4, §6.2). */
const ebmlSize = (bytes: Uint8Array, at: number): { length: number; value: number | null } => {
  const first = bytes[at] ?? 0;
  const length = Math.clz32(first) - 23;
  let value = first & (0xff >> length);
  let known = value !== 0xff >> length;
  for (let i = 1; i < length; i++) {
    value = value * 256 + (bytes[at + i] ?? 0);
    known ||= bytes[at + i] !== 0xff;
  }
  return { length, value: known ? value : null };
};

const matroskaLayout = (head: Uint8Array): Layout => {
  const header = ebmlSize(head, 4);
  const at = 4 + header.length + (header.value ?? 0);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const isSegment = at + 5 <= head.length && view.getUint32(at) === SEGMENT_ID;
  return isSegment && ebmlSize(head, at + 4).value === null ? { type: 'live', container: 'webm' } : { type: 'matroska' };
};

const editsOf = (moov: Uint8Array): Map<number, Edit> => {
  const edits = new Map<number, Edit>();
  const mvhd = new Fields(box(moov, 'mvhd') ?? new Uint8Array(0));
  for (let word = mvhd.version === 1 ? 4 : 2; word > 0; word--) mvhd.u32(); // creation and modification time
  const timescale = mvhd.u32();
  for (const { type, body } of boxes(moov)) {
    if (type !== 'trak') continue;
    const tkhd = new Fields(box(body, 'tkhd') ?? new Uint8Array(0));
    for (let word = tkhd.version === 1 ? 4 : 2; word > 0; word--) tkhd.u32();
    const id = tkhd.u32();
    const elst = box(body, 'edts', 'elst');
    if (!elst) continue;
    const entries = new Fields(elst);
    const long = entries.version === 1;
    let [ticks, count] = [0, 0];
    for (let left = entries.u32(); left > 0; left--) {
      const duration = long ? entries.u64() : entries.u32();
      const mediaTime = long ? entries.i64() : entries.i32();
      entries.u32(); // rate
      ticks += duration;
      if (mediaTime !== -1) {
        count++;
        if (duration === 0) ticks = Infinity; // to the end of the media
      }
    }
    edits.set(id, { endS: ticks / timescale, count });
  }
  return edits;
};

const mp4Layout = async (file: FileHandle, size: number): Promise<Layout> => {
  for (let at = 0; at < size; ) {
    const header = readBoxHeader(await readAt(file, at, BOX_HEADER_BYTES));
    if (!header) break;
    const length = header.size ?? size - at;
    if (header.type === 'moof') return { type: 'live', container: 'mp4' };
    if (header.type === 'moov') {
      if (length > MAX_MOOV_BYTES) throw new MediaError('limit', `the index of this MP4 takes ${length} bytes, the limit is ${MAX_MOOV_BYTES}; remux it with FFmpeg first`);
      const moov = await readAt(file, at + header.length, length - header.length);
      return box(moov, 'mvex') ? { type: 'live', container: 'mp4' } : { type: 'mp4', edits: editsOf(moov) };
    }
    at += length;
  }
  return { type: 'other' };
};

/** Looks at the file's outermost structure. A file it cannot make sense of is `other`: FFmpeg may. */
export const layoutOf = async (path: string): Promise<Layout> => {
  const file = await open(path).catch((cause: unknown) => {
    throw new MediaError('unsupported', `${path} cannot be opened (${messageOf(cause)}); check the path and its permissions`, { cause });
  });
  try {
    if (!(await file.stat()).isFile()) throw new MediaError('unsupported', `${path} is no file; give a media file`);
    const head = await readAt(file, 0, 4096);
    if (head[0] === 0x1a && head[1] === 0x45 && head[2] === 0xdf && head[3] === 0xa3) return matroskaLayout(head);
    if ([0, 1, 2].every((packet) => head[packet * TS_PACKET_BYTES] === TS_SYNC)) return { type: 'ts' };
    const first = readBoxHeader(head);
    if (!first || !['ftyp', 'moov', 'mdat', 'free', 'wide', 'skip', 'styp'].includes(first.type)) return { type: 'other' };
    return await mp4Layout(file, (await file.stat()).size);
  } catch (error) {
    if (error instanceof MediaError && error.code === 'malformed') return { type: 'other' };
    throw error;
  } finally {
    await file.close();
  }
};

export type Tracks = { video: InputVideoTrack; audio: InputAudioTrack[] };

export const openInput = (path: string): Input => new Input({ source: new FilePathSource(path), formats: [MP4, QTFF, WEBM, MATROSKA, MPEG_TS] });

export const noVideo = (path: string): MediaError => new MediaError('unsupported', `${path} has no video track; a recording needs one`);

/** The first video track and the first audio track, or all of these. Throws `MediaError unsupported` without video. */
export const tracksOf = async (input: Input, options: { path: string; allAudio: boolean }): Promise<Tracks> => {
  const [video] = await input.getVideoTracks();
  if (!video) throw noVideo(options.path);
  const audio = await input.getAudioTracks();
  return { video, audio: options.allAudio ? audio : audio.slice(0, 1) };
};
