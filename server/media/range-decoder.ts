// The entropy decoder of Opus: RFC 6716 §4.1. Past either end of the frame it reads zeros, as the standard says.

const CODE_BITS = 32;
const SYMBOL_BITS = 8;
/** bits of the code left over by whole symbols */
const EXTRA = ((CODE_BITS - 2) % SYMBOL_BITS) + 1;
const MASK = 0x7fffffff;
const BOTTOM = 2 ** (CODE_BITS - 1 - SYMBOL_BITS);

/** One for many frames: `begin` sets it to the start of the next. Any bytes decode to something; nothing throws. */
export class RangeDecoder {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** raw bits: next byte from the back, bits read of it and not used */
  #from = 0;
  #back = 0;
  #window = 0;
  #held = 0;
  #remainder = 0;
  #range = 0;
  #value = 0;
  /** bits taken from the frame, those still in `#range` included */
  #bits = 0;

  begin(bytes: Uint8Array, from: number, to: number): void {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
    this.#from = from;
    this.#back = to;
    this.#window = 0;
    this.#held = 0;
    this.#bits = CODE_BITS + 1 - Math.floor((CODE_BITS - EXTRA) / SYMBOL_BITS) * SYMBOL_BITS;
    this.#range = 1 << EXTRA;
    this.#remainder = this.#next();
    this.#value = this.#range - 1 - (this.#remainder >> (SYMBOL_BITS - EXTRA));
    this.#normalise();
  }

  /** Whole bits used so far, rounded up. */
  tell(): number {
    return this.#bits - (32 - Math.clz32(this.#range));
  }

  /** A bit that is 1 with probability 2^-logp. */
  bit(logp: number): boolean {
    const share = this.#range >>> logp;
    const one = this.#value < share;
    if (!one) this.#value -= share;
    this.#range = one ? share : this.#range - share;
    this.#normalise();
    return one;
  }

  /** A symbol by its inverse cumulative distribution in units of 2^-bits; ends with 0. */
  symbol(inverse: readonly number[], bits: number): number {
    const unit = this.#range >>> bits;
    let high = this.#range;
    let symbol = 0;
    let low = unit * inverse[0]!; // a distribution has a symbol
    while (this.#value < low) {
      symbol += 1;
      high = low;
      low = unit * inverse[symbol]!; // its last entry is 0, which nothing is below
    }
    this.#value -= low;
    this.#range = high - low;
    this.#normalise();
    return symbol;
  }

  /** 0 ≤ result < total ≤ 256, all alike: §4.1.5 for totals of one symbol. */
  uniform(total: number): number {
    const unit = Math.floor(this.#range / total);
    const from = total - Math.min(Math.floor(this.#value / unit) + 1, total);
    this.#take(unit, total, from, from + 1);
    return from;
  }

  /** Up to 16 raw bits from the back of the frame: §4.1.4. */
  raw(count: number): number {
    for (; this.#held < count; this.#held += 8) this.#window |= (this.#back > this.#from ? this.#bytes[--this.#back]! : 0) << this.#held; // from ≤ back < end
    const value = this.#window & ((1 << count) - 1);
    this.#window >>>= count;
    this.#held -= count;
    this.#bits += count;
    return value;
  }

  /** A change of coarse energy, §4.3.2.1: `zero` is the probability of none (Q15), `decay` that of going on (Q14). */
  laplace(zero: number, decay: number): number {
    const unit = this.#range >>> 15;
    const at = 32768 - Math.min(((this.#value / unit) | 0) + 1, 32768);
    let low = 0;
    let size = zero;
    let value = 0;
    if (at >= zero) {
      value = 1;
      low = zero;
      size = (((32768 - 32 - zero) * (16384 - decay)) >> 15) + 1;
      while (size > 1 && at >= low + 2 * size) {
        size *= 2;
        low += size;
        size = (((size - 2) * decay) >> 15) + 1;
        value += 1;
      }
      if (size <= 1) {
        const steps = (at - low) >> 1;
        value += steps;
        low += 2 * steps;
      }
      if (at < low + size) value = -value;
      else low += size;
    }
    this.#take(unit, 32768, low, Math.min(low + size, 32768));
    return value;
  }

  #take(unit: number, total: number, from: number, to: number): void {
    const above = unit * (total - to);
    this.#value -= above;
    this.#range = from > 0 ? unit * (to - from) : this.#range - above;
    this.#normalise();
  }

  #next(): number {
    return this.#at < this.#end ? this.#bytes[this.#at++]! : 0; // below the end
  }

  #normalise(): void {
    while (this.#range <= BOTTOM) {
      this.#bits += SYMBOL_BITS;
      this.#range = (this.#range << SYMBOL_BITS) >>> 0;
      const before = this.#remainder;
      this.#remainder = this.#next();
      const symbol = ((before << SYMBOL_BITS) | this.#remainder) >> (SYMBOL_BITS - EXTRA);
      this.#value = ((this.#value << SYMBOL_BITS) + (255 & ~symbol)) & MASK;
    }
  }
}
