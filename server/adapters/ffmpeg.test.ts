import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Packet, Track } from '../media/media.ts';
import { muxClip } from '../media/mux.ts';
import { ffmpeg, ffmpegBinary, FRAGMENTED, makeMp4, makeWebm, packetsOf, temporaryFolder } from '../testing/test-media.ts';
import { createWalker } from '../media/walker.ts';
import { findFfmpeg } from '../workers/ffmpeg.ts';
import type { FfmpegBinary } from '../workers/ffmpeg.ts';
import { createFfmpegMediaTool } from './media-tool.ffmpeg.ts';
import { createSceneDetectors, pictureChange } from './scene-detector.ffmpeg.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const never = new AbortController().signal;
const made = { mp4: folder.path('live.mp4'), webm: folder.path('live.webm') };

/** The registry's FFmpeg 4.1 too, wherever another one was found. */
const packaged = async (): Promise<FfmpegBinary[]> => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    const found = await findFfmpeg('');
    return found.path === ffmpegBinary.path ? [] : [found];
  } finally {
    process.env['PATH'] = path;
  }
};
const binaries = [ffmpegBinary, ...(await packaged())];

const read = (file: string): { tracks: Track[]; packets: Packet[] } => {
  const walker = createWalker({ videoData: true });
  const events = [...walker.push(new Uint8Array(readFileSync(file))), ...walker.end()];
  return { tracks: events.flatMap((event) => (event.type === 'init' ? event.init.tracks : [])), packets: packetsOf(events) };
};
const clip = async (file: string, startMs: number, endMs: number): Promise<string> => {
  const target = folder.path(`clip-${startMs}-${endMs}`);
  const { tracks, packets } = read(file);
  await muxClip({ tracks, packets: [packets], startMs, endMs, target }, never);
  return target;
};
/** width and height out of the frame header of a JPEG */
const jpegSize = (jpeg: Uint8Array): [number, number] => {
  expect([...jpeg.subarray(0, 2)]).toEqual([0xff, 0xd8]);
  const buffer = Buffer.from(jpeg);
  const at = buffer.indexOf(Buffer.from([0xff, 0xc0]));
  return [buffer.readUInt16BE(at + 7), buffer.readUInt16BE(at + 5)];
};

beforeAll(() => Promise.all([makeMp4(made.mp4, 4), makeWebm(made.webm, 4)]));

describe.each(binaries)('[F4] media tool on FFmpeg $version', ({ path, version }) => {
  const tool = createFfmpegMediaTool({ path, version });

  it('counts pictures and samples and finds the presented length', async () => {
    const { durationMs, ...found } = await tool.verify(await clip(made.mp4, 500, 2500), { container: 'mp4' }, never);
    expect(found).toMatchObject({ videoFrames: 50, width: 320, height: 180, errors: [] });
    expect(Math.abs(found.audioSamples - 96_000)).toBeLessThanOrEqual(1024);
    expect(Math.abs(durationMs - 2000)).toBeLessThanOrEqual(40);
    expect(await tool.verify(await clip(made.webm, 0, 2000), { container: 'webm' }, never)).toMatchObject({ videoFrames: 50, errors: [] });
  });

  it('reports what cannot be decoded', async () => {
    const file = await clip(made.mp4, 0, 3000);
    const bytes = readFileSync(file);
    const from = bytes.indexOf('mdat') + 3000;
    for (let i = from; i < Math.min(from + 20_000, bytes.length); i += 3) bytes[i] = (i * 31) & 0xff;
    const damaged = folder.path('damaged.mp4');
    writeFileSync(damaged, bytes);
    expect((await tool.verify(damaged, { container: 'mp4' }, never)).errors).not.toEqual([]);
    writeFileSync(damaged, 'no media at all');
    expect(await tool.verify(damaged, { container: 'mp4' }, never)).toMatchObject({ videoFrames: 0, audioSamples: 0, errors: expect.arrayContaining([expect.stringContaining('Invalid data')]) });
  });

  it('makes thumbnails of short clips, past the end, and of VP8', async () => {
    const short = await clip(made.mp4, 1100, 1400);
    for (const atMs of [0, 150, 299, 5000]) expect(jpegSize(await tool.thumbnail(short, { container: 'mp4', atMs, width: 160 }, never))).toEqual([160, 90]);
    const vp8 = await clip(made.webm, 1100, 1400);
    for (const atMs of [0, 200, 5000]) expect(jpegSize(await tool.thumbnail(vp8, { container: 'webm', atMs, width: 160 }, never))).toEqual([160, 90]);
  });

  it('re-encodes exactly the presented range', async () => {
    const shares: number[] = [];
    const target = folder.path('exact.mp4');
    await tool.reencode(await clip(made.mp4, 700, 2700), target, { container: 'mp4', onProgress: (share) => shares.push(share) }, never);
    const found = await tool.verify(target, { container: 'mp4' }, never);
    expect(found).toMatchObject({ videoFrames: 50, errors: [] });
    expect(Math.abs(found.durationMs - 2000)).toBeLessThanOrEqual(60);
    expect(shares.at(-1)).toBe(1);
    expect(indexAt(target)).toBeLessThan(40);
    await tool.reencode(await clip(made.webm, 0, 1000), target, { container: 'webm' }, never);
    expect(await tool.verify(target, { container: 'mp4' }, never)).toMatchObject({ videoFrames: 25, errors: [] });
  });

  it('stops when aborted', async () => {
    const reason = new Error('nobody waits');
    await expect(tool.verify(made.mp4, { container: 'mp4' }, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

/** where the index of a file stands */
const indexAt = (file: string): number => readFileSync(file).indexOf('moov');

/** encoder, container, and what makes it quick or its keyframes closed */
const CODECS: Record<string, string[]> = {
  h264: ['libx264', 'mp4', '-preset', 'veryfast'], hevc: ['libx265', 'mp4', '-preset', 'ultrafast', '-x265-params', 'keyint=5:min-keyint=5:open-gop=0:bframes=3:log-level=none'],
  vp8: ['libvpx', 'webm', '-cpu-used', '8'], vp9: ['libvpx-vp9', 'webm', '-cpu-used', '8'], av1: ['libaom-av1', 'webm', '-cpu-used', '8'],
};

type Scenes = { track: Track; keyframes: Packet[] } | null;

/** A keyframe a second; two seconds each of one picture: dark, bright, the same bright. Null where FFmpeg lacks the encoder. */
const makeScenes = async (codec: string): Promise<Scenes> => {
  const [encoder = '', format = '', ...more] = CODECS[codec] ?? [];
  const file = folder.path(`scenes-${codec}`);
  const parts = ['color=black', 'testsrc2', 'testsrc2'].flatMap((source) => ['-f', 'lavfi', '-i', `${source}${source.includes('=') ? ':' : '='}size=160x90:rate=5:duration=2`]);
  const args = [...parts, '-filter_complex', '[0][1][2]concat=n=3', '-c:v', encoder, '-g', '5', ...more, '-pix_fmt', 'yuv420p', ...(format === 'mp4' ? FRAGMENTED : []), '-f', format, file];
  const encoded = await ffmpeg(...args).then(() => true, () => false);
  if (!encoded) return null;
  const { tracks, packets } = read(file);
  return tracks[0] ? { track: tracks[0], keyframes: packets.filter(({ key }) => key) } : null;
};

const sceneFiles = new Map<string, Promise<Scenes>>();
const scenes = (codec: string): Promise<Scenes> => {
  const known = sceneFiles.get(codec) ?? makeScenes(codec);
  sceneFiles.set(codec, known);
  return known;
};

describe.each(binaries)('[F5] scene detector on FFmpeg $version', ({ path }) => {
  const open = createSceneDetectors({ ffmpegPath: path });

  it.each(Object.keys(CODECS))('sees the cut in %s, each answer with its own push', async (codec) => {
    const media = await scenes(codec);
    if (!media) {
      // this FFmpeg cannot make the test's own input
      console.log(`scene detector: no encoder for ${codec} here, not tried`);
      return;
    }
    const detector = open({ sessionId: 's', track: media.track });
    const answers: { atMs: number; change: number }[][] = [];
    for (const keyframe of media.keyframes) answers.push(await detector.push([keyframe], never));
    await detector.close();
    const found = answers.flat();
    expect(found.map(({ atMs }) => Math.round(atMs / 1000))).toEqual([2, 4]);
    expect(answers.filter((answer) => answer.length > 0)).toHaveLength(2);
    expect(found[0]?.change).toBeGreaterThan(0.5);
    expect(found[1]?.change).toBeLessThan(0.2);
  });

  it('takes damage for no answer, starts anew, and gives up quietly', async () => {
    const media = await scenes('h264');
    const [first] = media?.keyframes ?? [];
    if (!media || !first) throw new Error('no media');
    const detector = open({ sessionId: 's', track: { ...media.track, config: new Uint8Array(0) } });
    const noise = { ...first, data: new Uint8Array(500).fill(7) };
    const gone = createSceneDetectors({ ffmpegPath: '/nowhere/ffmpeg' })({ sessionId: 's', track: media.track });
    for (let i = 0; i < 6; i++) expect(await gone.push([{ ...first, startMs: i * 3000 }], never)).toEqual([]);
    expect(await detector.push([{ ...noise, startMs: 0 }], AbortSignal.timeout(30_000))).toEqual([]);
    await Promise.all([detector.close(), gone.close()]);
    expect(await open({ sessionId: 's', track: { ...media.track, codec: 'other' } }).push([first], never)).toEqual([]);
  });
});

const flat = (level: number): Uint8Array => new Uint8Array(576).fill(level);

describe('picture change', () => {
  it('is 0 for the same picture, near 1 for black and white, small for noise', () => {
    expect(pictureChange(flat(90), flat(90))).toBe(0);
    expect(pictureChange(flat(0), flat(255))).toBeCloseTo(1);
    expect(pictureChange(flat(100), flat(100).map((level, i) => level + (i % 3)))).toBeLessThan(0.05);
  });
});
