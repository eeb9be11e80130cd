// Small WebM made here: one cluster a chunk, pictures that are keyframes, sound whose packets say in plain bytes how loud they are,
// whether somebody speaks and which word. The real walkers read it; the fakes behind the media ports understand its payload.
import { ID } from '../../media/ebml.ts';

const concat = (parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const idBytes = (id: number): Uint8Array => {
  const bytes = [24, 16, 8, 0].map((shift) => (id >>> shift) & 255);
  return Uint8Array.from(bytes.slice(bytes.findIndex((byte) => byte !== 0)));
};
const element = (id: number, ...body: Uint8Array[]): Uint8Array => {
  const bytes = concat(body);
  return concat([idBytes(id), Uint8Array.of(0x40 | (bytes.length >> 8), bytes.length & 255), bytes]); // under 16 KB
};
const uint = (id: number, value: number): Uint8Array => {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return element(id, Uint8Array.from(bytes));
};
const text = (id: number, value: string): Uint8Array => element(id, new TextEncoder().encode(value));
const UNKNOWN_SIZE = Uint8Array.of(0x01, 255, 255, 255, 255, 255, 255, 255);

/** ms of one sound packet */
export const PACKET_MS = 500;
const SOUND = 1;
const PICTURE = 2;
const MARK = 0x5a;

const float64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
};

/** `take` tells one recorder's run from another. */
export const initBytes = (take: number): Uint8Array => concat([
  element(ID.ebml, text(ID.docType, 'webm')),
  idBytes(ID.segment), UNKNOWN_SIZE,
  element(ID.info, uint(ID.timestampScale, 1_000_000)),
  element(ID.tracks,
    element(ID.trackEntry, uint(ID.trackNumber, SOUND), uint(ID.trackType, 2), text(ID.codecId, 'A_OPUS'), uint(ID.defaultDuration, PACKET_MS * 1e6), element(ID.audio, element(ID.samplingFrequency, float64(48_000)), uint(ID.channels, 1))),
    element(ID.trackEntry, uint(ID.trackNumber, PICTURE), uint(ID.trackType, 1), text(ID.codecId, 'V_VP8'), uint(ID.defaultDuration, 1000 * 1e6), element(ID.video, uint(ID.pixelWidth, 64), uint(ID.pixelHeight, 36)))),
  element(ID.void, Uint8Array.of(take)),
]);

/** What a packet of sound says. `loud`: 0..255, LUFS above −70 in halves; `word` 0: none. */
export type Said = { loud: number; voice: boolean; word: number };
export const said = (data: Uint8Array): Said => ({ loud: data[2] ?? 0, voice: (data[3] ?? 0) > 0, word: (data[4] ?? 0) * 256 + (data[5] ?? 0) });

const block = (track: number, atMs: number, body: Uint8Array): Uint8Array => element(ID.simpleBlock, Uint8Array.of(0x80 | track, (atMs >> 8) & 255, atMs & 255, 0x80), body);

/** One chunk: [startMs, startMs + packets · PACKET_MS). `mark` makes its bytes unlike any other chunk's. */
export const clusterBytes = (options: { startMs: number; mark: number; sound: Said[] }): Uint8Array => {
  const { startMs, mark, sound } = options;
  const parts = [uint(ID.timestamp, startMs)];
  sound.forEach(({ loud, voice, word }, i) => {
    if (i % 2 === 0) parts.push(block(PICTURE, i * PACKET_MS, Uint8Array.of(0, MARK, mark >> 8, mark & 255, i)));
    parts.push(block(SOUND, i * PACKET_MS, Uint8Array.of(0xfc, MARK, loud, voice ? 1 : 0, word >> 8, word & 255, mark >> 8, mark & 255)));
  });
  return element(ID.cluster, ...parts);
};

const WORDS = ['river', 'table', 'garden', 'window', 'mountain', 'letter', 'winter', 'bridge', 'morning', 'pocket', 'silver', 'corner', 'harbour', 'lantern', 'meadow', 'thunder'];
export const wordText = (word: number): string => `${WORDS[word % WORDS.length]}${word}`;
