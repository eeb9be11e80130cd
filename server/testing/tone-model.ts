// A speech model small enough to make in a test: it hears four pure tones as four words. A real ONNX file for a real recogniser
// (NeMo CTC: log-mel features in, log-probabilities out): transpose, one matrix, one bias. Protobuf field numbers after onnx.proto3.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const TONES: Record<string, number> = { clip: 500, that: 1000, no: 2000, way: 4000 };
const MEL_BINS = 80;

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))]);
const int = (field: number, value: number): Uint8Array => Uint8Array.from([...varint(field * 8), ...varint(value)]);
const bytes = (field: number, content: Uint8Array | string): Uint8Array => {
  const data = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([Uint8Array.from([...varint(field * 8 + 2), ...varint(data.length)]), data]);
};
const message = (field: number, ...parts: Uint8Array[]): Uint8Array => bytes(field, Buffer.concat(parts));

const FLOAT = 1;
const INT64 = 7;
const tensor = (name: string, dims: number[], values: Float32Array): Uint8Array =>
  message(5, ...dims.map((dim) => int(1, dim)), int(2, FLOAT), bytes(8, name), bytes(9, new Uint8Array(values.buffer)));
const value = (field: number, name: string, type: number, dims: (number | string)[]): Uint8Array =>
  message(field, bytes(1, name), message(2, message(1, int(1, type), message(2, ...dims.map((dim) => message(1, typeof dim === 'number' ? int(1, dim) : bytes(2, dim)))))));
const node = (op: string, inputs: string[], output: string, ...attributes: Uint8Array[]): Uint8Array => message(1, ...inputs.map((input) => bytes(1, input)), bytes(2, output), bytes(3, output), bytes(4, op), ...attributes);

/** Slaney's mel scale, as librosa and NeMo use it. */
const mel = (hz: number): number => (hz < 1000 ? (hz * 3) / 200 : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4));

const toneModel = (): Uint8Array => {
  const vocabulary = Object.keys(TONES).length + 1;
  const weights = new Float32Array(MEL_BINS * vocabulary);
  for (const [token, hz] of Object.values(TONES).entries()) weights[Math.round((mel(hz) / mel(8000)) * (MEL_BINS + 1) - 1) * vocabulary + token] = 1;
  const bias = new Float32Array(vocabulary);
  // the blank wins where no tone is
  bias[vocabulary - 1] = -2;
  const transpose = message(5, bytes(1, 'perm'), int(8, 0), int(8, 2), int(8, 1), int(20, 7));
  const graph = message(
    7,
    node('Transpose', ['audio_signal'], 'frames', transpose),
    node('MatMul', ['frames', 'weights'], 'scores'),
    node('Add', ['scores', 'bias'], 'logprobs'),
    bytes(2, 'tones'),
    tensor('weights', [MEL_BINS, vocabulary], weights),
    tensor('bias', [vocabulary], bias),
    value(11, 'audio_signal', FLOAT, ['N', MEL_BINS, 'T']),
    value(11, 'length', INT64, ['N']),
    value(12, 'logprobs', FLOAT, ['N', 'T', vocabulary]),
  );
  const metadata = Object.entries({ model_type: 'EncDecCTCModel', vocab_size: String(vocabulary), subsampling_factor: '1', normalize_type: '' });
  return Buffer.concat([int(1, 8), graph, message(8, bytes(1, ''), int(2, 13)), ...metadata.map(([key, text]) => message(14, bytes(1, key), bytes(2, text)))]);
};

/** A model folder as `npm run model` leaves it. */
export const writeToneModel = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.onnx'), toneModel());
  await writeFile(join(folder, 'tokens.txt'), [...Object.keys(TONES).map((text) => `▁${text}`), '<blk>'].map((token, i) => `${token} ${i}`).join('\n') + '\n');
  await writeFile(join(folder, 'model.json'), JSON.stringify({ name: 'tones', type: 'ctc', files: { model: 'model.onnx' }, tokens: 'tokens.txt', language: 'en' }));
};

/** 16 kHz: each word for 300 ms from its time, in seconds. */
export const toneSpeech = (seconds: number, words: [text: string, startS: number][]): Float32Array => {
  const samples = new Float32Array(Math.round(seconds * 16_000));
  for (const [text, startS] of words) {
    const hz = TONES[text] ?? 500;
    for (let i = 0; i < 4_800; i++) samples[Math.round(startS * 16_000) + i] = 0.3 * Math.sin((2 * Math.PI * hz * i) / 16_000);
  }
  return samples;
};
