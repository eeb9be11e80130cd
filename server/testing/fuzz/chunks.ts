// Target `chunks`: hostile media through the walkers, the decode stage and the muxer, in this process. Only `MediaError`s, the same
// events for every slicing, packets that name their exact bytes, numbers that are numbers, and an end for everything.
import { AssertionError } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MediaError } from '../../errors.ts';
import { opusSamples } from '../../media/opus.ts';
import type { Packet, Track, WalkEvent } from '../../media/media.ts';
import { muxClip, planMux } from '../../media/mux.ts';
import { createWalker } from '../../media/walker.ts';
import { createDecoder } from '../../pipeline/decode.ts';
import { createMemoryMediaLog } from '../media-log.memory.ts';
import { openIndex } from '../pipeline-fixture.ts';
import { readPlainMp4 } from '../plain-mp4.ts';
import { type Chance, chanceOf } from './chance.ts';
import { type Finding, type FuzzOptions, type FuzzReport, MAX_FINDINGS, numbers, tally } from './fuzz.ts';
import { type Base, hostileMedia, mediaBases } from './hostile-media.ts';

/** every so many cases also go through the decode stage and the muxer, which write files */
const STAGE_EVERY = 10;
const LIMIT_MS = 5_000;

type Walked = { events: WalkEvent[]; error: MediaError | null };

/** Walks it in slices that `next` gives; throws what is no `MediaError`. */
const walk = (bytes: Uint8Array, videoData: boolean, next: () => number): Walked => {
  const walker = createWalker({ videoData });
  const events: WalkEvent[] = [];
  try {
    for (let at = 0; at < bytes.length; ) {
      const size = Math.max(1, next());
      for (const event of walker.push(bytes.slice(at, at + size))) events.push(event);
      at += size;
    }
    for (const event of walker.end()) events.push(event);
    return { events, error: null };
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return { events, error };
  }
};

const numbersIn = (event: WalkEvent): number[] => {
  switch (event.type) {
    case 'init': return [event.init.byteStart, event.init.byteEnd, ...event.init.tracks.flatMap(({ number, width, height, sampleRate, channels }) => [number, width, height, sampleRate, channels])];
    case 'fragment': return [event.byteStart, event.startMs];
    case 'packet': return [event.packet.startMs, event.packet.durationMs, event.packet.byteStart, event.packet.byteLength];
    case 'damage': return [event.byteStart, event.byteEnd];
    default: return event satisfies never;
  }
};

const described = (event: WalkEvent): string => {
  if (event.type === 'init') return `init ${event.init.byteStart}-${event.init.byteEnd} ${event.init.tracks.map(({ number, codecName }) => `${number}:${codecName}`).join()}`;
  if (event.type === 'packet') return `packet ${event.packet.track} ${event.packet.startMs}+${event.packet.durationMs} ${event.packet.byteStart}+${event.packet.byteLength} ${event.packet.key}`;
  return event.type === 'damage' ? `damage ${event.byteStart}-${event.byteEnd}` : `fragment ${event.byteStart} ${event.startMs}`;
};

const walkFault = (bytes: Uint8Array, chance: Chance): { walked: Walked; wrong?: string } => {
  const walked = walk(bytes, true, () => bytes.length);
  const { events, error } = walked;
  const wrong = (what: string) => ({ walked, wrong: what });
  if (events.length > bytes.length) return wrong(`${events.length} events of ${bytes.length} bytes`);
  for (const event of events) {
    if (!numbersIn(event).every(Number.isFinite)) return wrong(`a number that is none: ${described(event)}`);
    if (event.type !== 'packet') continue;
    const { byteStart, byteLength, data, durationMs } = event.packet;
    if (byteStart < 0 || byteStart + byteLength > bytes.length) return wrong(`a packet outside the bytes: ${described(event)}`);
    if (durationMs < 0) return wrong(`a packet that lasts ${durationMs} ms`);
    if (event.packet.kind === 'other') continue; // not kept
    // data may be longer than its bytes where a header was stripped from it (Matroska, ContentCompAlgo 3)
    if (!Buffer.from(data).subarray(data.length - byteLength).equals(bytes.subarray(byteStart, byteStart + byteLength))) return wrong(`a packet that is not its bytes: ${described(event)}`);
    if (event.packet.kind === 'audio' && !Number.isFinite(opusSamples(data))) return wrong('Opus samples that are no number');
  }
  if (error !== null && error.message.length > 2_000) return wrong(`a message of ${error.message.length} characters`);
  const sizes = chance.pick([1, 7, 300, 5_000, 70_000]);
  const other = walk(bytes, false, () => (sizes === 1 && bytes.length > 20_000 ? 97 : 1 + chance.below(sizes)));
  const [a, b] = [events.map(described), other.events.map(described)];
  const apart = a.findIndex((line, at) => line !== b[at]);
  if (apart >= 0 || a.length !== b.length) return wrong(`in slices: ${b[apart >= 0 ? apart : a.length] ?? 'nothing'} instead of ${a[apart] ?? 'nothing'}`);
  if (error?.code !== other.error?.code) return wrong(`in slices: ${other.error?.message ?? 'no error'} instead of ${error?.message ?? 'none'}`);
  return { walked };
};

/** Through the decode stage as records of half a second, some lost. */
const decodeFault = async (bytes: Uint8Array, chance: Chance, folder: string): Promise<string | undefined> => {
  const log = createMemoryMediaLog();
  const piece = 2_000 + chance.below(30_000);
  for (let at = 0, n = 0; at < bytes.length; at += piece, n += 1) {
    if (chance.often(0.05)) log.loss(n * 500, n * 500 + 500);
    log.append({ bytes: bytes.slice(at, at + piece), startMs: n * 500, durationMs: 500 });
  }
  log.finish();
  const index = await openIndex(folder);
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const decoder = createDecoder({ log, index, fromMs: 0, scenes: true, onDamage: () => undefined, onUnreadable: async () => undefined });
    let pulls = 0;
    for (let pulled = await decoder.next(signal); pulled; pulled = await decoder.next(signal)) {
      const segment = await decoder.decode(pulled, signal);
      if (!Number.isFinite(segment.untilMs)) return `decode reached ${segment.untilMs}`;
      if ((pulls += 1) > bytes.length) return 'the decode stage does not end';
    }
  } finally {
    await index.close();
  }
  return undefined;
};

const muxFault = async (events: readonly WalkEvent[], folder: string): Promise<string | undefined> => {
  const tracks: Track[] = events.flatMap((event) => (event.type === 'init' ? event.init.tracks : [])).slice(0, 8);
  const packets: Packet[] = events.flatMap((event) => (event.type === 'packet' ? [event.packet] : []));
  if (tracks.length === 0 || packets.length === 0) return undefined;
  const startMs = packets[0]?.startMs ?? 0;
  try {
    planMux(tracks);
    const target = join(folder, 'clip');
    const { container, bytes } = await muxClip({ tracks, packets: [packets], target, startMs, endMs: startMs + 5_000 }, AbortSignal.timeout(LIMIT_MS));
    const file = readFileSync(target);
    if (file.length !== bytes) return `a clip of ${file.length} bytes instead of ${bytes}`;
    if (container === 'mp4') readPlainMp4(file);
  } catch (error) {
    if (error instanceof AssertionError) return `the muxer wrote a broken MP4: ${error.message}`;
    if (!(error instanceof MediaError)) return `the muxer threw ${String(error)}`;
  }
  return undefined;
};

export const fuzzChunks = async (options: FuzzOptions): Promise<FuzzReport> => {
  const bases: Base[] = await mediaBases();
  const findings: Finding[] = [];
  const outcomes = tally();
  let [done, slowestMs, slowest, rss] = [0, 0, -1, 0];
  const beganAt = performance.now();
  for (const number of numbers(options)) {
    const chance = chanceOf(options.seed, number);
    const { base, bytes } = hostileMedia(chance, bases);
    const began = performance.now();
    let wrong: string | undefined;
    try {
      const fault = walkFault(bytes, chance);
      wrong = fault.wrong;
      outcomes.add(fault.walked.error ? fault.walked.error.code : fault.walked.events.some(({ type }) => type === 'damage') ? 'stepped over' : 'whole');
      if (wrong === undefined && (number % STAGE_EVERY === 0 || options.only !== undefined)) {
        const folder = mkdtempSync(join(tmpdir(), 'clippy-fuzz-'));
        try {
          wrong = (await decodeFault(bytes, chance, folder)) ?? (await muxFault(fault.walked.events, folder));
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }
    } catch (error) {
      wrong = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const tookMs = performance.now() - began;
    if (tookMs > slowestMs) [slowestMs, slowest] = [tookMs, number];
    wrong ??= tookMs > LIMIT_MS ? `took ${Math.round(tookMs)} ms` : undefined;
    if (wrong !== undefined) findings.push({ number, what: wrong, input: `${base.name}, ${bytes.length} bytes` });
    done += 1;
    if (done % 1_000 === 0) {
      rss = Math.max(rss, process.memoryUsage.rss());
      options.progress?.(`chunks: ${done} of ${options.runs}`);
    }
    if (findings.length >= MAX_FINDINGS) break;
  }
  return {
    target: 'chunks', seed: options.seed, runs: done, findings,
    summary: `${bases.length} recordings mutated; ${outcomes.line()}; ${Math.round(done / ((performance.now() - beganAt) / 1_000))} a second, slowest ${Math.round(slowestMs)} ms (case ${slowest}), RSS at most ${Math.round(Math.max(rss, process.memoryUsage.rss()) / 1e6)} MB`,
  };
};
