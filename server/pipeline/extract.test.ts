import { describe, expect, it } from 'vitest';
import { MediaError } from '../errors.ts';
import type { Packet, Track } from '../media/media.ts';
import type { AudioAnalyser, AudioFrame, OpenAudioAnalyser } from '../ports.ts';
import { createExtractor } from './extract.ts';
import type { Segment, SoundRun } from './segment.ts';

const signal = AbortSignal.timeout(10_000);
const track = (codec: Track['codec']): Track => ({ number: 1, kind: 'audio', codec, codecName: codec, config: new Uint8Array(0), width: 0, height: 0, sampleRate: 48_000, channels: 1 });
const packet = (startMs: number): Packet => ({ track: 1, kind: 'audio', startMs, durationMs: 20, key: true, byteStart: 0, byteLength: 1, data: Uint8Array.of(1) });
const packets = (fromMs: number, toMs: number): Packet[] => Array.from({ length: Math.round((toMs - fromMs) / 20) }, (_, i) => packet(fromMs + i * 20));
const segment = (sound: SoundRun[], ended = false): Segment => ({ nextByte: 0, untilMs: sound.at(-1)?.untilMs ?? 0, part: sound.at(-1)?.part ?? 0, videoTrack: null, sound, keyframes: [], ended });
const run = (fromMs: number, untilMs: number, over: Partial<SoundRun> = {}): SoundRun => ({ part: 0, track: track('opus'), packets: packets(fromMs, untilMs), untilMs, ...over });

/** One frame per 100 ms whose packets are all there; the last comes at the end, as a real one holds back what it needs to look ahead. */
const analysers = () => {
  const opened: { startMs: number; codec: string; closed: number; heard: number[] }[] = [];
  const open: OpenAudioAnalyser = ({ track: { codec }, startMs }): AudioAnalyser => {
    const mine = { startMs, codec, closed: 0, heard: new Array<number>() };
    opened.push(mine);
    const pending: AudioFrame[] = [];
    const check = (): void => {
      if (codec === 'other') throw new MediaError('unsupported', 'no decoder for other');
      if (mine.closed > 0) throw new Error('pushed after close');
    };
    return {
      push: async (given) => {
        check();
        for (const one of given) {
          mine.heard.push(one.startMs);
          if (one.startMs % 100 === 80 && one.startMs - 80 >= startMs) pending.push({ startMs: one.startMs - 80, loudness: -20, onset: 0, voice: 1, laughter: 0 });
        }
        return pending.splice(0, pending.length - 1);
      },
      end: async () => {
        check();
        return pending.splice(0);
      },
      close: async () => { mine.closed += 1; },
    };
  };
  return { opened, open };
};
const extractor = (open: OpenAudioAnalyser, over: { fromMs?: number; deafUntilMs?: number; notes?: string[] } = {}) =>
  createExtractor({ sessionId: 's', fromMs: over.fromMs ?? 0, deafUntilMs: over.deafUntilMs ?? 0, openAudio: open, openScenes: null, onNote: (note) => { over.notes?.push(note); } });
const times = (frames: AudioFrame[]): number[] => frames.map(({ startMs }) => startMs);
const every100 = (fromMs: number, toMs: number): number[] => Array.from({ length: (toMs - fromMs) / 100 }, (_, i) => fromMs + i * 100);

describe('createExtractor', () => {
  it('[X16] frames are contiguous, also over a hole in the sound and over the end', async () => {
    const { open } = analysers();
    const one = extractor(open);
    const frames = [...(await one.extract(segment([run(0, 2_000)]), signal)).frames, ...(await one.extract(segment([run(3_000, 4_000)]), signal)).frames, ...(await one.extract(segment([run(4_000, 4_500, { untilMs: 6_000 })], true), signal)).frames];
    expect(times(frames)).toEqual(every100(0, 6_000));
    expect(times(frames.filter(({ loudness }) => loudness === -70))).toEqual([...every100(2_000, 3_000), ...every100(4_500, 6_000)]);
  });

  it('[X16] a recorder that goes on days later costs a quarter of an hour of silence, not days', async () => {
    const one = extractor(analysers().open);
    const days = 3 * 86_400_000;
    const { frames } = await one.extract(segment([run(0, 1_000), run(days, days + 1_000)], true), signal);
    expect(frames.length).toBeLessThanOrEqual(9_020);
    expect(frames.at(-1)?.startMs).toBe(days + 900);
  });

  it('[X16] after a restart frames go on where they ended, whatever sound comes before', async () => {
    const { opened, open } = analysers();
    const one = extractor(open, { fromMs: 3_000 });
    const frames = [...(await one.extract(segment([run(1_500, 4_000)]), signal)).frames, ...(await one.extract(segment([run(4_000, 5_000)], true), signal)).frames];
    expect(times(frames)).toEqual(every100(3_000, 5_000));
    expect(opened).toMatchObject([{ startMs: 3_000 }]);
    expect(opened[0]?.heard[0]).toBe(1_500);
  });

  it('[X16] no sound, sound nobody can decode, and sound given up are silence; a later run is heard again', async () => {
    const { opened, open } = analysers();
    const notes: string[] = [];
    const one = extractor(open, { deafUntilMs: 1_000, notes });
    const frames: AudioFrame[] = [];
    frames.push(...(await one.extract(segment([run(0, 1_000)]), signal)).frames);
    frames.push(...(await one.extract(segment([run(1_000, 2_000, { track: track('other') })]), signal)).frames);
    frames.push(...(await one.extract(segment([run(2_000, 3_000, { track: track('other') })]), signal)).frames);
    frames.push(...(await one.extract(segment([run(3_000, 4_000, { part: 1, track: null, packets: [] })]), signal)).frames);
    frames.push(...(await one.extract(segment([run(4_000, 5_000, { part: 2 })], true), signal)).frames);
    expect(times(frames)).toEqual(every100(0, 5_000));
    expect(times(frames.filter(({ voice }) => voice === 1))).toEqual(every100(4_000, 5_000));
    expect(notes).toEqual(['no decoder for other']);
    await one.close();
    expect(opened.map(({ codec, closed }) => ({ codec, closed }))).toEqual([{ codec: 'other', closed: 1 }, { codec: 'opus', closed: 1 }]);
  });

  it('a run that begins inside a segment gets its own decoder; the run before keeps its sound', async () => {
    const { opened, open } = analysers();
    const one = extractor(open);
    const { frames } = await one.extract(segment([run(0, 1_000), run(1_000, 2_000, { part: 1, track: track('aac') })], true), signal);
    expect(times(frames)).toEqual(every100(0, 2_000));
    expect(opened.map(({ codec, heard }) => ({ codec, count: heard.length }))).toEqual([{ codec: 'opus', count: 50 }, { codec: 'aac', count: 50 }]);
  });
});
