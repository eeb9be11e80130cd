// Cuts sound into windows at silence (rules B): 5–15 s, each sample in exactly one of them, silence told apart by an energy gate. Pure.

export const RATE = 16_000;
const FRAME_MS = 100;
const FRAME = (RATE * FRAME_MS) / 1000;
/** a pause ends a window that has at least this much … */
const MIN_FRAMES = 50;
/** … and nothing is longer than this */
const MAX_FRAMES = 150;
/** frames of silence that count as a pause */
const PAUSE_FRAMES = 3;
/** speech stands this far above the quietest sound of late, and is never softer than −55 dBFS */
const ABOVE_FLOOR = 3;
const SOFTEST = 0.0018;
/** the floor rises by 3 dB in 10 s, and falls at once; it begins so low that speech from the first moment on counts */
const FLOOR_RISE = 1.0035;
const LOWEST_FLOOR = 1e-5;
/** sound that begins further than this from where the last ended is a jump */
const JUMP_MS = 250;

/** [fromMs, untilMs): `pcm` is null where nobody spoke. */
export type SoundWindow = { fromMs: number; untilMs: number; pcm: Float32Array | null };

type Frame = { pcm: Float32Array; level: number; speech: boolean };

const levelOf = (pcm: Float32Array): number => Math.sqrt(pcm.reduce((sum, value) => sum + value * value, 0) / Math.max(1, pcm.length));

export class SpeechWindows {
  #frames: Frame[] = [];
  #rest = new Float32Array(0);
  #fromMs: number | null = null;
  #floor = SOFTEST / ABOVE_FLOOR;

  /** Sound in order; `atMs` is where it begins. Returns the windows that are complete. */
  push(pcm: Float32Array, atMs: number): SoundWindow[] {
    const jumped = this.#fromMs !== null && Math.abs(atMs - this.#endMs) > JUMP_MS;
    const windows = jumped ? this.flush() : [];
    this.#fromMs ??= atMs;
    const joined = new Float32Array(this.#rest.length + pcm.length);
    joined.set(this.#rest);
    joined.set(pcm, this.#rest.length);
    let at = 0;
    for (; at + FRAME <= joined.length; at += FRAME) {
      this.#hear(joined.slice(at, at + FRAME));
      const count = this.#cut();
      if (count > 0) windows.push(this.#take(count));
    }
    this.#rest = joined.slice(at);
    return windows;
  }

  /** What is left, as it stands. */
  flush(): SoundWindow[] {
    if (this.#rest.length > 0) this.#hear(this.#rest);
    this.#rest = new Float32Array(0);
    const windows = this.#frames.length > 0 ? [this.#take(this.#frames.length)] : [];
    this.#fromMs = null;
    return windows;
  }

  get #endMs(): number {
    return (this.#fromMs ?? 0) + this.#frames.length * FRAME_MS + (this.#rest.length / RATE) * 1000;
  }

  #hear(pcm: Float32Array): void {
    const level = levelOf(pcm);
    this.#floor = Math.max(LOWEST_FLOOR, Math.min(level, this.#floor * FLOOR_RISE));
    this.#frames.push({ pcm, level, speech: level > Math.max(SOFTEST, this.#floor * ABOVE_FLOOR) });
  }

  /** How many frames the next window takes; 0: wait for more. */
  #cut(): number {
    const count = this.#frames.length;
    if (count >= MIN_FRAMES && this.#frames.slice(-PAUSE_FRAMES).every(({ speech }) => !speech)) return count - 1;
    if (count < MAX_FRAMES) return 0;
    // nobody pauses: at the quietest place of the last two thirds
    let quietest = count;
    for (let at = MIN_FRAMES; at < count; at++) if (this.#frames[at]!.level < (this.#frames[quietest]?.level ?? Infinity)) quietest = at; // at < count
    return quietest;
  }

  #take(count: number): SoundWindow {
    const frames = this.#frames.splice(0, count);
    const samples = frames.reduce((sum, { pcm }) => sum + pcm.length, 0);
    const fromMs = this.#fromMs ?? 0;
    const untilMs = fromMs + (samples / RATE) * 1000;
    this.#fromMs = untilMs;
    if (!frames.some(({ speech }) => speech)) return { fromMs, untilMs, pcm: null };
    const pcm = new Float32Array(samples);
    let at = 0;
    for (const frame of frames) {
      pcm.set(frame.pcm, at);
      at += frame.pcm.length;
    }
    return { fromMs, untilMs, pcm };
  }
}
