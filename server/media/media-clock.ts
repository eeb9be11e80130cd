// Where decoded sound lies in time. Samples run steadily; the times beside them are rounded and, in some recorders, jitter by
// 200 ms (Chrome 52 stamps packets when they arrive). So a clock is believed as far as it is steady: one that never jittered
// at once, a jittery one when it has been off for a whole second, and any one at 400 ms.

const WINDOW_MS = 1000;
const STEADY_MS = 5;
/** below this a steady clock's offset is rounding; one lost packet of 20 ms is above it */
const STEADY_TOLERANCE_MS = 15;
/** a jittery clock's offset must last a second and exceed its jitter, within these bounds */
const LEAST_TOLERANCE_MS = 30;
const MOST_TOLERANCE_MS = 100;
const CERTAIN_MS = 400;
/** per block: how slowly past jitter is forgotten */
const FORGET = 0.999;

/** Told of each block's offset (its time minus where the samples are), says by how much to move: silence in (+), sound out (−), ms. */
export class MediaClock {
  #history: { atMs: number; offsetMs: number }[] = [];
  #jitterMs = 0;

  correction(atMs: number, offsetMs: number): number {
    const { least, most, whole } = this.#range(atMs);
    const steady = whole && Math.max(most - least, this.#jitterMs) <= STEADY_MS;
    let move = 0;
    if (Math.abs(offsetMs) >= CERTAIN_MS) {
      move = offsetMs;
      this.#history = [];
    } else if (steady) {
      if (Math.abs(offsetMs) > STEADY_TOLERANCE_MS) move = offsetMs;
    } else if (whole) {
      const tolerance = Math.min(MOST_TOLERANCE_MS, Math.max(LEAST_TOLERANCE_MS, this.#jitterMs));
      if (Math.min(least, offsetMs) > tolerance) move = Math.min(least, offsetMs);
      else if (Math.max(most, offsetMs) < -tolerance) move = Math.max(most, offsetMs);
      for (const past of this.#history) past.offsetMs -= move;
    }
    this.#jitterMs = Math.max(this.#jitterMs * FORGET, this.#history.length > 0 ? most - least : 0);
    this.#history.push({ atMs, offsetMs: offsetMs - move });
    while (this.#history[0] && this.#history[0].atMs < atMs - WINDOW_MS) this.#history.shift();
    return move;
  }

  /** Offsets of the last second; `whole` once there has been one. */
  #range(atMs: number): { least: number; most: number; whole: boolean } {
    let least = Infinity;
    let most = -Infinity;
    for (const { offsetMs } of this.#history) {
      least = Math.min(least, offsetMs);
      most = Math.max(most, offsetMs);
    }
    const first = this.#history[0];
    return { least, most, whole: first !== undefined && first.atMs <= atMs - 0.8 * WINDOW_MS };
  }
}
