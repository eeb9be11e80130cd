// Bytes of one stream between two pushes. What is stepped over is never stored; what is looked at is joined only when it
// spans two slices.

/** Smaller slices are gathered into blocks, so that a stream sent byte by byte does not become a list of one-byte arrays. */
const SMALL_BYTES = 2048;
const BLOCK_BYTES = 16 * 1024;

export class ByteQueue {
  /** stream offset of the next byte to be looked at */
  position: number;
  /** bytes already stepped over that have not arrived yet */
  debt = 0;
  /** bytes that can be looked at */
  length = 0;
  #slices: Uint8Array[] = [];
  #block: Uint8Array = new Uint8Array(0);
  #blockTo = 0;

  constructor(position = 0) {
    this.position = position;
  }

  /** stream offset after the last byte pushed */
  get arrived(): number {
    return this.position + this.length - this.debt;
  }

  /** The queue may keep views into `bytes` until `own`: they must not be written to meanwhile. */
  push(bytes: Uint8Array): void {
    const owed = Math.min(this.debt, bytes.length);
    this.debt -= owed;
    const rest = owed === 0 ? bytes : bytes.subarray(owed);
    if (rest.length === 0) return;
    this.length += rest.length;
    if (rest.length < SMALL_BYTES) this.#gather(rest);
    else this.#slices.push(rest);
  }

  /** Copies what is left of the slice pushed last, so that its memory may be used again. */
  own(bytes: Uint8Array): void {
    const last = this.#slices.length - 1;
    const slice = this.#slices[last];
    if (slice?.buffer === bytes.buffer) this.#slices[last] = new Uint8Array(slice);
  }

  skip(count: number): void {
    this.position += count;
    let left = count;
    while (left > 0) {
      const first = this.#slices[0];
      if (!first) break;
      const take = Math.min(left, first.length);
      left -= take;
      this.length -= take;
      if (take === first.length) this.#slices.shift();
      else this.#slices[0] = first.subarray(take);
    }
    this.debt += left;
  }

  /** At most `count` bytes from the head, fewer when fewer are here. */
  head(count: number): Uint8Array {
    const wanted = Math.min(count, this.length);
    const first = this.#slices[0];
    if (!first || wanted === 0) return new Uint8Array(0);
    return (first.length >= wanted ? first : this.#join(wanted)).subarray(0, wanted);
  }

  /** Exactly `count` bytes from the head, or null while they are not all here. */
  peek(count: number): Uint8Array | null {
    return this.length < count ? null : this.head(count);
  }

  /** Forgets everything; the next byte pushed is at `position`. */
  restart(position: number): void {
    this.position = position;
    this.debt = 0;
    this.length = 0;
    this.#slices = [];
  }

  #gather(bytes: Uint8Array): void {
    const last = this.#slices.at(-1);
    const growing = last !== undefined && last.buffer === this.#block.buffer && last.byteOffset + last.length === this.#blockTo;
    let from = this.#blockTo;
    if (this.#blockTo + bytes.length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#blockTo = 0;
      from = 0;
    } else if (growing) {
      from = last.byteOffset;
      this.#slices.pop();
    }
    this.#block.set(bytes, this.#blockTo);
    this.#blockTo += bytes.length;
    this.#slices.push(this.#block.subarray(from, this.#blockTo));
  }

  #join(count: number): Uint8Array {
    const joined = new Uint8Array(count);
    let filled = 0;
    let used = 0;
    for (const slice of this.#slices) {
      const part = slice.subarray(0, count - filled);
      joined.set(part, filled);
      filled += part.length;
      if (part.length < slice.length) {
        this.#slices[used] = slice.subarray(part.length);
        break;
      }
      used += 1;
      if (filled === count) break;
    }
    this.#slices.splice(0, used, joined);
    return joined;
  }
}
