// `moof`: which bytes of the stream are samples, of which track, at what time (ISO/IEC 14496-12 §8.8).
import { box, boxes, Fields } from './boxes.ts';
import { EMPTY, malformed } from './bytes.ts';
import type { Packet } from './media.ts';
import type { Mp4Track, SampleDefaults } from './mp4-init.ts';

/** A fragment of more samples is not believed: that would be half an hour of sound and picture in one fragment. */
export const MAX_SAMPLES = 200_000;

/** A packet whose data lies at `byteStart`; `data` is filled in when it is read. */
export type Sample = Packet;

const NON_SYNC = 0x10000;
const DEPENDS_ON_OTHERS = 0x1000000;

/** Where data offsets count from, and the time the next fragment starts at where it does not say (media timescale). */
export type FragmentPlace = { moofStart: number; fileStart: number; nextTime: Map<number, number> };

type Run = { track: Mp4Track; body: Uint8Array; defaults: SampleDefaults; base: number; from: number; time: number };

const byPlace = (a: Sample, b: Sample): number => a.byteStart - b.byteStart;

/** One `trun`; returns where its data and its time end. */
const readRun = (run: Run, out: Sample[]): { byteEnd: number; time: number } => {
  const field = new Fields(run.body);
  const { flags } = field;
  const count = field.u32();
  let at = flags & 0x1 ? run.base + field.i32() : run.from;
  const firstFlags = flags & 0x4 ? field.u32() : null;
  const perSample = 4 * (Number((flags & 0x100) > 0) + Number((flags & 0x200) > 0) + Number((flags & 0x400) > 0) + Number((flags & 0x800) > 0));
  if (count * perSample > field.left() || out.length + count > MAX_SAMPLES) throw malformed(`a trun of ${count} samples`);
  const { track, timescale, shiftMs } = run.track;
  let time = run.time;
  for (let i = 0; i < count; i++) {
    const duration = flags & 0x100 ? field.u32() : run.defaults.duration;
    const size = flags & 0x200 ? field.u32() : run.defaults.size;
    const own = flags & 0x400 ? field.u32() : run.defaults.flags;
    const sampleFlags = i === 0 && firstFlags !== null ? firstFlags : own;
    // version 0 says unsigned, but writers put negative offsets there too
    const offset = flags & 0x800 ? field.i32() : 0;
    out.push({
      track: track.number, kind: track.kind,
      startMs: ((time + offset) / timescale) * 1000 - shiftMs,
      durationMs: (duration / timescale) * 1000,
      key: track.kind !== 'video' || (sampleFlags & (NON_SYNC | DEPENDS_ON_OTHERS)) === 0,
      byteStart: at, byteLength: size, data: EMPTY,
    });
    time += duration;
    at += size;
  }
  return { byteEnd: at, time };
};

/** Samples of a whole `moof` body in the order of their bytes. */
export const readMoof = (moof: Uint8Array, tracks: Map<number, Mp4Track>, place: FragmentPlace): Sample[] => {
  const samples: Sample[] = [];
  let previousEnd = place.moofStart;
  for (const { type, body } of boxes(moof)) {
    if (type !== 'traf') continue;
    const tfhdBody = box(body, 'tfhd');
    if (!tfhdBody) throw malformed('a traf without tfhd');
    const tfhd = new Fields(tfhdBody);
    const number = tfhd.u32();
    const track = tracks.get(number);
    if (!track) throw malformed(`a fragment of track ${number}, which moov does not name`);
    const explicitBase = tfhd.flags & 0x1 ? place.fileStart + tfhd.u64() : null;
    if (tfhd.flags & 0x2) tfhd.u32();
    const defaults = {
      duration: tfhd.flags & 0x8 ? tfhd.u32() : track.defaults.duration,
      size: tfhd.flags & 0x10 ? tfhd.u32() : track.defaults.size,
      flags: tfhd.flags & 0x20 ? tfhd.u32() : track.defaults.flags,
    };
    const base = explicitBase ?? (tfhd.flags & 0x20000 ? place.moofStart : previousEnd);
    const tfdtBody = box(body, 'tfdt');
    const tfdt = tfdtBody && new Fields(tfdtBody);
    let time = tfdt ? (tfdt.version === 1 ? tfdt.u64() : tfdt.u32()) : (place.nextTime.get(number) ?? 0);
    let from = base;
    for (const inner of boxes(body)) {
      if (inner.type !== 'trun') continue;
      const end = readRun({ track, body: inner.body, defaults, base, from, time }, samples);
      [from, time] = [end.byteEnd, end.time];
    }
    place.nextTime.set(number, time);
    previousEnd = from;
  }
  return samples.sort(byPlace);
};
