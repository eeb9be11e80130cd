// Matroska that recorders seldom write, built by hand.
import { describe, expect, it } from 'vitest';
import { concat } from './bytes.ts';
import { ID } from './ebml.ts';
import type { WalkEvent } from './media.ts';
import { packetsOf, walkSlices } from '../testing/test-media.ts';
import { createWalker } from './walker.ts';

type Part = Uint8Array | number[] | string;
const bytesOf = (part: Part): Uint8Array => (typeof part === 'string' ? new TextEncoder().encode(part) : Uint8Array.from(part));
const idBytes = (id: number): number[] => [24, 16, 8, 0].map((shift) => (id >>> shift) & 0xff).filter((byte, i, all) => byte !== 0 || all.slice(0, i).some((before) => before !== 0));
const UNKNOWN = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const sized = (size: number): number[] => [0x10 | (size >>> 24), (size >>> 16) & 0xff, (size >>> 8) & 0xff, size & 0xff];
const el = (id: number, ...parts: Part[]): Uint8Array => {
  const body = concat(parts.map(bytesOf));
  return concat([bytesOf(idBytes(id)), bytesOf(sized(body.length)), body]);
};
const open = (id: number, ...parts: Part[]): Uint8Array => concat([bytesOf(idBytes(id)), bytesOf(UNKNOWN), ...parts.map(bytesOf)]);

const video = (number: number, ...more: Part[]): Uint8Array => el(ID.trackEntry, el(ID.trackNumber, [number]), el(ID.trackType, [1]), el(ID.codecId, 'V_VP8'), el(ID.video, el(ID.pixelWidth, [2, 0x80]), el(ID.pixelHeight, [1, 0xe0])), ...more);
const audio = (number: number, ...more: Part[]): Uint8Array => el(ID.trackEntry, el(ID.trackNumber, [number]), el(ID.trackType, [2]), el(ID.codecId, 'A_OPUS'), ...more);
const head = (...tracks: Uint8Array[]): Uint8Array => concat([el(ID.ebml, el(ID.docType, 'webm')), open(ID.segment, el(ID.info, el(ID.timestampScale, [0x0f, 0x42, 0x40])), el(ID.tracks, ...tracks))]);
const block = (track: Part, time: number, flags: number, ...data: Part[]): Uint8Array => concat([bytesOf(track), bytesOf([(time >> 8) & 0xff, time & 0xff, flags]), ...data.map(bytesOf)]);
/** Opus TOC: CELT, 20 ms, one frame */
const OPUS = 0xf8;

const walk = (bytes: Uint8Array, videoData = true): WalkEvent[] => {
  const walker = createWalker({ videoData });
  const events = [...walker.push(bytes), ...walker.end()];
  for (const size of [1, 3, 17]) expect(walkSlices(createWalker({ videoData }), bytes, () => size)).toEqual(events);
  return events;
};
const times = (events: WalkEvent[]) => packetsOf(events).map(({ startMs, durationMs, data }) => [startMs, durationMs, ...data]);
const damage = (events: WalkEvent[]) => events.filter(({ type }) => type === 'damage');

describe('[D3] loss right behind an initialisation', () => {
  it('the first cluster that is there is read with it', () => {
    const start = head(audio(1));
    const cluster = el(ID.cluster, el(ID.timestamp, [0x40, 0]), el(ID.simpleBlock, block([0x81], 0, 0x80, [OPUS, 7])));
    const walker = createWalker({ videoData: true });
    const events = [...walker.push(start)];
    walker.skipTo(start.length + 1_000);
    events.push(...walker.push(cluster), ...walker.end());
    expect(packetsOf(events).map(({ startMs, data }) => [startMs, ...data])).toEqual([[0x4000, OPUS, 7]]);
    expect(damage(events)).toEqual([expect.objectContaining({ byteStart: start.length, byteEnd: start.length + 1_000 })]);
  });
});

describe('[D2] Matroska', () => {
  it('takes Xiph, EBML and fixed lacing apart, each frame with its time', () => {
    const xiph = el(ID.simpleBlock, block([0x82], 0, 0x82, [2, 2, 3], [OPUS, 1], [OPUS, 2, 2], [OPUS]));
    const ebml = el(ID.simpleBlock, block([0x82], 100, 0x86, [2, 0x82, 0xc0], [OPUS, 1], [OPUS, 2, 2], [OPUS, 3]));
    const fixed = el(ID.simpleBlock, block([0x82], 200, 0x84, [1], [OPUS, 1], [OPUS, 2]));
    const events = walk(concat([head(video(1), audio(2)), open(ID.cluster, el(ID.timestamp, [10]), xiph, ebml, fixed)]));
    expect(damage(events)).toEqual([]);
    expect(times(events)).toEqual([
      [10, 20, OPUS, 1], [30, 20, OPUS, 2, 2], [50, 20, OPUS],
      [110, 20, OPUS, 1], [130, 20, OPUS, 2, 2], [150, 20, OPUS, 3],
      [210, 20, OPUS, 1], [230, 20, OPUS, 2],
    ]);
  });

  it('reads track numbers over 126, groups with durations and references, and known sizes', () => {
    const key = el(ID.blockGroup, el(ID.block, block([0x40, 0xc8], 0, 0, [1, 2])), el(ID.blockDuration, [40]));
    const delta = el(ID.blockGroup, el(ID.block, block([0x40, 0xc8], 40, 0, [3])), el(ID.referenceBlock, [0xd8]));
    const events = walk(concat([head(video(200)), el(ID.cluster, el(ID.timestamp, [5]), el(ID.prevSize, [9]), key, delta), el(ID.cues, [1, 2, 3]), el(ID.cluster, el(ID.timestamp, [99]), delta)]));
    expect(packetsOf(events).map(({ track, startMs, durationMs, key: isKey }) => [track, startMs, durationMs, isKey])).toEqual([[200, 5, 40, true], [200, 45, 0, false], [200, 139, 0, false]]);
    expect(damage(events)).toEqual([]);
  });

  it('does not take the id of Tracks inside SeekHead, or of Cluster inside a frame, for the element', () => {
    const seekHead = el(ID.seekHead, idBytes(ID.tracks), idBytes(ID.cluster));
    const frame = [...idBytes(ID.cluster), 0x81, 0xe7];
    const start = concat([el(ID.ebml, el(ID.docType, 'webm')), open(ID.segment, seekHead, el(ID.tracks, video(1)))]);
    const events = walk(concat([start, open(ID.cluster, el(ID.timestamp, [0]), el(ID.simpleBlock, block([0x81], 0, 0x80, frame)), el(ID.simpleBlock, block([0x81], 40, 0, [7])))]), false);
    expect(packetsOf(events).map(({ startMs, byteLength, key }) => [startMs, byteLength, key])).toEqual([[0, 6, true], [40, 1, false]]);
    expect(events.map(({ type }) => type)).toEqual(['init', 'fragment', 'packet', 'packet']);
  });

  it('puts stripped header bytes back, and takes the codec delay off the times', () => {
    const stripped = el(ID.contentEncodings, el(ID.contentEncoding, el(ID.contentCompression, el(ID.contentCompAlgo, [3]), el(ID.contentCompSettings, [OPUS, 9]))));
    const delay = el(ID.codecDelay, [0x63, 0x2e, 0xa0]);
    const bytes = concat([head(audio(1, stripped, delay)), open(ID.cluster, el(ID.timestamp, [0]), el(ID.simpleBlock, block([0x81], 0, 0x80, [5])))]);
    expect(times(walk(bytes))).toEqual([[-6.5, 20, OPUS, 9, 5]]);
    expect(packetsOf(walk(bytes))[0]).toMatchObject({ byteLength: 1, byteStart: bytes.length - 1 });
  });

  it('refuses encrypted and otherwise compressed tracks, other documents and streams without tracks', () => {
    const encrypted = el(ID.contentEncodings, el(ID.contentEncoding, el(ID.contentEncodingType, [1])));
    const zlib = el(ID.contentEncodings, el(ID.contentEncoding, el(ID.contentCompression, el(ID.contentCompAlgo, [0]))));
    const after = open(ID.cluster, el(ID.timestamp, [0]));
    const walking = (bytes: Uint8Array) => () => walk(concat([bytes, after]));
    expect(walking(head(video(1, encrypted)))).toThrow(expect.objectContaining({ code: 'unsupported', message: expect.stringContaining('encrypted') }));
    expect(walking(head(video(1, zlib)))).toThrow(expect.objectContaining({ code: 'unsupported' }));
    expect(walking(head())).toThrow(expect.objectContaining({ code: 'unsupported' }));
    expect(walking(el(ID.ebml, el(ID.docType, 'doc')))).toThrow(expect.objectContaining({ code: 'unsupported' }));
    expect(walking(head(...Array.from({ length: 65 }, (_, i) => video(i + 1))))).toThrow(expect.objectContaining({ code: 'limit' }));
  });

  it('steps over a track nobody named and an unknown element, and says so', () => {
    const events = walk(concat([head(video(1)), open(ID.cluster, el(ID.timestamp, [0]), el(ID.simpleBlock, block([0x85], 0, 0x80, [1])), el(0x4dbb, [1, 2]), el(ID.simpleBlock, block([0x81], 0, 0x80, [1])))]));
    expect(damage(events).map((event) => event.type === 'damage' && event.message)).toEqual([expect.stringContaining('track 5'), expect.stringContaining('0x4dbb')]);
    expect(packetsOf(events)).toHaveLength(1);
  });

  it('[D3] takes a cluster whose size is wrong for damage and goes on at the next', () => {
    const good = el(ID.cluster, el(ID.timestamp, [9]), el(ID.simpleBlock, block([0x81], 0, 0x80, [1])));
    const bad = el(ID.cluster, el(ID.timestamp, [1]), el(ID.simpleBlock, block([0x81], 0, 0x80, [1])));
    bad[7] = (bad[7] ?? 0) + 3;
    const events = walk(concat([head(video(1)), bad, good, good]));
    expect(packetsOf(events).map(({ startMs }) => startMs)).toEqual([1, 9, 9]);
  });

  it('says that a stream ends inside a packet', () => {
    const bytes = concat([head(video(1)), open(ID.cluster, el(ID.timestamp, [0]), el(ID.simpleBlock, block([0x81], 0, 0x80, [1, 2, 3, 4])))]);
    for (const videoData of [true, false]) {
      const events = walk(bytes.subarray(0, bytes.length - 2), videoData);
      expect(packetsOf(events)).toEqual([]);
      expect(damage(events)).toMatchObject([{ byteEnd: bytes.length - 2 }]);
    }
  });
});
