// Sequence parameter sets of H.264 (ITU-T H.264 §7.3.2.1.1, §E.1.1) and HEVC (H.265 §7.3.2.2.1), rewritten to say that pictures come in
// display order. Among keyframes they do; with the original set a decoder waits for as many later pictures as may have been reordered.
import { BitReader } from './bits.ts';
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
class Copier extends BitReader {
  readonly written: number[] = [];

  override bit(): number {
    const bit = super.bit();
    this.written.push(bit);
    return bit;
  }
}

const writeGolomb = (value: number, written: number[]): void => {
  const length = Math.floor(Math.log2(value + 1));
  for (let i = 0; i < length; i++) written.push(0);
  for (let i = length; i >= 0; i--) written.push(((value + 1) >> i) & 1);
};

const scalingLists = (source: Copier, count: number): void => {
  for (let list = 0; list < count; list++) {
    if (source.bit() === 0) continue;
    let [last, next] = [8, 8];
    for (let i = 0; i < (list < 6 ? 16 : 64) && next !== 0; i++) {
      const code = source.golomb();
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
  const source = new Copier(raw.subarray(4));
  const { written } = source;
  source.golomb();
  if (HIGH.has(raw[1] ?? 0)) {
    const chroma = source.golomb();
    if (chroma === 3) source.bit();
    source.golomb();
    source.golomb();
    source.bit();
    if (source.bit() === 1) scalingLists(source, chroma === 3 ? 12 : 8);
  }
  source.golomb();
  const orderType = source.golomb();
  if (orderType === 0) source.golomb();
  if (orderType === 1) {
    source.bit();
    source.golomb();
    source.golomb();
    const cycle = source.golomb();
    if (cycle > 255) return unit;
    for (let i = 0; i < cycle; i++) source.golomb();
  }
  const references = source.golomb();
  source.bit();
  source.golomb();
  source.golomb();
  if (source.bit() === 0) source.bit();
  source.bit();
  if (source.bit() === 1) for (let i = 0; i < 4; i++) source.golomb();
  if (references > 16 || source.at > (raw.length - 4) * 8) return unit;
  // vui_parameters_present, then no aspect, overscan, signal type, chroma location, timing, two HRDs, pic_struct; bitstream_restriction
  written.push(1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1);
  for (const value of [0, 0, 16, 16, 0, Math.max(1, references)]) writeGolomb(value, written);
  written.push(1);
  return pack(raw.subarray(0, 4), written);
};

/** general_profile_space to general_level_idc, then what each sub-layer says of its own */
const profileTierLevel = (source: Copier, subLayers: number): void => {
  source.bits(96);
  const present = Array.from({ length: subLayers }, () => ({ profile: source.bit() === 1, level: source.bit() === 1 }));
  if (subLayers > 0) source.bits(2 * (8 - subLayers));
  for (const { profile, level } of present) {
    if (profile) source.bits(88);
    if (level) source.bits(8);
  }
};

/** `unit` with its header. Returned unchanged where it is too strange to be rewritten. */
export const hevcInDisplayOrder = (unit: Uint8Array): Uint8Array => {
  const raw = withoutEmulation(unit);
  const source = new Copier(raw.subarray(2));
  const { written } = source;
  source.bits(4);
  const subLayers = source.bits(3);
  source.bit();
  profileTierLevel(source, subLayers);
  source.golomb();
  if (source.golomb() === 3) source.bit();
  source.golomb();
  source.golomb();
  if (source.bit() === 1) for (let i = 0; i < 4; i++) source.golomb();
  source.golomb();
  source.golomb();
  source.golomb();
  const layers = source.bit() === 1 ? subLayers + 1 : 1;
  const end = (raw.length - 2) * 8;
  for (let i = 0; i < layers; i++) {
    const before = written.length;
    const buffered = source.golomb();
    source.golomb();
    source.golomb();
    if (source.at > end) return unit;
    written.length = before;
    // pictures buffered as before; none reordered; no limit on latency
    for (const value of [buffered, 0, 0]) writeGolomb(value, written);
  }
  source.bits(end - source.at);
  return pack(raw.subarray(0, 2), written);
};
