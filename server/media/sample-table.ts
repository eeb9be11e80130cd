// The samples of one track of an MP4, as its tables tell them: when each is decoded and presented, its size, its place
// (ISO/IEC 14496-12 §8.6 and §8.7).
import { MediaError } from '../errors.ts';
import { fullBox, u32, u32s } from './boxes.ts';
import { malformed } from './bytes.ts';

const MAX_SAMPLES = 10_000_000;
/** times beyond are nobody's, and their ticks would leave 64 bits */
const MAX_MS = 1e15;

export type Sample = { startMs: number; durationMs: number; key: boolean; bytes: number };

/** Number and value of each run of equal values. */
const runsOf = (values: ArrayLike<number>): number[] => {
  const runs: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!; // i < length
    if (runs.length > 0 && runs.at(-1) === value) runs[runs.length - 2]! += 1; // runs are pairs
    else runs.push(1, value);
  }
  return runs;
};

/**
 * The tables know no presentation time, only a decode time and an offset from it, and recordings have no decode times: within a group
 * of pictures they are the presentation times in order.
 */
const decodeTimes = (present: Float64Array, keys: readonly number[]): Float64Array => {
  const decode = present.slice();
  if (keys.length < decode.length) for (const [i, key] of keys.entries()) decode.subarray(key, keys[i + 1]).sort();
  return decode;
};

// Loops, here and below: a closure of a clip's own is compiled anew for each clip and leaves its code behind.
const inTicks = (ms: readonly number[], startMs: number, timescale: number): Float64Array => {
  const ticks = new Float64Array(ms.length);
  for (let i = 0; i < ms.length; i++) ticks[i] = Math.round(((ms[i]! - startMs) / 1000) * timescale); // i < length
  return ticks;
};

/** How long after each value the next one comes, `end` after the last. */
const untilNext = (values: Float64Array, end: number): Float64Array => {
  const lengths = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) lengths[i] = (values[i + 1] ?? end) - values[i]!;
  return lengths;
};

const differences = (values: Float64Array, from: Float64Array): Float64Array => {
  const differing = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) differing[i] = values[i]! - from[i]!; // as many
  return differing;
};

const minMax = (values: ArrayLike<number>): [least: number, greatest: number] => {
  let [least, greatest] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    least = Math.min(least, values[i]!);
    greatest = Math.max(greatest, values[i]!);
  }
  return [least, greatest];
};

export class SampleTable {
  /** of the first sample, before which none is presented */
  startMs = 0;
  endMs = -Infinity;
  readonly #startsMs: number[] = [];
  readonly #sizes: number[] = [];
  readonly #keys: number[] = [];
  readonly #chunkAt: number[] = [];
  readonly #chunkSamples: number[] = [];
  #chunked = 0;

  get count(): number {
    return this.#sizes.length;
  }

  /** In decode order; none is presented before the group of pictures before its own has ended. */
  add({ startMs, durationMs, key, bytes }: Sample): void {
    if (!(Math.abs(startMs) < MAX_MS && durationMs >= 0 && durationMs < MAX_MS)) throw malformed(`a packet at ${startMs} ms that lasts ${durationMs} ms`);
    if (this.count === MAX_SAMPLES) throw new MediaError('limit', `more than ${MAX_SAMPLES} packets of one track in a clip`);
    if (this.count === 0) this.startMs = startMs;
    this.endMs = Math.max(this.endMs, startMs + durationMs);
    if (key) this.#keys.push(this.count);
    this.#startsMs.push(startMs);
    this.#sizes.push(bytes);
  }

  /** The samples added since the last chunk lie together, from this byte of the media on. */
  endChunk(at: number): void {
    if (this.#chunked === this.count) return;
    this.#chunkAt.push(at);
    this.#chunkSamples.push(this.count - this.#chunked);
    this.#chunked = this.count;
  }

  /** `stbl` without its sample descriptions. The media begin at byte `mediaAt` of the file. */
  boxes(timescale: number, mediaAt: number): Uint8Array[] {
    return [...this.#times(timescale), ...this.#places(mediaAt), ...(this.#keys.length < this.count ? [fullBox('stss', 0, 0, u32(this.#keys.length), u32s(this.#keys.map((key) => key + 1)))] : [])];
  }

  #times(timescale: number): Uint8Array[] {
    const present = inTicks(this.#startsMs, this.startMs, timescale);
    const decode = decodeTimes(present, this.#keys);
    const end = Math.max(inTicks([this.endMs], this.startMs, timescale)[0] ?? 0, decode.at(-1) ?? 0);
    const durations = untilNext(decode, end);
    // what the last packet claims beyond a day is not worth the clip
    durations[durations.length - 1] = Math.min(durations.at(-1) ?? 0, 2 ** 32 - 1);
    const offsets = differences(present, decode);
    const [least, greatest] = minMax(offsets);
    const [, longest] = minMax(durations);
    if (longest >= 2 ** 32 || greatest >= 2 ** 31 || -least > 2 ** 31) throw malformed(`packets of one track ${Math.round(longest / timescale)} s apart`);
    const stts = runsOf(durations);
    if (least === 0 && greatest === 0) return [fullBox('stts', 0, 0, u32(stts.length / 2), u32s(stts))];
    const ctts = runsOf(offsets);
    // QuickTime needs cslg where offsets are negative, and reads only 32 bits
    const cslg = end < 2 ** 31 ? [fullBox('cslg', 0, 0, u32(Math.max(0, -least), least, greatest, 0, end))] : [];
    return [fullBox('stts', 0, 0, u32(stts.length / 2), u32s(stts)), fullBox('ctts', 1, 0, u32(ctts.length / 2), u32s(ctts)), ...cslg];
  }

  #places(mediaAt: number): Uint8Array[] {
    const stsc: number[] = [];
    for (const [i, samples] of this.#chunkSamples.entries()) if (stsc.at(-2) !== samples) stsc.push(i + 1, samples, 1);
    const at = this.#chunkAt.map((chunk) => chunk + mediaAt);
    const long = (at.at(-1) ?? 0) >= 2 ** 32;
    return [
      fullBox('stsc', 0, 0, u32(stsc.length / 3), u32s(stsc)),
      fullBox('stsz', 0, 0, u32(0, this.count), u32s(this.#sizes)),
      fullBox(long ? 'co64' : 'stco', 0, 0, u32(at.length), u32s(long ? at.flatMap((chunk) => [Math.floor(chunk / 2 ** 32), chunk % 2 ** 32]) : at)),
    ];
  }
}
