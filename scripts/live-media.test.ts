import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createFfmpegMediaTool } from '../server/adapters/media-tool.ffmpeg.ts';
import { MediaError } from '../server/errors.ts';
import { findFfmpeg } from '../server/workers/ffmpeg.ts';
import { liveMedia } from './live-media.ts';
import type { LiveMedia, LivePiece } from './live-media.ts';

const ffmpeg = await findFfmpeg();
const tool = createFfmpegMediaTool(ffmpeg);
const folder = mkdtempSync(join(tmpdir(), 'clippy-live-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const testdata = join(import.meta.dirname, '../../shared/testdata');
const inTestdata = existsSync(testdata);

const countsOf = async (file: string, container: 'mp4' | 'webm'): Promise<{ videoFrames: number; audioSamples: number }> => {
  const { videoFrames, audioSamples } = await tool.verify(file, { container }, AbortSignal.timeout(60_000));
  return { videoFrames, audioSamples };
};
const collect = async ({ chunks }: LiveMedia): Promise<LivePiece[]> => {
  const pieces: LivePiece[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return pieces;
};
const joined = (pieces: LivePiece[]): Buffer => Buffer.concat(pieces.map(({ bytes }) => bytes));
/** as FFmpeg decodes what was made of it */
const countsOfLive = async (media: LiveMedia, pieces: LivePiece[]): Promise<{ videoFrames: number; audioSamples: number }> => {
  const file = join(folder, 'live');
  writeFileSync(file, joined(pieces));
  return countsOf(file, media.mime.startsWith('video/mp4') ? 'mp4' : 'webm');
};
const make = (name: string, ...args: string[]): string => {
  const file = join(folder, name);
  execFileSync(ffmpeg.path, ['-v', 'error', '-y', ...args, file], { stdio: ['ignore', 'ignore', 'inherit'] });
  return file;
};
const refusal = async (file: string, slice = 'gop'): Promise<MediaError> => {
  const error: unknown = await liveMedia(file, { slice }).catch((reason: unknown) => reason);
  if (error instanceof MediaError) return error;
  throw new Error(`${file} was not refused`, { cause: error });
};
const timesHold = (pieces: LivePiece[]): void => {
  const breaks = pieces.filter(({ startMs }, at) => at > 0 && Math.abs(startMs - pieces[at - 1]!.startMs - pieces[at - 1]!.durationMs) > 0.01);
  expect(breaks.map(({ startMs }) => startMs)).toEqual([]);
  expect(pieces[0]?.startMs).toBe(0);
};

/** of picture and sound, s */
const firstTimes = (path: string): number[] => {
  const out = execFileSync(ffmpeg.path, ['-v', 'error', '-copyts', '-i', path, '-map', '0:v:0', '-map', '0:a:0', '-c:v', 'wrapped_avframe', '-t', '2', '-f', 'framecrc', '-'], { encoding: 'utf8' });
  const bases = [...out.matchAll(/#tb \d: (\d+)\/(\d+)/g)].map(([, over, under]) => Number(over) / Number(under));
  return bases.map((base, stream) => Number(new RegExp(`^${stream}, +-?\\d+, +(-?\\d+)`, 'm').exec(out)?.[1]) * base);
};

describe.skipIf(!inTestdata)('real files (skipped where ../shared/testdata is absent)', () => {
  it.each([
    ['video/manifesto.mp4', 'remuxed', 88_080], ['video/auto-editor-example.mp4', 'remuxed', 42_400], ['video/man-on-green-screen.mp4', 'remuxed', 24_400],
    ['video/tears-of-steel-battle.webm', 'remuxed', 70_542], ['webm-live/chrome52.webm', 'as it stands', 50_783], ['webm-live/firefox53.webm', 'as it stands', 10_000],
    ['video/edge/SAR-2by3.mp4', 'remuxed', 2000], ['video/edge/annex-b-avc.mkv', 'as it stands', 35_196], ['video/edge/broken-keyframes.mp4', 'remuxed', 5000],
    ['video/edge/edts.mp4', 'remuxed', 9000], ['video/edge/frag-buck-bunny.mp4', 'as it stands', 5000], ['video/edge/frames.webm', 'remuxed', 3333],
    ['video/edge/h264-png.mp4', 'remuxed', 2000], ['video/edge/mov_text.mp4', 'remuxed', 2000], ['video/edge/testsrc-hevc.mp4', 'remuxed', 2000],
    ['video/edge/testsrc.mkv', 'remuxed', 2023], ['video/edge/testsrc_with_attachment.mkv', 'remuxed', 2023], ['video/edge/trim-buck-bunny.webm', 'remuxed', 5020],
    ['video/edge/webvtt.mkv', 'remuxed', 2023],
  ] as const)('[L1] %s, %s, decodes to every frame and sample', async (name, how, durationMs) => {
    const file = join(testdata, name);
    const media = await liveMedia(file);
    const pieces = await collect(media);
    expect(media.how).toBe(how);
    expect(await countsOfLive(media, pieces)).toEqual(await countsOf(file, /\.(webm|mkv)$/.test(name) ? 'webm' : 'mp4'));
    timesHold(pieces);
    expect(Math.max(...pieces.map((piece) => piece.durationMs))).toBeLessThanOrEqual(2000);
    const last = pieces.at(-1)!;
    expect(Math.abs(last.startMs + last.durationMs - durationMs)).toBeLessThan(100);
  });

  it.each(['webm-live/chrome52.webm', 'webm-live/firefox53.webm', 'video/edge/frag-buck-bunny.mp4', 'video/edge/annex-b-avc.mkv'])('[L2] %s is live already and goes byte for byte', async (name) => {
    const file = join(testdata, name);
    expect(joined(await collect(await liveMedia(file, { slice: 'random:5' }))).equals(readFileSync(file))).toBe(true);
  });

  it.each([['webm-live/chrome52.webm', '1000'], ['video/manifesto.mp4', '1000'], ['video/manifesto.mp4', 'random:7'], ['video/tears-of-steel-battle.webm', 'random:8']])('[L3] %s in slices %s is the same stream, with the same times', async (name, slice) => {
    const file = join(testdata, name);
    const whole = await collect(await liveMedia(file));
    const sliced = await collect(await liveMedia(file, { slice }));
    expect(joined(sliced).equals(joined(whole))).toBe(true);
    timesHold(sliced);
    expect(sliced.length).not.toBe(whole.length);
    const [end, wanted] = [sliced, whole].map((pieces) => pieces.at(-1)!.startMs + pieces.at(-1)!.durationMs);
    expect(end).toBeCloseTo(wanted!, 3);
  });

  it('[L3] the same file gives the same bytes a second later', async () => {
    const file = join(testdata, 'video/manifesto.mp4');
    const before = joined(await collect(await liveMedia(file)));
    await new Promise((resolve) => setTimeout(resolve, 1_050)); // headers count whole seconds
    expect(joined(await collect(await liveMedia(file))).equals(before)).toBe(true);
  });

  it('[L1] sound and picture keep their distance', async () => {
    const file = join(testdata, 'video/manifesto.mp4');
    const pieces = await collect(await liveMedia(file));
    writeFileSync(join(folder, 'sync.mp4'), joined(pieces));
    const [before, after] = [firstTimes(file), firstTimes(join(folder, 'sync.mp4'))];
    expect(after[0]! - after[1]!).toBeCloseTo(before[0]! - before[1]!, 2);
  });

  it.each(['video/edge/ac3.mkv', 'video/edge/multiple-aac-tracks.mp4', 'speech/jfk.wav'])('[L4] %s has no video and is refused', async (name) => {
    const error = await refusal(join(testdata, name));
    expect([error.code, error.message]).toEqual(['unsupported', expect.stringContaining('no video track')]);
  });
});

describe('media made here', () => {
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=160x90:rate=25:duration=5'];
  const sound = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100:duration=5'];
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '2', '-g', '250', '-pix_fmt', 'yuv420p'];

  it('[L5] a file with one keyframe still comes in pieces of a second', async () => {
    const media = await liveMedia(make('long-gop.mp4', ...picture, ...sound, ...h264, '-c:a', 'aac'));
    const pieces = await collect(media);
    expect(pieces.length).toBeGreaterThanOrEqual(4);
    expect((await countsOfLive(media, pieces)).videoFrames).toBe(125);
  });

  it.each([
    ['a.ts', ['-c:a', 'aac'], 'remuxed'], ['a.flv', ['-c:a', 'aac'], 'through FFmpeg'], ['a.mov', ['-c:a', 'aac'], 'remuxed'],
    ['opus.mkv', ['-c:a', 'libopus'], 'remuxed'], ['mp3.mkv', ['-c:a', 'libmp3lame'], 'through FFmpeg'],
  ] as const)('[L6] %s keeps every picture (%s)', async (name, audio, how) => {
    const file = make(name, ...picture, ...sound, ...h264, ...audio);
    const media = await liveMedia(file);
    const pieces = await collect(media);
    expect(media.how).toBe(how);
    expect((await countsOfLive(media, pieces)).videoFrames).toBe(125);
    timesHold(pieces);
  });

  it('[L6] what cannot be carried becomes H.264 and AAC', async () => {
    const media = await liveMedia(make('old.avi', ...picture, ...sound, '-c:v', 'mpeg4', '-c:a', 'pcm_s16le'));
    const pieces = await collect(media);
    expect([media.how, media.mime]).toEqual(['through FFmpeg', 'video/x-matroska; codecs="avc1, mp4a.40.2"']);
    const { videoFrames, audioSamples } = await countsOfLive(media, pieces);
    expect(videoFrames).toBe(125);
    expect(Math.abs(audioSamples - 5 * 44_100)).toBeLessThan(2048); // two AAC frames of padding
  });

  it('[L6] pictures an edit list hides stay hidden', async () => {
    const file = make('cut.mp4', '-ss', '2', '-i', make('whole.mp4', ...picture, ...h264), '-c', 'copy');
    const media = await liveMedia(file);
    const pieces = await collect(media);
    expect(media.how).toBe('through FFmpeg');
    expect((await countsOfLive(media, pieces)).videoFrames).toBe((await countsOf(file, 'mp4')).videoFrames);
  });

  it('[L6] takes every audio track when asked', async () => {
    const file = make('two.mp4', ...picture, ...sound, '-f', 'lavfi', '-i', 'sine=frequency=880:sample_rate=48000:duration=5', '-map', '0', '-map', '1', '-map', '2', ...h264, '-c:a', 'aac');
    const names = async (allAudio: boolean): Promise<number> => (await liveMedia(file, { allAudio })).mime.split('mp4a').length - 1;
    expect([await names(false), await names(true)]).toEqual([1, 2]);
  });

  it('a reader that leaves early leaves nothing behind', async () => {
    const file = make('leave.avi', ...picture, '-c:v', 'mpeg4');
    const { chunks } = await liveMedia(file);
    for await (const piece of chunks) {
      expect(piece.bytes.length).toBeGreaterThan(0);
      break;
    }
    await expect.poll(() => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap')).toEqual([]);
  });

  it('[L4] refuses what is no media, no file, or no slicing, by name', async () => {
    const notes = join(folder, 'notes.txt');
    writeFileSync(notes, 'not a film\n'.repeat(100));
    expect((await refusal(notes)).message).toContain('notes.txt is no media file');
    expect((await refusal(join(folder, 'absent.mp4'))).message).toContain('absent.mp4 cannot be opened');
    expect((await refusal(folder)).message).toContain(`${basename(folder)} is no file`);
    expect((await refusal(notes, '0')).message).toContain('--slice 0');
  });
});
