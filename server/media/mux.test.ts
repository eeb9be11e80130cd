import { existsSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFfmpegMediaTool } from '../adapters/media-tool.ffmpeg.ts';
import { MediaError } from '../errors.ts';
import { TimelineError } from '../sessions/timeline-error.ts';
import { box } from './boxes.ts';
import { concat, viewOf } from './bytes.ts';
import type { ClipFile } from './clip-writer.ts';
import type { Init, Packet, WalkEvent } from './media.ts';
import { Mp4Writer } from './mp4-writer.ts';
import { muxClip } from './mux.ts';
import { readPlainMp4 } from '../testing/plain-mp4.ts';
import type { PlainTrack } from '../testing/plain-mp4.ts';
import { ffmpeg, ffmpegBinary, filesOf, FRAGMENTED, makeMp4, makeWebm, packetsOf, temporaryFolder } from '../testing/test-media.ts';
import { createWalker } from './walker.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const tool = createFfmpegMediaTool(ffmpegBinary);
const never = new AbortController().signal;
const made = { mp4: folder.path('live.mp4'), webm: folder.path('live.webm'), audio: folder.path('audio.mp4') };
const plain = [...filesOf('video', /\.mp4$/), ...filesOf('video/edge', /\.mp4$/)].filter((file) => !/frag-/.test(file));
const live = [...filesOf('webm-live', /chrome.*\.webm$/), ...filesOf('video', /\.webm$/), ...filesOf('video/edge', /(bunny|frames)\.webm$/), ...filesOf('video/edge', /^(annex|testsrc)\S*\.mkv$/)];

beforeAll(async () => {
  await Promise.all([makeMp4(made.mp4), makeWebm(made.webm)]);
  await ffmpeg('-i', made.mp4, '-vn', '-c', 'copy', ...FRAGMENTED, '-f', 'mp4', made.audio);
});

const read = (file: string): { init: Init; packets: Packet[]; events: WalkEvent[] } => {
  const walker = createWalker({ videoData: true });
  const events = [...walker.push(new Uint8Array(readFileSync(file))), ...walker.end()];
  const [init] = events.flatMap((event) => (event.type === 'init' ? [event.init] : []));
  if (!init) throw new Error(`no init in ${file}`);
  return { init, packets: packetsOf(events), events };
};
const counts = async (file: string, container: 'mp4' | 'webm') => {
  const { videoFrames, audioSamples, errors } = await tool.verify(file, { container }, never);
  return { videoFrames, audioSamples, errors };
};
const target = (): string => folder.path('out');
const WHOLE = { startMs: 0, endMs: 3_600_000 };

describe('[C1] a clip of a whole recording', () => {
  it('decodes to exactly the pictures and samples of the MP4 it was recorded from', async () => {
    for (const file of plain) {
      const sent = folder.path('sent.mp4');
      await ffmpeg('-i', file, '-map', '0:v:0?', '-map', '0:a:0?', '-c', 'copy', ...FRAGMENTED, '-f', 'mp4', sent);
      const { init, packets } = read(sent);
      await muxClip({ tracks: init.tracks, packets: [packets], ...WHOLE, target: target() }, never);
      const [ours, theirs] = await Promise.all([counts(target(), 'mp4'), counts(file, 'mp4')]);
      expect({ file: basename(file), ...ours }).toEqual({ file: basename(file), ...theirs });
    }
  });

  it('decodes to exactly the pictures and samples of the WebM or Matroska it was recorded from', async () => {
    for (const file of live) {
      const { init, packets } = read(file);
      const { container } = await muxClip({ tracks: init.tracks, packets: [packets], ...WHOLE, target: target() }, never);
      const [ours, theirs] = await Promise.all([counts(target(), container), counts(file, 'webm')]);
      expect({ file: basename(file), ...ours }).toEqual({ file: basename(file), ...theirs });
    }
  });

  it('of generated WebM has every picture, and its sound but for less than a packet', async () => {
    // what lies before the first picture goes; FFmpeg marks the padding of the last packet (DiscardPadding), recorders do not, mediabunny cannot
    const { init, packets } = read(made.webm);
    await muxClip({ tracks: init.tracks, packets: [packets], ...WHOLE, target: target() }, never);
    const [ours, theirs] = [await counts(target(), 'webm'), await counts(made.webm, 'webm')];
    expect(ours).toMatchObject({ videoFrames: theirs.videoFrames, errors: [] });
    expect(Math.abs(ours.audioSamples - theirs.audioSamples)).toBeLessThan(960);
  });

  it('puts the index in front and leaves nothing else behind', async () => {
    const { init, packets } = read(made.mp4);
    const { bytes, mime } = await muxClip({ tracks: init.tracks, packets: [packets], ...WHOLE, target: target() }, never);
    const file = readFileSync(target());
    expect(file.length).toBe(bytes);
    expect(readPlainMp4(file).order).toEqual(['ftyp', 'moov', 'mdat']);
    expect(mime).toMatch(/^video\/mp4; codecs="avc1\.[0-9a-f]{6}, mp4a\.40\.2"$/);
    expect(readdirSync(dirname(target())).filter((name) => name.startsWith('out'))).toEqual(['out']);
  });
});

describe('[C6] the index of an MP4 clip', () => {
  it('names every packet of the recording, its bytes, its time and whether it is a keyframe', async () => {
    const { init, packets } = read(made.mp4);
    await muxClip({ tracks: init.tracks, packets: [packets], startMs: 1020, endMs: 3980, target: target() }, never);
    const file = readFileSync(target());
    const { tracks, movieScale, movieTicks } = readPlainMp4(file);
    expect(Math.round((movieTicks / movieScale) * 1000)).toBe(2960);
    for (const [kind, { samples, timescale, edits }] of [['video', tracks[0]!], ['audio', tracks[1]!]] as const) {
      const sent = packets.filter((packet) => packet.kind === kind);
      const first = sent.findIndex(({ data }) => Buffer.from(data).equals(file.subarray(samples[0]!.at, samples[0]!.at + samples[0]!.bytes)));
      const shownFrom = edits.at(-1)!.mediaTime;
      expect(samples.map(({ at, bytes, present, key }) => ({ data: file.subarray(at, at + bytes).toString('base64'), ms: ((present - shownFrom) / timescale * 1000 + 1020).toFixed(1), key })))
        .toEqual(sent.slice(first, first + samples.length).map(({ data, startMs, key }) => ({ data: Buffer.from(data).toString('base64'), ms: startMs.toFixed(1), key })));
      expect(samples.some(({ present, decode }) => present < decode)).toBe(kind === 'video'); // reordered pictures
    }
  });

  it('stands in front of long media too, in room kept for it; behind them where that is too small; at offsets beyond 4 GiB', async () => {
    const long = folder.path('long.mp4');
    await makeMp4(long, 15);
    const { init, packets } = read(long);
    const apart = packets.map((packet) => ({ ...packet, data: packet.data.slice() })); // each in memory of its own: more than one write
    const { bytes, mime } = await muxClip({ tracks: init.tracks, packets: [apart], startMs: 0, endMs: 15_000, target: target() }, never);
    const usual = readFileSync(target());
    expect(usual.length).toBe(bytes);
    expect(readPlainMp4(usual).order).toEqual(['ftyp', 'moov', 'free', 'mdat']);
    const expected = await counts(target(), 'mp4');
    expect(expected).toMatchObject({ videoFrames: 375, errors: [] });

    const write = async (room: number): Promise<ClipFile> => {
      const file = await open(target(), 'w');
      try {
        const writer = new Mp4Writer({ file, tracks: init.tracks, startMs: 0, endMs: 15_000, room });
        for (const packet of apart) await writer.add(packet);
        return await writer.finish();
      } finally {
        await file.close();
      }
    };
    const behind = await write(100);
    expect(behind.mime).toBe(mime);
    expect(readFileSync(target()).length).toBe(behind.bytes);
    expect(readPlainMp4(readFileSync(target())).order).toEqual(['ftyp', 'free', 'mdat', 'moov']);
    expect(await counts(target(), 'mp4')).toEqual(expected);
    const exact = box(usual, 'moov')!.length + 8 + 8 + box(usual, 'ftyp')!.length + 8;
    for (const [room, order] of [[exact, ['ftyp', 'moov', 'mdat']], [exact + 7, ['ftyp', 'free', 'mdat', 'moov']], [exact + 8, ['ftyp', 'moov', 'free', 'mdat']]] as const) {
      await write(room);
      expect(readPlainMp4(readFileSync(target())).order).toEqual(order);
    }
    const far = await write(5 * 2 ** 30); // a hole: takes no place on the disk
    expect(statSync(target()).size).toBe(far.bytes);
    expect(await counts(target(), 'mp4')).toEqual(expected);
    rmSync(target());
  });

  it('is the same for H.264 in Annex B', async () => {
    const { init, packets } = read(made.mp4);
    const { config } = init.tracks[0]!;
    const [spsBytes, startCode] = [viewOf(config).getUint16(6), Uint8Array.of(0, 0, 0, 1)];
    const sets = [config.subarray(8, 8 + spsBytes), config.subarray(8 + spsBytes + 3, 8 + spsBytes + 3 + viewOf(config).getUint16(8 + spsBytes + 1))];
    const annexB = (data: Uint8Array, first: boolean): Uint8Array => {
      const units = first ? [...sets] : [];
      for (let at = 0; at < data.length; at += 4 + viewOf(data).getUint32(at)) units.push(data.subarray(at + 4, at + 4 + viewOf(data).getUint32(at)));
      return concat(units.flatMap((unit) => [startCode, unit]));
    };
    const tracks = init.tracks.map((track) => (track.kind === 'video' ? { ...track, config: new Uint8Array(0) } : track));
    const changed = packets.map((packet, i) => (packet.kind === 'video' ? { ...packet, data: annexB(packet.data, i === 0) } : packet));
    await muxClip({ tracks, packets: [changed], ...WHOLE, target: target() }, never);
    const [video] = readPlainMp4(readFileSync(target())).tracks;
    const found = await counts(target(), 'mp4');
    await muxClip({ tracks: init.tracks, packets: [packets], ...WHOLE, target: target() }, never);
    // the first picture has its parameter sets with it
    const told = (track: PlainTrack | undefined) => track?.samples.slice(1).map(({ bytes, decode, present, duration, key }) => ({ bytes, decode, present, duration, key }));
    expect(told(video)).toEqual(told(readPlainMp4(readFileSync(target())).tracks[0]));
    expect(found).toEqual(await counts(target(), 'mp4'));
  });

  it('has a track that begins later begin later', async () => {
    const { init, packets } = read(made.mp4);
    await muxClip({ tracks: init.tracks, packets: [packets.filter(({ kind, startMs }) => kind === 'video' || startMs >= 1500)], startMs: 500, endMs: 3000, target: target() }, never);
    const { tracks, movieScale } = readPlainMp4(readFileSync(target()));
    expect(tracks[1]!.edits[0]!.mediaTime).toBe(-1);
    expect(Math.abs(tracks[1]!.edits[0]!.duration / movieScale - 1)).toBeLessThan(1024 / 48_000);
    expect((await counts(target(), 'mp4')).errors).toEqual([]);
  });
});

it('[FZ2][C2] a failed clip leaves neither a file nor an open one (hostile media, seed 1, case 3510: sound that is H.264)', async () => {
  const { init, packets } = read(made.mp4);
  const tracks = init.tracks.map((track) => ({ ...track, kind: 'audio' as const }));
  const openFiles = (): string[] => readdirSync('/proc/self/fd').flatMap((fd) => { try { return readlinkSync(`/proc/self/fd/${fd}`); } catch { return []; } });
  const failed = folder.path('failed');
  await expect(muxClip({ tracks, packets: [packets], startMs: 0, endMs: 1000, target: failed }, never)).rejects.toThrow(/no audio codec/);
  expect(existsSync(failed)).toBe(false);
  if (existsSync('/proc/self/fd')) expect(openFiles().filter((path) => path.includes('failed'))).toEqual([]);
});

describe('[C2] a clip', () => {
  const ranges = [[0, 2000], [400, 1500], [1020, 3980], [1999, 2001 + 1000], [3333, 5700]] as const;

  it('presents exactly the pictures of its range, from the keyframe before, decoding without an error', async () => {
    const { init, packets } = read(made.mp4);
    for (const [startMs, endMs] of ranges) {
      const result = await muxClip({ tracks: init.tracks, packets: [fromKeyframe(packets, startMs)], startMs, endMs, target: target() }, never);
      expect(result).toMatchObject({ container: 'mp4', startMs, endMs, width: 320, height: 180, trackCount: 2, dropped: 0 });
      const { videoFrames, audioSamples, durationMs, errors } = await tool.verify(target(), { container: 'mp4' }, never);
      expect(errors).toEqual([]);
      expect(videoFrames).toBe(packets.filter((packet) => packet.kind === 'video' && packet.startMs >= startMs && packet.startMs < endMs).length);
      expect(Math.abs(durationMs - (endMs - startMs))).toBeLessThanOrEqual(40);
      expect(Math.abs(audioSamples / 48 - (endMs - startMs))).toBeLessThanOrEqual(1024 / 48);
    }
  });

  it('of VP8 is WebM, begins at the keyframe before and says so', async () => {
    const { init, packets } = read(made.webm);
    const result = await muxClip({ tracks: init.tracks, packets: [fromKeyframe(packets, 1500)], startMs: 1500, endMs: 3200, target: target() }, never);
    const keyMs = packets.findLast((packet) => packet.kind === 'video' && packet.key && packet.startMs <= 1500)?.startMs ?? NaN;
    expect(result).toMatchObject({ container: 'webm', startMs: keyMs, endMs: 3200, mime: 'video/webm; codecs="vp8, opus"' });
    const { videoFrames, durationMs, errors } = await tool.verify(target(), { container: 'webm' }, never);
    expect(errors).toEqual([]);
    expect(videoFrames).toBe(packets.filter((packet) => packet.kind === 'video' && packet.startMs >= keyMs && packet.startMs < 3200).length);
    expect(Math.abs(durationMs - (3200 - keyMs))).toBeLessThanOrEqual(40);
  });

  it('ends where the media ends', async () => {
    const { init, packets } = read(made.mp4);
    const result = await muxClip({ tracks: init.tracks, packets: [packets], startMs: 4500, endMs: 60_000, target: target() }, never);
    expect(result.endMs).toBeLessThan(7100);
    expect(Math.abs((await tool.verify(target(), { container: 'mp4' }, never)).durationMs - (result.endMs - 4500))).toBeLessThanOrEqual(40);
  });

  it('reads no further than it needs', async () => {
    const { init, packets } = read(made.mp4);
    let last = 0;
    const counted = function* () {
      for (const packet of packets) {
        last = Math.max(last, packet.startMs);
        yield [packet];
      }
    };
    await muxClip({ tracks: init.tracks, packets: counted(), startMs: 0, endMs: 1000, target: target() }, never);
    expect(last).toBeLessThan(3100);
  });

  it('of sound alone works', async () => {
    const { init, packets } = read(made.audio);
    const result = await muxClip({ tracks: init.tracks, packets: [packets], startMs: 1000, endMs: 2500, target: target() }, never);
    expect(result).toMatchObject({ mime: 'audio/mp4; codecs="mp4a.40.2"', width: 0, trackCount: 1 });
    const { audioSamples, errors } = await tool.verify(target(), { container: 'mp4' }, never);
    expect(errors).toEqual([]);
    expect(Math.abs(audioSamples / 48 - 1500)).toBeLessThanOrEqual(1024 / 48);
  });

  it('keeps rotation and the shape of pixels', async () => {
    const { init, packets } = read(made.mp4);
    const tracks = init.tracks.map((track) => (track.kind === 'video' ? { ...track, rotation: 90 as const, aspect: { width: 640, height: 180 } } : track));
    await muxClip({ tracks, packets: [packets], ...WHOLE, target: target() }, never);
    const fragments = folder.path('again.mp4');
    await ffmpeg('-i', target(), '-map', '0:v', '-c', 'copy', ...FRAGMENTED, '-f', 'mp4', fragments);
    expect(read(fragments).init.tracks[0]).toMatchObject({ rotation: 90, aspect: { width: 640, height: 180 } });
  });

  it('[S2] a disk that is full and bytes that cannot be read now are not the fault of the media: such errors stay what they are', async () => {
    const { init, packets } = read(made.mp4);
    const failures = [Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' }), new TimelineError('io', 'cannot read a segment; read again later')];
    for (const failure of failures) {
      const failing = async function* () { yield packets.slice(0, 50); throw failure; };
      await expect(muxClip({ tracks: init.tracks, packets: failing(), ...WHOLE, target: target() }, never)).rejects.toBe(failure);
      expect(existsSync(target())).toBe(false);
    }
  });

  it('without media in its range, of codecs that fit nowhere, or aborted, leaves no file', async () => {
    const { init, packets } = read(made.mp4);
    const attempt = async (change: Partial<Parameters<typeof muxClip>[0]>, signal = never): Promise<unknown> => {
      const failure = await muxClip({ tracks: init.tracks, packets: [packets], startMs: 0, endMs: 1000, target: target(), ...change }, signal).catch((error: unknown) => error);
      expect(existsSync(target())).toBe(false);
      return failure;
    };
    rmSync(target(), { force: true });
    expect(await attempt({ startMs: 900_000, endMs: 901_000 })).toMatchObject({ code: 'incomplete' });
    expect(await attempt({ tracks: init.tracks.map((track) => ({ ...track, codec: track.kind === 'video' ? ('vp8' as const) : track.codec })) })).toMatchObject({ code: 'unsupported' });
    const broken = async function* () {
      yield packets.slice(0, 40);
      throw new MediaError('incomplete', 'the disk is gone');
    };
    expect(await attempt({ packets: broken(), endMs: 9000 })).toMatchObject({ code: 'incomplete', message: 'the disk is gone' });
    const reason = new Error('enough');
    expect(await attempt({}, AbortSignal.abort(reason))).toBe(reason);
  });
});

/** As the byte index gives them: from the last fragment whose keyframe is at or before the cut. */
const fromKeyframe = (packets: Packet[], startMs: number): Packet[] => packets.slice(packets.findLastIndex((packet) => packet.kind === 'video' && packet.key && packet.startMs <= startMs - 200 * Number(startMs >= 1200)));
