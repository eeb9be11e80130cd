// The ways fragmented MP4 is written: by FFmpeg's other modes, by mediabunny, and by hand.
import { readFileSync } from 'node:fs';
import { ALL_FORMATS, BufferSource, BufferTarget, Conversion, Input, Mp4OutputFormat, Output } from 'mediabunny';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concat, viewOf } from './bytes.ts';
import type { WalkEvent } from './media.ts';
import { ffmpeg, makeMp4, packetsOf, temporaryFolder, walkSlices } from '../testing/test-media.ts';
import { createWalker } from './walker.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const source = folder.path('source.mp4');
beforeAll(() => makeMp4(source, 3));

const walk = (bytes: Uint8Array): WalkEvent[] => {
  const walker = createWalker({ videoData: true });
  const events = [...walker.push(bytes), ...walker.end()];
  expect(walkSlices(createWalker({ videoData: true }), bytes, () => 777)).toEqual(events);
  return events;
};
/** each track by itself: how tracks interleave is up to the writer */
const perTrack = (events: WalkEvent[], withTimes = true) => {
  const packets = packetsOf(events).map(({ kind, startMs, byteLength, key }) => ({ kind, startMs: withTimes ? startMs.toFixed(1) : '', byteLength, key }));
  return [packets.filter(({ kind }) => kind === 'video'), packets.filter(({ kind }) => kind === 'audio')];
};
const read = (file: string): WalkEvent[] => walk(new Uint8Array(readFileSync(file)));
const damage = (events: WalkEvent[]) => events.filter(({ type }) => type === 'damage');

const u32 = (...values: number[]): Uint8Array => {
  const bytes = new Uint8Array(4 * values.length);
  for (const [i, value] of values.entries()) viewOf(bytes).setUint32(4 * i, value >>> 0);
  return bytes;
};
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const box = (type: string, ...parts: Uint8Array[]): Uint8Array => {
  const body = concat(parts);
  return concat([u32(body.length + 8), ascii(type), body]);
};

/** One VP8 track, timescale 1000, an edit list of 500 ms of nothing and then media time 40. */
const moov = (): Uint8Array => {
  const entry = box('vp08', new Uint8Array(24), new Uint8Array([1, 0x40, 0, 0xb4]), new Uint8Array(50), box('vpcC', u32(0x01000000, 0)));
  const stbl = box('stbl', box('stsd', u32(0, 1), entry), box('stsz', u32(0, 0, 0)));
  const mdia = box('mdia', box('mdhd', u32(0, 0, 0, 1000, 0, 0)), box('hdlr', u32(0, 0), ascii('vide'), new Uint8Array(13)), box('minf', stbl));
  const edits = box('edts', box('elst', u32(0, 2, 500, -1, 0x10000, 0, 40, 0x10000)));
  return box('moov', box('mvhd', u32(0, 0, 0, 1000, 0), new Uint8Array(80)), box('trak', box('tkhd', u32(0, 0, 0, 1), new Uint8Array(68)), edits, mdia), box('mvex', box('trex', u32(0, 1, 1, 25, 0, 0x10000))));
};

describe('[D2] fragmented MP4', () => {
  it('gives the same packets for explicit base offsets, one moof per track, a fragment per frame, DASH and CMAF', async () => {
    const expected = perTrack(read(source));
    const modes = ['frag_keyframe+empty_moov+delay_moov', 'frag_keyframe+empty_moov+delay_moov+separate_moof', 'frag_every_frame+empty_moov+delay_moov+default_base_moof', 'dash+frag_keyframe+empty_moov+delay_moov', 'frag_keyframe+empty_moov+delay_moov+omit_tfhd_offset'];
    for (const mode of modes) {
      const file = folder.path('mode.mp4');
      await ffmpeg('-i', source, '-c', 'copy', '-movflags', mode, '-use_editlist', '1', '-avoid_negative_ts', 'disabled', '-f', 'mp4', file);
      const events = read(file);
      expect([mode, ...perTrack(events, false)]).toEqual([mode, ...perTrack(read(source), false)]);
      expect([mode, ...damage(events)]).toEqual([mode]);
    }
    expect(expected.map(({ length }) => length > 50)).toEqual([true, true]);
  });

  it('reads what mediabunny writes', async () => {
    const target = new BufferTarget();
    const input = new Input({ source: new BufferSource(readFileSync(source)), formats: ALL_FORMATS });
    const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'fragmented' }), target });
    await (await Conversion.init({ input, output, showWarnings: false })).execute();
    const events = walk(new Uint8Array(target.buffer ?? new ArrayBuffer(0)));
    expect(damage(events)).toEqual([]);
    expect(perTrack(events, false)).toEqual(perTrack(read(source), false));
  });

  it('reads 64-bit mdat, several runs, first-sample flags, signed offsets and leading empty edits', () => {
    const flags = 0x1 | 0x4 | 0x200 | 0x800;
    const run = (offset: number, first: number, ...samples: number[]) => box('trun', u32((1 << 24) | flags, samples.length / 2, offset, first, ...samples));
    const make = (offset: number) => box('moof', box('mfhd', u32(0, 1)), box('traf', box('tfhd', u32(0x20000, 1)), box('tfdt', u32(0, 1000)), run(offset, 0x2000000, 2, 0, 3, -5), run(offset + 5, 0x10000, 1, 10)));
    const moof = make(make(0).length + 16);
    const mdat = concat([u32(1), ascii('mdat'), u32(0, 16 + 6), Uint8Array.of(1, 2, 3, 4, 5, 6)]);
    const events = walk(concat([box('ftyp', ascii('iso5'), u32(0)), moov(), box('styp', ascii('msdh')), box('sidx', new Uint8Array(20)), box('emsg', new Uint8Array(9)), moof, mdat, box('mfra', new Uint8Array(4))]));
    expect(damage(events)).toEqual([]);
    expect(packetsOf(events).map(({ startMs, durationMs, key, data }) => [startMs, durationMs, key, ...data])).toEqual([
      [1460, 25, true, 1, 2],
      [1480, 25, false, 3, 4, 5],
      [1520, 25, false, 6],
    ]);
    expect(events.find(({ type }) => type === 'init')).toMatchObject({ init: { tracks: [{ codec: 'vp8', width: 320, height: 180 }] } });
  });

  it('does not believe a run of four billion samples without fields', () => {
    const moof = box('moof', box('mfhd', u32(0, 1)), box('traf', box('tfhd', u32(0x20000, 1)), box('trun', u32(0, 0xffffffff))));
    const events = walk(concat([box('ftyp', ascii('iso5'), u32(0)), moov(), moof, box('mdat', new Uint8Array(10))]));
    expect(damage(events)).toMatchObject([{ message: expect.stringContaining('a trun of 4294967295 samples') }]);
  });
});
