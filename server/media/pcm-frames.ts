// Puts sound on the session's time axis and cuts it into frames of 100 ms. Pure; the same blocks give the same frames however they
// were batched.
import { MediaClock } from './media-clock.ts';

export const PCM_RATE = 16_000;
export const FRAME_SAMPLES = 1600;

/** Decoded sound: `channels` of equal length, the first sample at `startMs`. */
export type PcmBlock = { startMs: number; channels: Float32Array[] };

/** A hole longer than this is not filled: the frames go on after it. 5 min is 3,000 frames of silence. */
export const LONGEST_FILL_MS = 300_000;

export type PcmFrameSink = (startMs: number, channels: Float32Array[]) => void;

/** Frames lie on the grid of whole tenths of a second. What is missing is silence, what comes twice is dropped. */
export class PcmFramer {
  readonly #frame: Float32Array[];
  readonly #sink: PcmFrameSink;
  /** session sample of the frame being filled, and how much of it is */
  #frameAt = -1;
  #filled = 0;
  readonly #clock = new MediaClock();
  readonly #perMs: number;
  readonly #length: number;

  /** The arrays given to `sink` are reused: copy to keep. `rate`: samples a second, a multiple of ten. */
  constructor(channels: number, sink: PcmFrameSink, rate = PCM_RATE) {
    this.#perMs = rate / 1000;
    this.#length = rate / 10;
    this.#frame = Array.from({ length: channels }, () => new Float32Array(this.#length));
    this.#sink = sink;
  }

  push(block: PcmBlock): void {
    const start = Math.round(block.startMs * this.#perMs);
    const length = block.channels[0]?.length ?? 0;
    // what lies before the session (a codec's lead-in) is not heard
    const before = Math.max(0, -start);
    if (before >= length) return;
    const at = start + before;
    if (this.#frameAt < 0) {
      this.#frameAt = at - (at % this.#length);
      this.#filled = at % this.#length;
    }
    const here = this.#frameAt + this.#filled;
    const move = Math.round(this.#clock.correction(here / this.#perMs, (at - here) / this.#perMs) * this.#perMs);
    if (move > LONGEST_FILL_MS * this.#perMs) this.#jump(at);
    else if (move > 0) this.#silence(move);
    this.#append(block.channels, before + Math.max(0, -move), length);
  }

  /** The last frame, padded with silence. */
  end(): void {
    if (this.#frameAt >= 0 && this.#filled > 0) this.#emit();
  }

  #jump(at: number): void {
    if (this.#filled > 0) this.#emit();
    this.#frameAt = at - (at % this.#length);
    this.#filled = at % this.#length;
  }

  #silence(samples: number): void {
    let left = samples;
    while (left > 0) {
      const step = Math.min(left, this.#length - this.#filled);
      this.#filled += step;
      left -= step;
      if (this.#filled === this.#length) this.#emit();
    }
  }

  #append(channels: Float32Array[], from: number, to: number): void {
    let at = from;
    while (at < to) {
      const step = Math.min(to - at, this.#length - this.#filled);
      for (const [i, target] of this.#frame.entries()) {
        const source = channels[i];
        if (source) target.set(source.subarray(at, at + step), this.#filled);
      }
      this.#filled += step;
      at += step;
      if (this.#filled === this.#length) this.#emit();
    }
  }

  #emit(): void {
    this.#sink(this.#frameAt / this.#perMs, this.#frame);
    for (const channel of this.#frame) channel.fill(0);
    this.#frameAt += this.#length;
    this.#filled = 0;
  }
}

/** Mean of the channels that carry programme (all but low frequency effects), into `target`. */
export const mixDown = (channels: Float32Array[], weights: number[], target: Float32Array): Float32Array => {
  const heard = channels.filter((_, i) => weights[i] !== 0);
  const [first, second] = heard;
  if (!first) return target.fill(0);
  if (heard.length === 2 && second) {
    for (let i = 0; i < target.length; i++) target[i] = (first[i]! + second[i]!) / 2;
    return target;
  }
  target.set(first);
  for (const channel of heard.slice(1)) for (let i = 0; i < target.length; i++) target[i]! += channel[i]!;
  if (heard.length > 1) for (let i = 0; i < target.length; i++) target[i]! /= heard.length;
  return target;
};
