// Bits, most significant first, as codec headers are written.

/** Reads past the end give zeros: header parsers check what they find. */
export class BitReader {
  readonly #bytes: Uint8Array;
  /** bits read so far */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bit(): number {
    const value = ((this.#bytes[this.at >> 3] ?? 0) >> (7 - (this.at & 7))) & 1;
    this.at += 1;
    return value;
  }

  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + this.bit();
    return value;
  }

  golomb(): number {
    let zeros = 0;
    while (zeros < 32 && this.bit() === 0) zeros += 1;
    return 2 ** zeros - 1 + this.bits(zeros);
  }
}
