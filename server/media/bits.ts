// Bits, most significant first, as codec headers are written.

export type BitReader = { bits(count: number): number; golomb(): number };

/** Reads past the end give zeros: header parsers check what they find. */
export const bitReader = (bytes: Uint8Array): BitReader => {
  let at = 0;
  const bits = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++, at++) value = value * 2 + (((bytes[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    return value;
  };
  const golomb = (): number => {
    let zeros = 0;
    while (zeros < 32 && bits(1) === 0) zeros += 1;
    return 2 ** zeros - 1 + bits(zeros);
  };
  return { bits, golomb };
};
