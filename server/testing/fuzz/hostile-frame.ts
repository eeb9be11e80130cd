// Frames as no honest client sends them: right ones with a wrong field, other encodings of the same, damaged bytes, declared
// lengths of gigabytes. About a third is right, so that what lies behind the codec is reached too.
import { Packr } from 'msgpackr';
import { ulid } from 'ulid';
import { encodeFrame } from '../../../shared/codec.ts';
import { type ClientFrame, PROTOCOL_VERSION, type Topic } from '../../../shared/protocol.ts';
import { crc32c } from '../../../shared/crc32c.ts';
import type { Chance } from './chance.ts';

/** What the attacker knows of the server it talks to. */
export type Known = { token: string; keys: readonly string[]; sessions: readonly string[] };

const packr = new Packr({ useRecords: false, variableMapSize: true });
const withExtensions = new Packr({ useRecords: true, structuredClone: true, moreTypes: true });

const TEXTS = ['', '\0', 'x'.repeat(9_000), '../../etc/passwd', '<script>alert(1)</script>', '\u202Eevil', '\uD800', '\uDFFFx', "'; drop table sessions; --", '{\\an8}', '\r\nSet-Cookie: a=b', '%00', '🂡'.repeat(400), '__proto__', 'constructor', 'toString'];
const NUMBERS = [0, -0, 1, -1, 0.5, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -(2 ** 53), 1e300, -1e300, Infinity, -Infinity, NaN, Number.MIN_VALUE];
const nasty = (chance: Chance): unknown => {
  switch (chance.below(9)) {
    case 0: case 1: return chance.pick(TEXTS);
    case 2: case 3: return chance.pick(NUMBERS);
    case 4: return chance.pick([null, undefined, true, false]);
    case 5: return chance.bytes(chance.below(40));
    case 6: return Array.from({ length: chance.below(30) }, () => chance.pick(NUMBERS));
    case 7: return { [chance.pick(TEXTS).slice(0, 50)]: chance.pick(NUMBERS), toString: 'x' };
    default: return chance.below(2 ** 31);
  }
};

const rightFrame = (chance: Chance, known: Known): ClientFrame => {
  const session = chance.often(0.8) && known.sessions.length > 0 ? chance.pick(known.sessions) : chance.pick(['nobody', ulid(chance.below(2 ** 31)), 'A'.repeat(64)]);
  const epoch = chance.often(0.7) ? 1 + chance.below(40) : 1 + chance.below(2 ** 32 - 1);
  const seq = chance.often(0.8) ? 1 + chance.below(20) : 1 + chance.below(2 ** 32 - 1);
  const ms = chance.often(0.8) ? chance.below(10_000) : chance.next() * 1e12;
  const rect = chance.often(0.5) ? null : { x: chance.below(100), y: chance.below(100), width: 1 + chance.below(1_000), height: 1 + chance.below(1_000) };
  switch (chance.below(12)) {
    case 0: return { t: 'start', key: chance.pick(known.keys), title: chance.pick(TEXTS).slice(0, 1_000), sourceUrl: chance.pick(TEXTS).slice(0, 8_000), mime: chance.pick(['video/webm', 'video/mp4', 'x', 'text/html']), video: rect, resume: chance.often(0.5), transcript: chance.pick(['server', 'client']) };
    case 1: case 2: case 3: {
      const bytes = chance.bytes(chance.below(300));
      return { t: 'chunk', session, epoch, seq, crc: chance.often(0.7) ? crc32c(bytes) : chance.below(2 ** 32), startMs: ms, durationMs: chance.below(3_600_000), bytes };
    }
    case 4: return { t: 'gap', session, epoch, from: seq, to: seq + chance.below(5), startMs: ms, endMs: ms + chance.below(5_000), reason: chance.pick(TEXTS).slice(0, 500) };
    case 5: return { t: 'region', session, epoch, atMs: ms, rect };
    case 6: return { t: 'page', session, epoch, atMs: ms, title: chance.pick(TEXTS).slice(0, 1_000), sourceUrl: chance.pick(TEXTS).slice(0, 8_000), playing: chance.pick([true, false, null]) };
    case 7: {
      const words = Array.from({ length: chance.below(8) }, (_, at) => ({ text: chance.pick(TEXTS).slice(0, 200), startMs: ms + at * 100, endMs: ms + at * 100 + 90, confidence: chance.next() }));
      return { t: 'words', session, epoch, fromMs: ms, untilMs: ms + 2_000, words };
    }
    case 8: return { t: 'stop', session, epoch, finalSeq: chance.below(20), hash: chance.below(2 ** 32) };
    case 9: return { t: 'watch', topic: chance.pick<Topic>(['system', `session:${session}`]) };
    case 10: return { t: 'unwatch', topic: chance.pick<Topic>(['system', `session:${session}`]) };
    default: return { t: chance.pick(['ping', 'pong']), id: chance.below(2 ** 31) };
  }
};

/** Also a field named `__proto__`, which an assignment would not make. */
const put = (frame: Record<string, unknown>, name: string, value: unknown): void => void Object.defineProperty(frame, name, { value, enumerable: true, configurable: true, writable: true });

/** Several fields made wrong, dropped, renamed or added. */
const withWrongFields = (chance: Chance, frame: ClientFrame): Record<string, unknown> => {
  const wrong: Record<string, unknown> = { ...frame };
  for (let changes = 1 + chance.below(2); changes > 0; changes -= 1) {
    const name = chance.pick([...Object.keys(wrong), 'extra']);
    const kind = chance.below(6);
    if (kind === 0) delete wrong[name];
    else if (kind === 1) put(wrong, chance.pick(TEXTS).slice(0, 60), wrong[name]);
    else put(wrong, name, nasty(chance));
  }
  return wrong;
};

const damage = (chance: Chance, bytes: Uint8Array): Uint8Array => {
  let out = Buffer.from(bytes);
  for (let changes = 1 + chance.below(4); changes > 0; changes -= 1) {
    const at = chance.below(out.length + 1);
    switch (chance.below(7)) {
      case 0: case 1: if (at < out.length) out[at] = chance.below(256); break;
      case 2: out = out.subarray(0, at); break;
      case 3: out = Buffer.concat([out.subarray(0, at), chance.bytes(chance.below(20)), out.subarray(at)]); break;
      case 4: out = Buffer.concat([out.subarray(0, at), out.subarray(Math.min(out.length, at + chance.below(10)))]); break;
      case 5: out = Buffer.concat([out, out.subarray(at)]); break;
      // a type byte with the largest length it can declare
      default: if (at < out.length) out.set([chance.pick([0xc4, 0xc5, 0xc6, 0xc7, 0xc9, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xd4, 0xd8]), 0xff, 0xff, 0xff, 0xff].slice(0, out.length - at), at);
    }
  }
  return out;
};

/** The same map written as other encoders might: wide headers, floats for whole numbers. */
const otherwiseEncoded = (chance: Chance, frame: Record<string, unknown>): Uint8Array => {
  const parts: Uint8Array[] = [];
  const text = (value: string): void => {
    const bytes = Buffer.from(value);
    parts.push(Uint8Array.of(0xdb, bytes.length >>> 24, (bytes.length >> 16) & 255, (bytes.length >> 8) & 255, bytes.length & 255), bytes);
  };
  const entries = Object.entries(frame);
  parts.push(Uint8Array.of(0xdf, 0, 0, 0, entries.length));
  for (const [name, value] of chance.often(0.5) ? entries : entries.toReversed()) {
    text(name);
    if (typeof value === 'string') text(value);
    else if (typeof value === 'number') {
      const double = new DataView(new ArrayBuffer(9));
      double.setUint8(0, 0xcb);
      double.setFloat64(1, value);
      parts.push(new Uint8Array(double.buffer));
    } else parts.push(Uint8Array.from(packr.pack(value)));
  }
  return Buffer.concat(parts);
};

export const hostileFrame = (chance: Chance, known: Known): Uint8Array => {
  const frame = rightFrame(chance, known);
  switch (chance.below(12)) {
    case 0: case 1: case 2: return Uint8Array.from(encodeFrame(frame));
    case 3: case 4: return Uint8Array.from(packr.pack(withWrongFields(chance, frame)));
    case 5: return otherwiseEncoded(chance, chance.often(0.5) ? { ...frame } : withWrongFields(chance, frame));
    case 6: case 7: case 8: return damage(chance, encodeFrame(frame));
    case 9: return Uint8Array.from(withExtensions.pack(chance.pick<unknown>([{ ...frame, bytes: new Map([[1, frame]]) }, new Set([frame]), /x+/, new Error('x'), new Date(), { ...frame, session: new Date() }, [frame, frame]])));
    case 10: return chance.pick([chance.bytes(1 + chance.below(400)), new Uint8Array(1 + chance.below(4_000)).fill(chance.pick([0x91, 0x81, 0xc1, 0xa1])), Uint8Array.of(0x81, 0xa1, 0x74, 0xdd, 0xff, 0xff, 0xff, 0xff), Uint8Array.of(0x81, 0xa1, 0x74, 0xc9, 0xff, 0xff, 0xff, 0xff, 0x01)]);
    default: return Uint8Array.from(packr.pack({ t: chance.pick(['hello', 'start', 'constructor', '__proto__', '', 'welcome', 'ready']), version: chance.pick([PROTOCOL_VERSION, 9, -1]), token: chance.pick([known.token, 'wrong', '']), client: 'fuzz', clientVersion: '0', title: 'x'.repeat(chance.below(20_000)) }));
  }
};
