// Frames to bytes and back (rules P). Bytes are scanned before they are unpacked, and every field is checked after.
import { Packr, Unpackr } from 'msgpackr';
import { FrameError } from './frame-error.ts';
import { wordsFault } from './heard-words.ts';
import { heardWord, mediaMs, rectangle, sessionEvent, sessionSummary, sessionView, systemView } from './model-shape.ts';
import type { HeardWords } from './model.ts';
import { MAX_SOURCE_URL, MAX_TITLE, PROTOCOL_VERSION } from './protocol.ts';
import type { ClientFrame, Credits, ErrorCode, Limits, ServerFrame, Topic } from './protocol.ts';
import { scan } from './scan.ts';
import type { ScanLimits } from './scan.ts';
import { binary, boolean, either, integer, list, nullable, number, object, oneOf, pattern, show, text, union } from './shape.ts';
import type { Check, Fault } from './shape.ts';

const U32 = 0xffff_ffff;
/** What a client frame may weigh beside its chunk's bytes. */
const CLIENT_OVERHEAD = 32 * 1024;
/** A snapshot of a 48-hour session: 172,800 bins of about 100 bytes, its words and clips. */
const SERVER_LIMITS: ScanLimits = { maxBytes: 64 * 1024 * 1024, maxDepth: 12, maxItems: 8_000_000, maxStringBytes: 64 * 1024, maxBinBytes: 0 };

const id = pattern(/^[0-9A-Za-z_-]{1,64}$/, '1..64 letters, digits, - or _');
const ulid = pattern(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'a ULID: 26 characters of Crockford base 32');
const topic = pattern<Topic>(/^(system|session:[0-9A-Za-z_-]{1,64})$/, 'system or session:<id>');
const sequence = integer(1, U32);
const title = text(MAX_TITLE);
const sourceUrl = text(MAX_SOURCE_URL);
const ping = integer(0, U32);
const credits = object<Credits>({ chunks: integer(0, 1_000_000), bytes: integer(0) });

const clientFrame = union<ClientFrame, 't'>('t', {
  hello: object({ t: oneOf(['hello']), version: integer(0), token: text(8192), client: text(64, 1), clientVersion: text(64) }, true),
  start: object({ t: oneOf(['start']), key: ulid, title, sourceUrl, mime: text(256, 1), video: nullable(rectangle), resume: boolean, transcript: oneOf(['server', 'client']) }, true),
  chunk: object({ t: oneOf(['chunk']), session: id, epoch: sequence, seq: sequence, crc: integer(0, U32), startMs: mediaMs, durationMs: number(0, 3_600_000), bytes: binary }, true),
  gap: object({ t: oneOf(['gap']), session: id, epoch: sequence, from: sequence, to: sequence, startMs: mediaMs, endMs: mediaMs, reason: text(512) }, true),
  region: object({ t: oneOf(['region']), session: id, epoch: sequence, atMs: mediaMs, rect: nullable(rectangle) }, true),
  page: object({ t: oneOf(['page']), session: id, epoch: sequence, atMs: mediaMs, title, sourceUrl, playing: nullable(boolean) }, true),
  words: object({ t: oneOf(['words']), session: id, epoch: sequence, fromMs: mediaMs, untilMs: mediaMs, words: list(heardWord) }, true),
  stop: object({ t: oneOf(['stop']), session: id, epoch: sequence, finalSeq: integer(0, U32), hash: integer(0, U32) }, true),
  watch: object({ t: oneOf(['watch']), topic }, true),
  unwatch: object({ t: oneOf(['unwatch']), topic }, true),
  ping: object({ t: oneOf(['ping']), id: ping }, true),
  pong: object({ t: oneOf(['pong']), id: ping }, true),
});

const errorCode = oneOf<ErrorCode>([
  'bad_frame', 'unauthorized', 'forbidden', 'version', 'unknown_session', 'fenced', 'conflict', 'order', 'crc',
  'credits', 'too_large', 'quota', 'media', 'words', 'closed', 'shutdown', 'unavailable', 'internal',
]);
const limits = object<Limits>({ maxChunkBytes: integer(1), credits });

// fields a server adds later are ignored, so an older viewer lives through an upgrade
const serverFrame = union<ServerFrame, 't'>('t', {
  welcome: object({ t: oneOf(['welcome']), version: integer(0), user: text(256), limits, serverAt: number(0) }),
  ready: object({ t: oneOf(['ready']), key: ulid, session: id, epoch: sequence, lastSeq: integer(0, U32), credits, wordsUntilMs: mediaMs }),
  ack: object({ t: oneOf(['ack']), session: id, seq: integer(0, U32), level: oneOf(['spool', 'object']), credits }),
  heard: object({ t: oneOf(['heard']), session: id, untilMs: mediaMs }),
  stopped: object({ t: oneOf(['stopped']), session: id, totals: sessionSummary }),
  state: object({ t: oneOf(['state']), topic, state: either(systemView, sessionView) }),
  event: object({ t: oneOf(['event']), topic, event: sessionEvent }),
  ping: object({ t: oneOf(['ping']), id: ping }),
  pong: object({ t: oneOf(['pong']), id: ping }),
  error: object({ t: oneOf(['error']), code: errorCode, message: text(4096), retryable: boolean, session: nullable(id) }),
});

const assertWords = (frame: HeardWords): void => {
  const wrong = wordsFault(frame);
  if (wrong) throw new FrameError(wrong.code, `words.${wrong.message}`);
};

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

const unpack = (bytes: Uint8Array): unknown => {
  try {
    return unpackr.unpack(bytes);
  } catch (cause) {
    throw new FrameError('bad_frame', `the frame of ${bytes.length} bytes is not msgpack; encode it with encodeFrame`, { cause });
  }
};

const has = (value: unknown, name: string): value is Record<string, unknown> => typeof value === 'object' && value !== null && name in value;

const assertVersion = (frame: unknown): void => {
  if (has(frame, 'version') && (frame.t === 'hello' || frame.t === 'welcome') && Number.isInteger(frame.version) && frame.version !== PROTOCOL_VERSION)
    throw new FrameError('version', `version ${show(frame.version)} of the protocol is spoken there, ${PROTOCOL_VERSION} here; update the older of client and server`);
};

const fits = <T>(check: Check<T>, value: unknown): value is T => check(value) === null;

const misfit = (frame: unknown, fault: Fault | null): FrameError => {
  const name = has(frame, 't') && typeof frame.t === 'string' && /^[a-z]{1,20}$/.test(frame.t) ? frame.t : 'frame';
  return new FrameError('bad_frame', `${name}.${fault?.path} is ${show(fault?.value)}; send ${fault?.want}`);
};

const decode = <T>(check: Check<T>, bytes: Uint8Array, scanLimits: ScanLimits): T => {
  scan(bytes, scanLimits);
  // a Buffer would come out as Buffers, whose slice() shares memory where Uint8Array's copies
  const frame = unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  assertVersion(frame);
  if (!fits(check, frame)) throw misfit(frame, check(frame));
  return frame;
};

/** The bytes may share memory with other frames of this encoder: send or copy them, never write into them. */
export const encodeFrame = (frame: ClientFrame | ServerFrame): Uint8Array => packr.pack(frame);

/**
 * Checks limits before anything is allocated for the frame. `chunk.bytes` is a view into `bytes`: copy it if `bytes` is
 * reused (uWebSockets.js empties a message after its handler). Throws FrameError and nothing else.
 */
export const decodeClientFrame = (bytes: Uint8Array, { maxChunkBytes }: Pick<Limits, 'maxChunkBytes'>): ClientFrame => {
  const frame = decode(clientFrame, bytes, {
    maxBytes: maxChunkBytes + CLIENT_OVERHEAD, maxDepth: 8, maxItems: 2000, maxStringBytes: 8192, maxBinBytes: maxChunkBytes,
  });
  if (frame.t === 'gap' && frame.to < frame.from) throw new FrameError('bad_frame', `gap.to is ${frame.to}; send at least gap.from, ${frame.from}`);
  if (frame.t === 'words') assertWords(frame);
  return frame;
};

/** Throws FrameError and nothing else. */
export const decodeServerFrame = (bytes: Uint8Array): ServerFrame => decode(serverFrame, bytes, SERVER_LIMITS);

/** The largest frame a server has to let in for a `maxChunkBytes`. */
export const maxClientFrameBytes = (maxChunkBytes: number): number => maxChunkBytes + CLIENT_OVERHEAD;
