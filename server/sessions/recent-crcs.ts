// Crcs of the last chunks, so that a repeat is told from a conflict (P3) without touching the disk. Older repeats never come from
// an honest client: it resumes from `ready.lastSequence`.
export const RECENT_CHUNKS = 512;

export class RecentCrcs {
  readonly #sequences = new Float64Array(RECENT_CHUNKS).fill(-1);
  readonly #crcs = new Uint32Array(RECENT_CHUNKS);

  set(sequence: number, crc: number): void {
    this.#sequences[sequence % RECENT_CHUNKS] = sequence;
    this.#crcs[sequence % RECENT_CHUNKS] = crc;
  }

  /** null: too old to say, or declared lost */
  get(sequence: number): number | null {
    return this.#sequences[sequence % RECENT_CHUNKS] === sequence ? (this.#crcs[sequence % RECENT_CHUNKS] ?? null) : null;
  }
}
