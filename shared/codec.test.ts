import { existsSync, readFileSync } from 'node:fs';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { decodeClientFrame, decodeServerFrame, encodeFrame } from './codec.ts';
import { FrameError } from './frame-error.ts';
import { MAX_FRAME_WORDS, MAX_WORD_TEXT } from './protocol.ts';
import type { ClientFrame, ServerFrame } from './protocol.ts';
import { emptyView } from './session-state.ts';
import { scan } from './scan.ts';
import { MAX_CHUNK_BYTES } from './slices.ts';
import { chunkOf, KEY, summaryOf } from './testing/frames.ts';
import { seededRandom } from './testing/random.ts';

const LIMITS = { maxChunkBytes: 100_000 };
const packr = new Packr({ useRecords: false });
const refusal = (run: () => unknown): FrameError => {
  try {
    run();
  } catch (error) {
    if (error instanceof FrameError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

const outcome = (run: () => unknown): 'passed' | FrameError['code'] => {
  try {
    run();
    return 'passed';
  } catch (error) {
    if (error instanceof FrameError) return error.code;
    throw error;
  }
};

const CLIENT_FRAMES: ClientFrame[] = [
  { t: 'hello', version: 1, token: 'x'.repeat(8192), client: 'extension', clientVersion: '0.1.0' },
  { t: 'start', key: KEY, title: 'Ünïcode 🎬', sourceUrl: 'https://example.org/watch?v=1', mime: 'video/webm;codecs="vp8,opus"', video: { x: 0.5, y: 0, width: 1280, height: 720 }, resume: false, transcript: 'client' },
  chunkOf(1, new Uint8Array([1, 2, 3])),
  { t: 'gap', session: 's1', epoch: 2, from: 3, to: 9, startMs: 2000.5, endMs: 9000, reason: 'ring' },
  { t: 'region', session: 's1', epoch: 2, atMs: 5000, rect: null },
  { t: 'page', session: 's1', epoch: 2, atMs: 5000.5, title: 'Ünïcode 🎬', sourceUrl: 'https://example.org/watch?v=1', playing: true },
  { t: 'page', session: 's1', epoch: 2, atMs: 0, title: '', sourceUrl: '', playing: null },
  { t: 'words', session: 's1', epoch: 2, fromMs: 0, untilMs: 9000.5, words: [{ startMs: 0, endMs: 400, text: 'Grüße', confidence: 0.5 }, { startMs: 400, endMs: 9100, text: '👋', confidence: 1 }] },
  { t: 'words', session: 's1', epoch: 2, fromMs: 9000.5, untilMs: 12_000, words: [] },
  { t: 'stop', session: 's1', epoch: 2, finalSeq: 0, hash: 0xffffffff },
  { t: 'watch', topic: 'system' },
  { t: 'unwatch', topic: 'session:01J0000000000000000000000A' },
  { t: 'ping', id: 7 },
  { t: 'pong', id: 7 },
];

const summary = summaryOf('s1');
const SERVER_FRAMES: ServerFrame[] = [
  { t: 'welcome', version: 1, user: 'admin', limits: { maxChunkBytes: 8_388_608, credits: { chunks: 32, bytes: 16_777_216 } }, serverAt: 1_795_000_000_000 },
  { t: 'ready', key: KEY, session: 's1', epoch: 1, lastSeq: 0, credits: { chunks: 0, bytes: 0 }, wordsUntilMs: 1234.5 },
  { t: 'heard', session: 's1', untilMs: 9000.5 },
  { t: 'ack', session: 's1', seq: 4, level: 'object', credits: { chunks: 8, bytes: 1 } },
  { t: 'stopped', session: 's1', totals: summary },
  { t: 'state', topic: 'system', state: { sessions: [summary], providers: [] } },
  { t: 'state', topic: 'session:s1', state: emptyView(summary) },
  { t: 'event', topic: 'session:s1', event: { type: 'words', sessionId: 's1', words: [{ startMs: -2, endMs: 40, text: 'hi', confidence: 1 }] } },
  { t: 'error', code: 'quota', message: 'no hours left', retryable: false, session: null },
];

describe('frames', () => {
  it.each(CLIENT_FRAMES)('[P9] carries $t from the client unchanged', (frame) => {
    expect(decodeClientFrame(encodeFrame(frame), LIMITS)).toEqual(frame);
  });
  it.each(SERVER_FRAMES)('[P9] carries $t from the server unchanged', (frame) => {
    expect(decodeServerFrame(encodeFrame(frame))).toEqual(frame);
  });

  it('gives a chunk as a view into the input', () => {
    const input = new Uint8Array(encodeFrame(chunkOf(1, new Uint8Array(5000).fill(9))));
    const frame = decodeClientFrame(input, LIMITS);
    if (frame.t !== 'chunk') throw new Error(frame.t);
    expect(frame.bytes.buffer).toBe(input.buffer);
    expect(frame.bytes.every((byte) => byte === 9)).toBe(true);
  });

  it('reads a snapshot of 12 hours', () => {
    const bins = Array.from({ length: 43_200 }, (_, second) => ({ second, values: [-20.5, 0, 0.5, 0, 0, 0, 0, 0, 0.25, 0], speech: 1023 }));
    const frame: ServerFrame = { t: 'state', topic: 'session:s1', state: { ...emptyView(summary), bins } };
    expect(decodeServerFrame(encodeFrame(frame))).toEqual(frame);
  });
});

describe('[P10] names the bad field, its value and the remedy', () => {
  const chunk = chunkOf(1, new Uint8Array(8));
  it.each<[string, object, string]>([
    ['an unknown t', { t: 'nope' }, 'nope.t is "nope"'],
    ['no t', {}, 'frame.t is undefined'],
    ['a missing field', { t: 'ping' }, 'ping.id is undefined'],
    ['a field too many', { t: 'ping', id: 1, extra: 2 }, 'ping.extra is 2'],
    ['a key that is no ULID', { ...CLIENT_FRAMES[1], key: 'abc' }, 'start.key is "abc"'],
    ['an ULID past 2^128', { ...CLIENT_FRAMES[1], key: '8ZZZZZZZZZZZZZZZZZZZZZZZZZ' }, 'start.key is'],
    ['a fraction for an integer', { ...chunk, seq: 1.5 }, 'chunk.seq is 1.5'],
    ['sequence 0', { ...chunk, seq: 0 }, 'chunk.seq is 0'],
    ['a crc beyond 32 bits', { ...chunk, crc: 2 ** 32 }, 'chunk.crc is 4294967296'],
    ['a time before the start', { ...chunk, startMs: -1 }, 'chunk.startMs is -1'],
    ['an empty chunk', { ...chunk, bytes: new Uint8Array(0) }, 'chunk.bytes is 0 bytes'],
    ['text for bytes', { ...chunk, bytes: 'abc' }, 'chunk.bytes is "abc"'],
    ['a gap backwards', { ...CLIENT_FRAMES[3], to: 2 }, 'gap.to is 2'],
    ['an unknown topic', { t: 'watch', topic: 'user:1' }, 'watch.topic is "user:1"'],
    ['a bad rectangle', { ...CLIENT_FRAMES[4], rect: { x: 0, y: 0, width: -1, height: 1 } }, 'region.rect.width is -1'],
    ['NUL in a title', { ...CLIENT_FRAMES[1], title: 'a\0b' }, 'start.title is'],
    ['NUL in the title of a page', { ...CLIENT_FRAMES[5], title: 'a\0b' }, 'page.title is'],
    ['a page that is half playing', { ...CLIENT_FRAMES[5], playing: 0.5 }, 'page.playing is 0.5'],
    ['a long title', { ...CLIENT_FRAMES[1], title: 'x'.repeat(2000) }, 'start.title is "xxx'],
  ])('%s', (_, frame, message) => {
    const error = refusal(() => decodeClientFrame(packr.pack(frame), LIMITS));
    expect(error.code).toBe('bad_frame');
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(400);
  });

  it('another version, before any other field', () => {
    expect(refusal(() => decodeClientFrame(packr.pack({ t: 'hello', version: 2, secret: 1 }), LIMITS)).code).toBe('version');
  });

  it.each<[string, object]>([
    ['a chunk over the limit', chunkOf(1, new Uint8Array(100_001))],
    ['an address over 8 KiB', { ...CLIENT_FRAMES[5], sourceUrl: `https://${'x'.repeat(8190)}` }],
    ['a token over 8 KiB', { ...CLIENT_FRAMES[0], token: 'x'.repeat(8193) }],
    ['too many items', { t: 'ping', id: Array.from({ length: 3000 }, () => 0) }],
    ['too deep', { t: 'ping', id: [[[[[[[[1]]]]]]]] }],
  ])('too large: %s', (_, frame) => {
    expect(refusal(() => decodeClientFrame(packr.pack(frame), LIMITS)).code).toBe('too_large');
  });
});

describe('[P18] words', () => {
  const word = (startMs: number, patch: object = {}) => ({ startMs, endMs: startMs + 100, text: 'word', confidence: 1, ...patch });
  const frame = { t: 'words', session: 's1', epoch: 1, fromMs: 1000, untilMs: 9000, words: [word(1000), word(1000), word(8999)] };

  it('fill a frame to its limits', () => {
    const words = Array.from({ length: MAX_FRAME_WORDS }, (_, at) => word(1000 + at, { text: '好'.repeat(MAX_WORD_TEXT) }));
    const full = { ...frame, words } as ClientFrame;
    expect(decodeClientFrame(encodeFrame(full), { maxChunkBytes: MAX_CHUNK_BYTES })).toEqual(full);
  });

  it.each<[string, object, FrameError['code'], string]>([
    ['that end before they begin', { untilMs: 900, words: [] }, 'bad_frame', 'words.untilMs is 900; send at least fromMs, 1000'],
    ['before their stretch', { words: [word(999)] }, 'bad_frame', 'words.0.startMs is 999; send words in order, each beginning in 1000..9000'],
    ['beginning where it ends', { words: [word(9000)] }, 'bad_frame', 'words.0.startMs is 9000'],
    ['out of order', { words: [word(3000), word(2000)] }, 'bad_frame', 'words.1.startMs is 2000; send words in order, each beginning in 3000..9000'],
    ['that run backwards', { words: [word(3000, { endMs: 2999 })] }, 'bad_frame', 'words.0.endMs is 2999; send 3000..63000'],
    ['that last two minutes', { words: [word(3000, { endMs: 123_000 })] }, 'bad_frame', 'words.0.endMs is 123000'],
    ['too many', { words: Array.from({ length: 201 }, (_, at) => word(1000 + at)) }, 'too_large', 'words.words holds 201; send at most 200 in a frame'],
    ['more than are even looked at', { words: Array.from({ length: 250 }, (_, at) => word(1000 + at)) }, 'too_large', 'number of items'],
    ['too long', { words: [word(3000, { text: 'x'.repeat(201) })] }, 'bad_frame', 'words.words.0.text is "xxx'],
    ['empty', { words: [word(3000, { text: '' })] }, 'bad_frame', 'words.words.0.text is ""'],
    ['surer than sure', { words: [word(3000, { confidence: 1.5 })] }, 'bad_frame', 'words.words.0.confidence is 1.5'],
    ['with more to them', { words: [word(3000, { speaker: 1 })] }, 'bad_frame', 'words.words.0.speaker is 1'],
  ])('%s are refused', (_, patch, code, message) => {
    const error = refusal(() => decodeClientFrame(packr.pack({ ...frame, ...patch }), LIMITS));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
  });

  it('not finite are refused', () => {
    expect(refusal(() => decodeClientFrame(packr.pack({ ...frame, untilMs: Infinity, words: [] }), LIMITS)).code).toBe('bad_frame');
  });
});

describe('[P10] bytes a decoder would allocate for', () => {
  it.each<[string, string]>([
    ['nothing', ''],
    ['a 4 GiB string', '81a174dbffffffff41'],
    ['a 4 GiB binary', '81a174c6ffffffff41'],
    ['a 4 G list', '81a174ddffffffff'],
    ['a 4 G map', 'dfffffffff'],
    ['an extension', '81a174d4000a'],
    ['a timestamp', '81a174d6ff00000000'],
    ['the reserved type', '81a174c1'],
    ['a number for a key', '8101a174'],
    ['NaN', '81a174cb7ff8000000000000'],
    ['infinity', '81a174ca7f800000'],
    ['an integer beyond 2^53', '81a174cfffffffffffffffff'],
    ['two maps', '8080'],
    ['a list at the top', '9181a17401'],
    ['a cut map', '82a17401'],
  ])('%s', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(refusal(() => decodeClientFrame(bytes, LIMITS))).toBeInstanceOf(FrameError);
    expect(refusal(() => decodeServerFrame(bytes))).toBeInstanceOf(FrameError);
  });
});

const suites = '../shared/testdata/suites';
describe.skipIf(!existsSync(suites))('public suites (skipped where ../shared/testdata is absent)', () => {
  const limits = { maxBytes: 1e6, maxDepth: 8, maxItems: 2000, maxStringBytes: 8192, maxBinBytes: 1e5 };
  type Vector = Record<string, unknown> & { msgpack: string[] };
  const vectors = (): Vector[] => {
    const parsed: Record<string, Vector[]> = JSON.parse(readFileSync(`${suites}/msgpack/msgpack-test-suite.json`, 'utf8'));
    return Object.values(parsed).flat();
  };

  it('[P10] passes every plain msgpack vector and refuses extensions, timestamps and what exceeds 2^53', () => {
    const verdicts = vectors().flatMap((vector) =>
      vector.msgpack.map((hex) => {
        const value = Buffer.from(hex.replaceAll('-', ''), 'hex');
        const type = value[0] ?? 0;
        const int64 = type === 0xcf ? value.readBigUInt64BE(1) : type === 0xd3 ? value.readBigInt64BE(1) : 0n;
        const forbidden = 'ext' in vector || 'timestamp' in vector || int64 >= 2n ** 53n || int64 <= -(2n ** 53n);
        const found = outcome(() => scan(Buffer.concat([Buffer.from([0x81, 0xa1, 0x76]), value]), limits)); // {v: value}
        return { hex, wanted: forbidden ? 'bad_frame' : 'passed', found };
      }),
    );
    expect(verdicts.filter(({ wanted, found }) => wanted !== found)).toEqual([]);
    expect(verdicts.filter(({ found }) => found === 'passed').length).toBeGreaterThan(150);
    expect(verdicts.filter(({ found }) => found === 'bad_frame').length).toBeGreaterThan(15);
  });

  it('[P9] carries every naughty string as a title, or refuses it by name', () => {
    const strings: string[] = JSON.parse(readFileSync(`${suites}/naughty-strings/blns.json`, 'utf8'));
    const carried = strings.filter((title) => {
      const frame: ClientFrame = { t: 'start', key: KEY, title, sourceUrl: title, mime: 'video/webm', video: null, resume: true, transcript: 'server' };
      const refused = outcome(() => expect(decodeClientFrame(encodeFrame(frame), LIMITS)).toEqual(frame));
      if ((refused === 'bad_frame') !== (title.length > 1024 || title.includes('\0'))) throw new Error(`${refused}: ${title}`);
      return refused === 'passed';
    });
    expect(carried.length).toBeGreaterThan(500);
  });
});

it('[P10] a refusal quotes nothing that could not be sent back', () => {
  const frame = encodeFrame({ t: 'ping', id: 1 }).slice();
  frame[frame.indexOf(0x70)] = 0; // t becomes "\0ing"
  expect(() => decodeClientFrame(frame, { maxChunkBytes: 1_000 })).toThrow(/^frame\.t is "\\u0000ing"/);
});

describe('hostile frames', () => {
  const seed = Number(process.env.SEED ?? 20261121);
  const random = seededRandom(seed);
  const int = (below: number): number => Math.floor(random() * below);
  const noise = (length: number): Uint8Array => Uint8Array.from({ length }, () => int(256));
  const sound = CLIENT_FRAMES.map((frame) => new Uint8Array(encodeFrame(frame)));
  const lengths = [0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf];
  const kinds: (() => Uint8Array)[] = [
    () => noise(int(300)),
    () => Uint8Array.from([0x81, 0xa1, 0x74, ...noise(int(100))]),
    () => sound[int(sound.length)]!.slice(0, int(60)),
    () => {
      const bytes = sound[int(sound.length)]!.slice();
      for (let flips = 1 + int(4); flips > 0; flips--) bytes[int(Math.min(bytes.length, 200))]! ^= 1 << int(8);
      return bytes;
    },
    () => Uint8Array.from([0x81, 0xa1, 0x74, 0xc7 + int(3), ...noise(40)]),
    () => Uint8Array.from([0x81, 0xa1, 0x74, 0xd4 + int(5), int(256), ...noise(40)]),
    () => new Uint8Array(1 + int(90_000)).fill([0x81, 0x91, 0x9f, 0x8f, 0xdd][int(5)]!),
    () => Uint8Array.from([0x81, 0xa1, 0x74, lengths[int(lengths.length)]!, 0xff, 0xff, 0xff, 0xff, ...noise(20)]),
    () => Uint8Array.from([...sound[int(sound.length)]!, ...noise(1 + int(5))]),
  ];

  it(`[P10] 10,000 of them end in FrameError, fast and without memory (SEED=${seed})`, () => {
    const frames = Array.from({ length: 10_000 }, (_, at) => kinds[at % kinds.length]!());
    const before = process.memoryUsage().rss;
    let slowest = 0;
    let refused = 0;
    for (const bytes of frames)
      for (const decode of [() => decodeClientFrame(bytes, LIMITS), () => decodeServerFrame(bytes)]) {
        const startedAt = performance.now();
        try {
          decode();
        } catch (error) {
          if (!(error instanceof FrameError)) throw new Error(`seed ${seed}: ${Buffer.from(bytes.subarray(0, 80)).toString('hex')}`, { cause: error });
          refused++;
        }
        slowest = Math.max(slowest, performance.now() - startedAt);
      }
    console.log(`seed ${seed}: ${refused} of ${frames.length * 2} refused, slowest ${slowest.toFixed(2)} ms, rss +${((process.memoryUsage().rss - before) / 1e6).toFixed(0)} MB`);
    expect(refused).toBeGreaterThan(18_000);
    expect(slowest).toBeLessThan(1_000); // a hang, not a benchmark: the machine may be busy
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });
});
