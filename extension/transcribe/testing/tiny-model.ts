// A Whisper model of one small layer with random weights, in the ggml format whisper.cpp loads: what it says means nothing, but
// loading and running it is the real thing. Format: https://github.com/ggml-org/whisper.cpp/blob/master/models/convert-pt-to-ggml.py
import { seededRandom } from '../../../shared/testing/random.ts';

const MAGIC = 0x67676d6c;
const VOCABULARY = 51_864; // English only
const TEXT_TOKENS = 50_257;
/** whisper.cpp looks this one up by its text */
const BLANK = 220;
const AUDIO_CONTEXT = 1_500;
const TEXT_CONTEXT = 448;
const STATE = 64;
const MELS = 80;
const FFT = 201;
const F32 = 0;
const F16 = 1;

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);
/** half-precision bits of a small number; subnormals become zero */
const half = (value: number): number => {
  single[0] = value;
  const bits = singleBits[0]!; // one element
  const exponent = ((bits >> 23) & 0xff) - 112;
  return exponent <= 0 ? 0 : ((bits >> 16) & 0x8000) | (exponent << 10) | ((bits >> 13) & 0x3ff);
};

const halves = (values: Float32Array): Uint16Array<ArrayBuffer> => {
  const bits = new Uint16Array(values.length);
  for (const [at, value] of values.entries()) bits[at] = half(value);
  return bits;
};

export const tinyModel = (seed = 1): Uint8Array<ArrayBuffer> => {
  const random = seededRandom(seed);
  const parts: Uint8Array[] = [];
  const text = new TextEncoder();
  const ints = (...values: number[]): void => void parts.push(new Uint8Array(Int32Array.from(values).buffer));
  const noise = (count: number, scale: number): Float32Array => {
    const values = new Float32Array(count);
    for (let at = 0; at < count; at++) values[at] = (random() * 2 - 1) * scale;
    return values;
  };
  /** `dims` fastest first, as ggml counts them */
  const tensor = (name: string, dims: number[], values: Float32Array, type: typeof F32 | typeof F16): void => {
    const label = text.encode(name);
    ints(dims.length, label.length, type, ...dims);
    parts.push(label, type === F32 ? new Uint8Array(values.buffer) : new Uint8Array(halves(values).buffer));
  };
  const weights = (name: string, ...dims: number[]): void => tensor(name, dims, noise(dims.reduce((a, b) => a * b), 0.05), F16);
  const floats = (name: string, value: number, ...dims: number[]): void => tensor(name, dims, noise(dims.reduce((a, b) => a * b), 0.02).map((one) => one + value), F32);
  const norm = (name: string): void => {
    floats(`${name}.weight`, 1, STATE);
    floats(`${name}.bias`, 0, STATE);
  };
  const linear = (name: string, from: number, to: number, bias = true): void => {
    weights(`${name}.weight`, from, to);
    if (bias) floats(`${name}.bias`, 0, to);
  };
  const attention = (name: string): void => {
    norm(`${name}_ln`);
    for (const part of ['query', 'key', 'value', 'out']) linear(`${name}.${part}`, STATE, STATE, part !== 'key');
  };
  const block = (name: string): void => {
    norm(`${name}.mlp_ln`);
    linear(`${name}.mlp.0`, STATE, STATE * 4);
    linear(`${name}.mlp.2`, STATE * 4, STATE);
    attention(`${name}.attn`);
  };

  ints(MAGIC, VOCABULARY, AUDIO_CONTEXT, STATE, 1, 1, TEXT_CONTEXT, STATE, 1, 1, MELS, 1);
  ints(MELS, FFT);
  parts.push(new Uint8Array(noise(MELS * FFT, 0.01).map(Math.abs).buffer));
  ints(TEXT_TOKENS);
  for (let token = 0; token < TEXT_TOKENS; token++) {
    const name = text.encode(token === BLANK ? ' ' : ` w${token}`);
    ints(name.length);
    parts.push(name);
  }
  floats('encoder.positional_embedding', 0, STATE, AUDIO_CONTEXT);
  weights('encoder.conv1.weight', 3, MELS, STATE);
  floats('encoder.conv1.bias', 0, 1, STATE);
  weights('encoder.conv2.weight', 3, STATE, STATE);
  floats('encoder.conv2.bias', 0, 1, STATE);
  block('encoder.blocks.0');
  norm('encoder.ln_post');
  floats('decoder.positional_embedding', 0, STATE, TEXT_CONTEXT);
  weights('decoder.token_embedding.weight', STATE, VOCABULARY);
  block('decoder.blocks.0');
  attention('decoder.blocks.0.cross_attn');
  norm('decoder.ln');
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
