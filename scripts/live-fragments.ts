// Writes fragmented MP4 (ISO/IEC 14496-12 §8.8): the initialisation by mediabunny, the fragments here, because its muxer begins
// a fragment only at keyframes, and files with one keyframe in ten seconds would come ten seconds late.
import { EncodedAudioPacketSource, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, NullTarget, Output } from 'mediabunny';
import type { AudioCodec, VideoCodec } from 'mediabunny';
import { box, boxes, Fields, fullBox, makeBox, u32 } from '../server/media/boxes.ts';
import { concat, viewOf } from '../server/media/bytes.ts';

export type Sample = { data: Uint8Array; key: boolean; /** ticks of the track's timescale */ decode: number; present: number; duration: number };

export type TrackHead =
  | { kind: 'video'; codec: VideoCodec; config: VideoDecoderConfig; rotation: 0 | 90 | 180 | 270; first: EncodedPacket }
  | { kind: 'audio'; codec: AudioCodec; config: AudioDecoderConfig; first: EncodedPacket };
export type InitSegment = { bytes: Uint8Array; tracks: { id: number; timescale: number }[] };

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

const hex32 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

/**
 * Says how many samples at the head of the sound are not presented, as iTunes does: fragments have no edit list that players
 * follow to the sample, and this note FFmpeg does follow (for the last track of the file).
 */
const primingNote = (samples: number): Uint8Array => {
  const data = makeBox('data', u32(1, 0), ascii(` ${[0, samples, 0].map(hex32).join(' ')} ${'0'.repeat(16)}${' 00000000'.repeat(8)}`));
  const note = makeBox('----', fullBox('mean', 0, 0, ascii('com.apple.iTunes')), fullBox('name', 0, 0, ascii('iTunSMPB')), data);
  const handler = fullBox('hdlr', 0, 0, u32(0), ascii('mdirappl'), new Uint8Array(9));
  return makeBox('udta', fullBox('meta', 0, 0, handler, makeBox('ilst', note)));
};

/** id and timescale of each trak, in order */
const tracksIn = (moov: Uint8Array): { id: number; timescale: number }[] =>
  [...boxes(moov)].flatMap(({ type, body }) => {
    if (type !== 'trak') return [];
    const skipTimes = (name: string[]): Fields => {
      const read = new Fields(box(body, ...name) ?? new Uint8Array(0));
      for (let word = read.version === 1 ? 4 : 2; word > 0; word--) read.u32();
      return read;
    };
    return [{ id: skipTimes(['tkhd']).u32(), timescale: skipTimes(['mdia', 'mdhd']).u32() }];
  });

const DATED = new Set(['mvhd', 'tkhd', 'mdhd']);
const HOLDERS = new Set(['moov', 'trak', 'mdia']);

/** Takes the time of making out of the headers, in place: the same file gives the same bytes whenever it is sent. */
const undate = (bytes: Uint8Array): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 8 <= bytes.length; at += Math.max(8, view.getUint32(at))) {
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + view.getUint32(at);
    if (HOLDERS.has(name)) undate(bytes.subarray(at + 8, end));
    if (DATED.has(name)) bytes.fill(0, at + 12, at + (bytes[at + 8] === 1 ? 28 : 20));
  }
};

/** `primingSamples`: of the last track, hidden at its beginning. */
export const initSegment = async (heads: TrackHead[], primingSamples: number): Promise<InitSegment> => {
  const written: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): void => void written.push(bytes.slice());
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'fragmented', onFtyp: keep, onMoov: keep }), target: new NullTarget() });
  const lanes = heads.map((head) => {
    const first = head.first.clone({ timestamp: 0, type: 'key' });
    if (head.kind === 'video') {
      const source = new EncodedVideoPacketSource(head.codec);
      output.addVideoTrack(source, { rotation: head.rotation });
      return () => source.add(first, { decoderConfig: head.config });
    }
    const source = new EncodedAudioPacketSource(head.codec);
    output.addAudioTrack(source);
    return () => source.add(first, { decoderConfig: head.config });
  });
  await output.start();
  for (const add of lanes) await add();
  await output.finalize();
  const [ftyp, moov] = written;
  if (!ftyp || !moov) throw new Error('the MP4 muxer wrote no initialisation');
  undate(moov);
  const body = moov.subarray(8);
  return { bytes: concat([ftyp, primingSamples > 0 ? makeBox('moov', body, primingNote(primingSamples)) : moov]), tracks: tracksIn(body) };
};

const SYNC = 0x0200_0000; // sample_depends_on = 2: needs no other
const NO_SYNC = 0x0101_0000; // depends on others, is no sync sample
const DEFAULT_BASE_IS_MOOF = 0x02_0000;
const TRUN = 0x1 | 0x100 | 0x200 | 0x400 | 0x800; // data offset; per sample: duration, size, flags, composition offset

/** One moof and its mdat. */
export const fragment = (sequence: number, lanes: { id: number; samples: Sample[] }[]): Uint8Array => {
  const filled = lanes.filter(({ samples }) => samples.length > 0);
  const moofWith = (offsets: number[]): Uint8Array =>
    makeBox(
      'moof',
      fullBox('mfhd', 0, 0, u32(sequence)),
      ...filled.map(({ id, samples }, lane) => {
        const base = new Uint8Array(8);
        viewOf(base).setBigUint64(0, BigInt(samples[0]?.decode ?? 0));
        const rows = samples.flatMap(({ data, key, decode, present, duration }) => [duration, data.length, key ? SYNC : NO_SYNC, present - decode]);
        return makeBox(
          'traf',
          fullBox('tfhd', 0, DEFAULT_BASE_IS_MOOF, u32(id)),
          fullBox('tfdt', 1, 0, base),
          fullBox('trun', 0, TRUN, u32(samples.length, offsets[lane] ?? 0, ...rows)),
        );
      }),
    );
  const moofBytes = moofWith([]).length;
  const offsets: number[] = [];
  let at = moofBytes + 8;
  for (const { samples } of filled) {
    offsets.push(at);
    at += samples.reduce((sum, { data }) => sum + data.length, 0);
  }
  return concat([moofWith(offsets), makeBox('mdat', ...filled.flatMap(({ samples }) => samples.map(({ data }) => data)))]);
};
