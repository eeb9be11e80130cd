// Sequence parameter sets of H.264 (ITU-T H.264 §7.3.2.1.1, §E.1.1) and HEVC (H.265 §7.3.2.2.1), rewritten to say that pictures come in
// display order. Among keyframes they do; with the original set a decoder waits for as many later pictures as may have been reordered.
import { bitReader } from './bits.ts';
import { concat } from './bytes.ts';

/** Profiles whose sets describe chroma format, bit depth and scaling. */
const HIGH: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

const withoutEmulation = (bytes: Uint8Array): Uint8Array => bytes.filter((byte, i) => !(byte === 3 && i >= 2 && bytes[i - 1] === 0 && bytes[i - 2] === 0));

const withEmulation = (bytes: Uint8Array): Uint8Array => {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Uint8Array.from(out);
};

/** Copies what is read into `written`, bit by bit. */
const copier = (bytes: Uint8Array, written: number[]) => {
  const reader = bitReader(bytes);
  let at = 0;
  const bits = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++, at++) {
      const bit = reader.bits(1);
      written.push(bit);
      value = value * 2 + bit;
    }
    return value;
  };
  const golomb = (): number => {
    let zeros = 0;
    while (zeros < 32 && bits(1) === 0) zeros += 1;
    return 2 ** zeros - 1 + bits(zeros);
  };
  return { bits, golomb, at: () => at };
};

const writeGolomb = (value: number, written: number[]): void => {
  const length = Math.floor(Math.log2(value + 1));
  for (let i = 0; i < length; i++) written.push(0);
  for (let i = length; i >= 0; i--) written.push(((value + 1) >> i) & 1);
};

type Source = ReturnType<typeof copier>;

const scalingLists = ({ bits, golomb }: Source, count: number): void => {
  for (let list = 0; list < count; list++) {
    if (bits(1) === 0) continue;
    let [last, next] = [8, 8];
    for (let i = 0; i < (list < 6 ? 16 : 64) && next !== 0; i++) {
      const code = golomb();
      next = (last + (code & 1 ? (code + 1) / 2 : -code / 2) + 256) % 256;
      last = next === 0 ? last : next;
    }
  }
};

const pack = (header: Uint8Array, bits: number[]): Uint8Array => {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries()) bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (bit << (7 - (i & 7)));
  return concat([header, withEmulation(bytes)]);
};

/** `unit` with its header. Returned unchanged where it is too strange to be rewritten. */
export const avcInDisplayOrder = (unit: Uint8Array): Uint8Array => {
  const raw = withoutEmulation(unit);
  const written: number[] = [];
  const source = copier(raw.subarray(4), written);
  const { bits, golomb } = source;
  golomb();
  if (HIGH.has(raw[1] ?? 0)) {
    const chroma = golomb();
    if (chroma === 3) bits(1);
    golomb();
    golomb();
    bits(1);
    if (bits(1) === 1) scalingLists(source, chroma === 3 ? 12 : 8);
  }
  golomb();
  const orderType = golomb();
  if (orderType === 0) golomb();
  if (orderType === 1) {
    bits(1);
    golomb();
    golomb();
    const cycle = golomb();
    if (cycle > 255) return unit;
    for (let i = 0; i < cycle; i++) golomb();
  }
  const references = golomb();
  bits(1);
  golomb();
  golomb();
  if (bits(1) === 0) bits(1);
  bits(1);
  if (bits(1) === 1) for (let i = 0; i < 4; i++) golomb();
  if (references > 16 || source.at() > (raw.length - 4) * 8) return unit;
  // vui_parameters_present, then no aspect, overscan, signal type, chroma location, timing, two HRDs, pic_struct; bitstream_restriction
  written.push(1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1);
  for (const value of [0, 0, 16, 16, 0, Math.max(1, references)]) writeGolomb(value, written);
  written.push(1);
  return pack(raw.subarray(0, 4), written);
};

/** general_profile_space to general_level_idc, then what each sub-layer says of its own */
const profileTierLevel = ({ bits }: Source, subLayers: number): void => {
  bits(96);
  const present = Array.from({ length: subLayers }, () => ({ profile: bits(1) === 1, level: bits(1) === 1 }));
  if (subLayers > 0) bits(2 * (8 - subLayers));
  for (const { profile, level } of present) {
    if (profile) bits(88);
    if (level) bits(8);
  }
};

/** `unit` with its header. Returned unchanged where it is too strange to be rewritten. */
export const hevcInDisplayOrder = (unit: Uint8Array): Uint8Array => {
  const raw = withoutEmulation(unit);
  const written: number[] = [];
  const source = copier(raw.subarray(2), written);
  const { bits, golomb } = source;
  bits(4);
  const subLayers = bits(3);
  bits(1);
  profileTierLevel(source, subLayers);
  golomb();
  if (golomb() === 3) bits(1);
  golomb();
  golomb();
  if (bits(1) === 1) for (let i = 0; i < 4; i++) golomb();
  golomb();
  golomb();
  golomb();
  const layers = bits(1) === 1 ? subLayers + 1 : 1;
  const end = (raw.length - 2) * 8;
  for (let i = 0; i < layers; i++) {
    const before = written.length;
    const buffered = golomb();
    golomb();
    golomb();
    if (source.at() > end) return unit;
    written.length = before;
    // pictures buffered as before; none reordered; no limit on latency
    for (const value of [buffered, 0, 0]) writeGolomb(value, written);
  }
  bits(end - source.at());
  return pack(raw.subarray(0, 2), written);
};
