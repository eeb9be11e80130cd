import { seededRandom } from '../../shared/testing/random.ts';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MediaError } from '../errors.ts';
import { concat } from './bytes.ts';
import type { WalkEvent } from './media.ts';
import { ffmpeg, filesOf, FRAGMENTED, hasFfprobe, makeMp4, makeWebm, packetsOf, temporaryFolder, walkSlices } from '../testing/test-media.ts';
import { createWalker } from './walker.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const made = { webm: folder.path('live.webm'), mp4: folder.path('live.mp4') };
const stored = [...filesOf('webm-live', /\.webm$/), ...filesOf('video', /\.webm$/), ...filesOf('video/edge', /\.(webm|mkv)$/), ...filesOf('video/edge', /^frag/)];
const plain = [...filesOf('video', /\.mp4$/), ...filesOf('video/edge', /\.mp4$/)].filter((file) => !basename(file).startsWith('frag'));
const fragmented = (file: string): string => folder.path(`frag-${basename(file)}`);

beforeAll(async () => {
  await Promise.all([makeWebm(made.webm), makeMp4(made.mp4)]);
  for (const file of plain) await ffmpeg('-i', file, '-map', '0:v?', '-map', '0:a?', '-c', 'copy', ...FRAGMENTED, '-f', 'mp4', fragmented(file));
}, 60_000);

const all = (): string[] => [made.webm, made.mp4, ...stored, ...plain.map(fragmented)];
const walk = (bytes: Uint8Array, videoData = false): WalkEvent[] => {
  const walker = createWalker({ videoData });
  return [...walker.push(bytes), ...walker.end()];
};
const fingerprint = (events: WalkEvent[]): string => {
  const hash = createHash('sha256');
  for (const event of events) {
    if (event.type === 'packet') hash.update(JSON.stringify({ ...event.packet, data: event.packet.data.length })).update(event.packet.data);
    else hash.update(event.type === 'init' ? event.init.bytes : JSON.stringify(event));
  }
  return `${events.length} ${hash.digest('hex')}`;
};

describe('[D1] slices', () => {
  it('gives the same events whatever the slices, with and without video payloads', () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`walker slices: seed ${seed}`);
    const random = seededRandom(seed);
    for (const file of all()) {
      const bytes = new Uint8Array(readFileSync(file));
      for (const videoData of [false, true]) {
        const whole = fingerprint(walk(bytes, videoData));
        for (const next of [() => 1000, () => Math.floor(random() * 70_000)]) expect([basename(file), fingerprint(walkSlices(createWalker({ videoData }), bytes, next))]).toEqual([basename(file), whole]);
      }
      const start = bytes.subarray(0, 30_000);
      const whole = fingerprint(walk(start));
      for (let size = 1; size <= 7; size++) expect([basename(file), size, fingerprint(walkSlices(createWalker({ videoData: false }), start, () => size))]).toEqual([basename(file), size, whole]);
    }
  });

  it('keeps no view of a slice without video payloads: its memory may be used again', () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`walker reused slices: seed ${seed}`);
    const random = seededRandom(seed);
    for (const file of all()) {
      const bytes = new Uint8Array(readFileSync(file));
      const walker = createWalker({ videoData: false });
      const events: WalkEvent[] = [];
      for (let at = 0; at < bytes.length;) {
        const slice = bytes.slice(at, at + 1 + Math.floor(random() * 70_000));
        at += slice.length;
        events.push(...walker.push(slice));
        slice.fill(0xdd);
      }
      const found = [...events, ...walker.end()];
      expect([basename(file), fingerprint(found)]).toEqual([basename(file), fingerprint(walk(bytes))]);
      const tracks = (of: WalkEvent[]) => of.flatMap((event) => (event.type === 'init' ? event.init.tracks : []));
      expect([basename(file), tracks(found)]).toEqual([basename(file), tracks(walk(bytes))]);
    }
  });

  it('names the exact bytes of every packet', () => {
    for (const file of all()) {
      const bytes = new Uint8Array(readFileSync(file));
      const wrong = packetsOf(walk(bytes, true)).filter(({ kind, data, byteStart, byteLength }) => kind !== 'other' && Buffer.compare(data, bytes.subarray(byteStart, byteStart + byteLength)) !== 0);
      expect(wrong).toEqual([]);
    }
  });

  it('keeps no video payload unless asked to', () => {
    const packets = packetsOf(walk(new Uint8Array(readFileSync(made.mp4))));
    expect(packets.filter(({ kind, data }) => kind === 'video' && data.length > 0)).toEqual([]);
    expect(packets.filter(({ kind, data, byteLength }) => kind === 'audio' && data.length !== byteLength)).toEqual([]);
  });
});

type Seen = { startMs: number; size: number; key: boolean };

const byFfprobe = (file: string): Seen[][] => {
  const json = JSON.parse(execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'stream=index,codec_type:packet=stream_index,pts_time,size,flags', '-of', 'json', file], { maxBuffer: 1 << 28, encoding: 'utf8' })) as {
    streams: { index: number; codec_type?: string }[];
    packets: { stream_index: number; pts_time: string; size: string; flags: string }[];
  };
  const streams = json.streams.filter(({ codec_type: type }) => type === 'video' || type === 'audio');
  return streams.map(({ index }) => json.packets.filter((packet) => packet.stream_index === index).map(({ pts_time: pts, size, flags }) => ({ startMs: Number(pts) * 1000, size: Number(size), key: flags.startsWith('K') })));
};

const byMediabunny = async (file: string): Promise<Seen[][]> => {
  const input = new Input({ source: new BufferSource(readFileSync(file)), formats: ALL_FORMATS });
  const tracks = [];
  for (const track of await input.getTracks()) {
    const seen: Seen[] = [];
    for await (const packet of new EncodedPacketSink(track).packets()) seen.push({ startMs: packet.timestamp * 1000, size: packet.data.length, key: packet.type === 'key' });
    tracks.push(seen);
  }
  return tracks;
};

describe('[D2] packets', () => {
  it(`equal in number, time, size and key flag what ${hasFfprobe ? 'ffprobe' : 'mediabunny'} finds`, async () => {
    for (const file of hasFfprobe ? all() : [made.webm, made.mp4]) {
      const events = walk(new Uint8Array(readFileSync(file)));
      expect([basename(file), ...events.filter(({ type }) => type === 'damage')]).toEqual([basename(file)]);
      const [init] = events.flatMap((event) => (event.type === 'init' ? [event.init] : []));
      const ours = (init?.tracks ?? []).filter(({ kind }) => kind !== 'other').map(({ number }) => packetsOf(events).filter(({ track }) => track === number));
      const theirs = hasFfprobe ? byFfprobe(file) : await byMediabunny(file);
      for (const [i, packets] of ours.entries()) {
        const expected = theirs[i] ?? [];
        expect([basename(file), i, packets.length]).toEqual([basename(file), i, expected.length]);
        for (const [j, packet] of packets.entries()) {
          expect([packet.byteLength, packet.key]).toEqual([expected[j]?.size, expected[j]?.key]);
          // both round to a millisecond where the container counts in milliseconds
          expect(Math.abs(packet.startMs - (expected[j]?.startMs ?? NaN))).toBeLessThanOrEqual(hasFfprobe ? 1 : 7.5);
        }
      }
    }
  });

  it('refuses a plain MP4 and says what to do', () => {
    for (const file of plain) {
      const attempt = (): unknown => walk(new Uint8Array(readFileSync(file)));
      expect(attempt).toThrow(expect.objectContaining({ code: 'unsupported', message: expect.stringContaining('remux it to fragmented MP4') }));
    }
  });

  it('refuses what is neither container, naming its first bytes', () => {
    expect(() => walk(new TextEncoder().encode('RIFF....WAVE'))).toThrow(/52 49 46 46.*neither WebM/);
  });
});

describe('[D3] loss and damage', () => {
  it('resumes at the next fragment after a loss and reports what was stepped over', () => {
    for (const file of [made.webm, made.mp4]) {
      const bytes = new Uint8Array(readFileSync(file));
      const whole = walk(bytes);
      const fragments = whole.flatMap((event) => (event.type === 'fragment' ? [event.byteStart] : []));
      const [lostFrom, lostTo] = [(fragments[1] ?? 0) + 1000, (fragments[2] ?? 0) + 500];
      const resumeAt = fragments.find((at) => at >= lostTo) ?? NaN;
      const walker = createWalker({ videoData: false });
      const events = walker.push(bytes.subarray(0, lostFrom));
      walker.skipTo(lostTo);
      events.push(...walker.push(bytes.subarray(lostTo)), ...walker.end());
      const [damage] = events.filter((event) => event.type === 'damage');
      expect(damage).toMatchObject({ byteEnd: resumeAt });
      expect(damage?.byteStart).toBeLessThanOrEqual(lostFrom);
      const after = (from: WalkEvent[]) => packetsOf(from).filter(({ byteStart }) => byteStart >= resumeAt);
      expect(after(events)).toEqual(after(whole));
      const before = (from: WalkEvent[]) => packetsOf(from).filter(({ byteStart, byteLength }) => byteStart + byteLength <= (damage?.byteStart ?? 0));
      expect(before(events)).toEqual(before(whole));
    }
  });

  it('steps over a stretch of noise to the next fragment, the same for every slicing', () => {
    for (const file of [made.webm, made.mp4]) {
      const bytes = new Uint8Array(readFileSync(file));
      const fragments = walk(bytes).flatMap((event) => (event.type === 'fragment' ? [event.byteStart] : []));
      const random = seededRandom(7);
      for (let at = (fragments[2] ?? 0) - 400; at < (fragments[2] ?? 0) + 60; at++) bytes[at] = Math.floor(random() * 256);
      const whole = walk(bytes);
      expect(whole.some(({ type }) => type === 'damage')).toBe(true);
      expect(whole.flatMap((event) => (event.type === 'fragment' ? [event.byteStart] : []))).toContain(fragments[3]);
      for (const size of [1, 5, 333]) expect(fingerprint(walkSlices(createWalker({ videoData: false }), bytes, () => size))).toBe(fingerprint(whole));
    }
  });

  it('starts in the middle from a stored init and a fragment offset', () => {
    for (const file of [made.webm, made.mp4]) {
      const bytes = new Uint8Array(readFileSync(file));
      const whole = walk(bytes);
      const [init] = whole.flatMap((event) => (event.type === 'init' ? [event.init] : []));
      const byteStart = whole.flatMap((event) => (event.type === 'fragment' ? [event.byteStart] : []))[2] ?? 0;
      if (!init) throw new Error('no init');
      const walker = createWalker({ videoData: false, init, byteStart });
      const events = [...walker.push(bytes.subarray(byteStart)), ...walker.end()];
      expect(packetsOf(events)).toEqual(packetsOf(whole).filter((packet) => packet.byteStart >= byteStart));
      expect(events.filter(({ type }) => type === 'damage' || type === 'init')).toEqual([]);
    }
  });

  it('reports a new init in the middle, and packets of the stream behind it', () => {
    for (const file of [made.webm, made.mp4]) {
      const bytes = new Uint8Array(readFileSync(file));
      const twice = walk(concat([bytes, bytes]));
      const inits = twice.flatMap((event) => (event.type === 'init' ? [event.init.byteStart] : []));
      expect(inits).toEqual([0, bytes.length]);
      expect(twice.filter(({ type }) => type === 'damage')).toEqual([]);
      const once = packetsOf(walk(bytes));
      expect(packetsOf(twice)).toEqual([...once, ...once.map((packet) => ({ ...packet, byteStart: packet.byteStart + bytes.length }))]);
    }
  });

  it('survives 2,000 mutations: no crash, no hang, only MediaError, bounded memory', () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`walker mutations: seed ${seed}`);
    const random = seededRandom(seed);
    const originals = [made.webm, made.mp4, ...stored.filter((file) => /trim-buck|frames|testsrc\.mkv|frag-/.test(file))].map((file) => new Uint8Array(readFileSync(file)).subarray(0, 80_000));
    const before = process.memoryUsage().arrayBuffers;
    const codes = new Map<string, number>();
    let slowest = 0;
    for (let round = 0; round < 2000; round++) {
      const bytes = mutate(originals[round % originals.length] ?? new Uint8Array(0), random);
      const videoData = random() < 0.5;
      const began = performance.now();
      const whole = outcome(bytes, videoData, () => bytes.length);
      slowest = Math.max(slowest, performance.now() - began);
      codes.set(whole.code, (codes.get(whole.code) ?? 0) + 1);
      const size = 1 + Math.floor(random() * 20_000);
      expect({ round, ...outcome(bytes, videoData, () => size) }).toEqual({ round, ...whole });
    }
    console.log(`mutations ended: ${JSON.stringify([...codes])}, slowest ${slowest.toFixed(0)} ms`);
    expect(slowest).toBeLessThan(1000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * 1024 * 1024);
  });
});

/** What a walk gave before it ended, and how. Anything but a MediaError is thrown on. */
const outcome = (bytes: Uint8Array, videoData: boolean, next: () => number): { events: string; code: string } => {
  const walker = createWalker({ videoData });
  const events: WalkEvent[] = [];
  try {
    for (let at = 0; at < bytes.length; ) {
      const size = next();
      events.push(...walker.push(bytes.slice(at, at + size)));
      at += size;
    }
    events.push(...walker.end());
    return { events: fingerprint(events), code: 'end' };
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return { events: fingerprint(events), code: error.code };
  }
};

/** Flips, overwrites, cuts out, doubles or inserts; half of it near the start, where the structure is. */
const mutate = (original: Uint8Array, random: () => number): Uint8Array => {
  let bytes = concat([original]);
  for (let i = 0; i < 1 + Math.floor(random() * 4); i++) {
    const at = Math.floor(random() * (random() < 0.5 ? Math.min(2000, bytes.length) : bytes.length));
    const length = 1 + Math.floor(random() * (random() < 0.8 ? 8 : 3000));
    const way = Math.floor(random() * 5);
    if (way === 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    else if (way === 1) for (let j = at; j < Math.min(at + length, bytes.length); j++) bytes[j] = random() < 0.3 ? 0xff : Math.floor(random() * 256);
    else if (way === 2) bytes = concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    else if (way === 3) bytes = concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    else bytes = bytes.slice(0, Math.max(1, at));
  }
  return bytes;
};
