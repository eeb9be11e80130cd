// `moov`: the boxes that describe tracks and codecs are mediabunny's, times and tables are ours (ISO/IEC 14496-12 §8.2 to §8.7).
import { Mp4OutputFormat, NullTarget, Output } from 'mediabunny';
import { box, boxes, fullBox, makeBox, u32 } from './boxes.ts';
import { concat, malformed, viewOf } from './bytes.ts';
import type { Packet, Track } from './media.ts';
import { outputTrack } from './output-track.ts';
import type { SampleTable } from './sample-table.ts';

export type IndexedTrack = { track: Track; first: Packet; table: SampleTable };

/** `mime` with codecs; `moov`: its body, with empty tables */
export type Description = { mime: string; moov: Uint8Array };

/** As of a fragmented file, whose `moov` comes without samples. */
export const describeTracks = async (tracks: IndexedTrack[]): Promise<Description> => {
  const written: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): void => void written.push(bytes.slice());
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'fragmented', onMoov: keep }), target: new NullTarget() });
  const lanes = tracks.map(({ track, first }) => ({ lane: outputTrack(output, track), first }));
  await output.start();
  for (const { lane, first } of lanes) await lane.add({ ...first, durationMs: 0 }, 0);
  await output.finalize();
  const mime = await output.getMimeType();
  const moov = written[0] && box(written[0], 'moov');
  if (!moov) throw malformed('the MP4 muxer wrote no moov');
  return { mime, moov };
};

type Change = (type: string, body: Uint8Array) => Uint8Array[];
const map = (body: Uint8Array, change: Change): Uint8Array => concat([...boxes(body)].flatMap((inner) => change(inner.type, inner.body)));

/** mvhd, mdhd and tkhd: version, dates, then `between` bytes, then the duration, here in as many bits as it needs. */
const withDuration = (body: Uint8Array, between: 4 | 8, ticks: number): Uint8Array => {
  const from = viewOf(body);
  const long = body[0] === 1;
  const rest = long ? 20 : 12;
  if (!long && ticks < 2 ** 32) {
    const copy = body.slice();
    viewOf(copy).setUint32(rest + between, ticks);
    return copy;
  }
  const head = new Uint8Array(20 + between + 8);
  const view = viewOf(head);
  view.setUint32(0, (1 << 24) | (from.getUint32(0) & 0xffffff));
  for (const i of [0, 1]) view.setBigUint64(4 + 8 * i, long ? from.getBigUint64(4 + 8 * i) : BigInt(from.getUint32(4 + 4 * i)));
  head.set(body.subarray(rest, rest + between), 20);
  view.setBigUint64(20 + between, BigInt(ticks));
  return concat([head, body.subarray(rest + between + (long ? 8 : 4))]);
};

const timescaleOf = (header: Uint8Array | undefined, name: string): number => {
  const at = header?.[0] === 1 ? 20 : 12;
  if (!header || header.length < at + 4) throw malformed(`moov without ${name}`);
  return viewOf(header).getUint32(at);
};

/** `mediaTime` -1: nothing is shown */
type Edit = { ticks: number; mediaTime: number };

const editBox = (edits: Edit[]): Uint8Array => {
  const long = edits.some(({ ticks, mediaTime }) => ticks >= 2 ** 32 || mediaTime >= 2 ** 31);
  const body = new Uint8Array(edits.length * (long ? 20 : 12));
  const view = viewOf(body);
  for (const [i, { ticks, mediaTime }] of edits.entries()) {
    const at = i * (long ? 20 : 12);
    if (long) {
      view.setBigUint64(at, BigInt(ticks));
      view.setBigInt64(at + 8, BigInt(mediaTime));
    } else {
      view.setUint32(at, ticks);
      view.setInt32(at + 4, mediaTime);
    }
    view.setUint32(at + (long ? 16 : 8), 0x10000); // at its own speed
  }
  return makeBox('edts', fullBox('elst', long ? 1 : 0, 0, u32(edits.length), body));
};

export type Movie = { description: Description; tables: SampleTable[]; startMs: number; endMs: number };

/** `moov` of a file whose media begin at byte `mediaAt`. Nothing before `startMs` or after `endMs` is presented: what lies there is needed to decode the rest. */
export const movieIndex = ({ description, tables, startMs, endMs }: Movie, mediaAt: number): Uint8Array => {
  const { moov } = description;
  const movieScale = timescaleOf(box(moov, 'mvhd'), 'mvhd');
  const movieTicks = (ms: number): number => Math.round((ms / 1000) * movieScale);
  const limit = movieTicks(endMs - startMs);

  const timesOf = (table: SampleTable) => {
    const [span, offset] = [movieTicks(table.endMs - table.startMs), movieTicks(table.startMs - startMs)];
    return { offset, whole: Math.max(0, span + offset), presented: Math.min(limit, Math.max(0, span + offset)) };
  };
  const editsOf = (table: SampleTable, timescale: number): Uint8Array[] => {
    const { offset, whole, presented } = timesOf(table);
    if (offset > 0) return [editBox([{ ticks: offset, mediaTime: -1 }, { ticks: Math.max(0, presented - offset), mediaTime: 0 }])];
    const mediaTime = Math.max(0, Math.round(((startMs - table.startMs) / 1000) * timescale));
    return mediaTime > 0 || presented < whole ? [editBox([{ ticks: presented, mediaTime }])] : [];
  };
  const trak = (body: Uint8Array, table: SampleTable): Uint8Array => {
    const timescale = timescaleOf(box(body, 'mdia', 'mdhd'), 'mdhd');
    const change: Change = (type, inner) => {
      switch (type) {
        case 'tkhd': return [makeBox(type, withDuration(inner, 8, timesOf(table).presented)), ...editsOf(table, timescale)];
        case 'mdhd': return [makeBox(type, withDuration(inner, 4, Math.round(((table.endMs - table.startMs) / 1000) * timescale)))];
        case 'mdia': case 'minf': return [makeBox(type, map(inner, change))];
        case 'stbl': return [makeBox(type, map(inner, change), ...table.boxes(timescale, mediaAt))];
        case 'stts': case 'stsc': case 'stsz': case 'stco': return []; // empty
        default: return [makeBox(type, inner)];
      }
    };
    return map(body, change);
  };
  let track = 0;
  return makeBox('moov', map(moov, (type, body) => {
    if (type === 'mvhd') return [makeBox(type, withDuration(body, 4, Math.max(0, ...tables.map((table) => timesOf(table).presented))))];
    if (type === 'mvex') return []; // there are no fragments
    const table = type === 'trak' ? tables[track++] : undefined;
    return [makeBox(type, table ? trak(body, table) : body)];
  }));
};
