// Time ranges and clips as bytes, on a real recording.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../shared/crc32c.ts';
import { createFfmpegMediaTool } from '../adapters/media-tool.ffmpeg.ts';
import { sumsOf } from '../block-sums.ts';
import { archiveClip } from '../pipeline/archive.ts';
import { cutClip } from '../pipeline/cut.ts';
import { createWalker } from '../media/walker.ts';
import { aClip } from '../testing/samples.ts';
import { type SessionBench, sessionBench } from '../testing/session-bench.ts';
import { ffmpegBinary, makeWebm, temporaryFolder } from '../testing/test-media.ts';
import { segmentKey } from './tiering.ts';

const folder = temporaryFolder();
const source = folder.path('live.webm');
beforeAll(() => makeWebm(source, 6));
afterAll(() => folder.remove());
let at: SessionBench;
afterEach(() => at.remove());
const never = new AbortController().signal;

/** Recorded in chunks, its structure indexed as the decode stage does. */
const record = async (): Promise<string> => {
  const bytes = new Uint8Array(await readFile(source));
  const wire = await at.connect();
  const ready = await at.start(wire, 'A');
  const size = Math.ceil(bytes.length / 6);
  for (let seq = 1; seq <= 6; seq++) {
    const part = bytes.slice((seq - 1) * size, seq * size);
    at.chunk(wire, ready, seq, { bytes: part, crc: crc32c(part), startMs: (seq - 1) * 1_000, durationMs: 1_000 });
    await at.acked(wire, ready.session, seq);
  }
  const { index } = await at.supervisor.readLog(ready.session);
  const walker = createWalker({ videoData: false });
  let fragment = 0;
  for (const event of [...walker.push(bytes), ...walker.end()]) {
    if (event.type === 'init') index.addInit({ part: 0, byteStart: 0, byteEnd: event.init.byteEnd, offsetMs: 0, bytes: event.init.bytes });
    if (event.type === 'fragment') {
      fragment = event.byteStart;
      index.addFragments([{ byteStart: fragment, startMs: event.startMs, part: 0 }]);
    }
    if (event.type === 'packet' && event.packet.kind === 'video' && event.packet.key) index.addKeyframes([{ timeMs: event.packet.startMs, fragmentByteStart: fragment }]);
  }
  return ready.session;
};

describe('a time range', () => {
  it('[T5] plays, is as long as asked for, and is made once for all who ask', async () => {
    at = await sessionBench();
    const id = await record();
    const [one, two] = await Promise.all([1, 2].map(() => at.queries.recording(id, { startMs: 1_500, endMs: 4_000 }, never)));
    const three = await at.queries.recording(id, { startMs: 1_500, endMs: 4_000 }, never);
    expect(await readdir(join(at.root, 'temp', 'ranges'))).toHaveLength(1);
    expect(new Set([one?.etag, two?.etag, three.etag]).size).toBe(1);
    const bytes = await three.read(0, three.bytes, never);
    expect(bytes.length).toBe(three.bytes);
    expect(await one?.read(10, 500, never)).toEqual(bytes.subarray(10, 500));
    const file = folder.path('range.webm');
    await writeFile(file, bytes);
    const found = await createFfmpegMediaTool(ffmpegBinary).verify(file, { container: three.mime.includes('mp4') ? 'mp4' : 'webm' }, never);
    expect(found).toMatchObject({ errors: [], width: 320, height: 180 });
    expect(found.videoFrames).toBeGreaterThanOrEqual(60);
    await at.queries.deleteSession(id);
    expect(await two?.read(10, 500, never)).toEqual(bytes.subarray(10, 500)); // an open one outlives the recording
    [one, two, three].forEach((body) => body?.close());
    await expect.poll(() => readdir(join(at.root, 'temp', 'ranges'))).toEqual([]);
  });
});

describe('a whole recording', () => {
  it('[DF1] with a damaged chunk is served without it, and by range as one file of that length', async () => {
    at = await sessionBench();
    const id = await record();
    const all = await readFile(source);
    const size = Math.ceil(all.length / 6);
    const [segment = ''] = (await readdir(at.dirOf(id))).filter((name) => name.endsWith('.seg'));
    const stored = await readFile(join(at.dirOf(id), segment));
    const place = stored.indexOf(all.subarray(2 * size, 2 * size + 64));
    stored[place + 100] = (stored[place + 100] ?? 0) ^ 4;
    await writeFile(join(at.dirOf(id), segment), stored);
    const before = await at.queries.recording(id, null, never);
    await expect(before.read(0, before.bytes, never)).rejects.toMatchObject({ code: 'quarantined' });
    const body = await at.queries.recording(id, null, never);
    const sound = Buffer.concat([all.subarray(0, 2 * size), all.subarray(3 * size)]);
    expect([body.bytes, body.etag === before.etag]).toEqual([sound.length, false]);
    expect(Buffer.from(await body.read(0, body.bytes, never)).equals(sound)).toBe(true);
    for (const [from, until] of [[2 * size - 10, 2 * size + 10], [2 * size, 2 * size + 1], [sound.length - 5, sound.length + 5]] as const) {
      expect(Buffer.from(await body.read(from, until, never)).equals(sound.subarray(from, until))).toBe(true);
    }
  });
});

describe('clips', () => {
  it('[DF2] no damaged block is served: the clip is cut anew from its recording, also when its object is gone or short', async () => {
    at = await sessionBench({ tool: createFfmpegMediaTool(ffmpegBinary) });
    const session = await record();
    const { media, index } = await at.supervisor.readLog(session);
    const highlight = { id: 'c', sessionId: session, version: 1, state: 'refined' as const, startMs: 1_000, endMs: 4_500, peakMs: 3_000, score: 1, title: 'x', reasons: [] };
    await at.repository.saveHighlight(highlight);
    const tempDir = folder.path('cuts');
    const cut = await cutClip({ log: media, index, tool: createFfmpegMediaTool(ffmpegBinary), tempDir }, highlight, never);
    await archiveClip({ repository: at.repository, objectStore: at.objectStore, now: () => 1, expiresAt: () => null, show: (clip) => ({ ...clip, mediaUrl: '', thumbnailUrl: '' }), onClip: () => {} }, cut);
    const sound = await readFile(cut.file);
    const clip = (await at.repository.clip('c'))!; // just archived
    const serve = async (): Promise<Buffer> => {
      const body = await at.queries.clipMedia('c', { exact: false }, never);
      return Buffer.from(await body.read(0, body.bytes, never));
    };
    expect((await serve()).equals(sound)).toBe(true);
    const body = await at.queries.clipMedia('c', { exact: false }, never);
    for (const [from, until] of [[5, 9], [sound.length - 3, sound.length + 9]] as const) expect(Buffer.from(await body.read(from, until, never)).equals(sound.subarray(from, until))).toBe(true);

    const flipped = Buffer.from(sound);
    flipped[sound.length >> 1] = flipped[sound.length >> 1]! ^ 1; // inside
    for (const damage of [flipped, sound.subarray(0, sound.length - 100), null]) {
      if (damage) await at.objectStore.put(clip.mediaKey, damage, clip.mime);
      else await at.objectStore.delete(clip.mediaKey);
      await expect(serve()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
      await expect.poll(() => serve().then((bytes) => bytes.length, () => 0), { timeout: 20_000 }).toBeGreaterThan(0);
      const file = folder.path('mended.webm');
      await writeFile(file, await serve());
      expect(await createFfmpegMediaTool(ffmpegBinary).verify(file, { container: 'webm' }, never)).toMatchObject({ errors: [] });
    }
    await at.objectStore.put(clip.thumbnailKey, new Uint8Array(50), 'image/jpeg');
    await expect(at.queries.clipThumbnail('c', never)).rejects.toMatchObject({ code: 'unavailable' });
    await expect.poll(() => at.queries.clipThumbnail('c', never).then((picture) => picture.bytes, () => 0), { timeout: 20_000 }).toBeGreaterThan(50);
  });

  /** A recording that has ended, with a clip whose object is damaged, and its clip's bytes as they are served. */
  const endedWithDamagedClip = async (): Promise<{ session: string; serve: () => Promise<Buffer> }> => {
    at = await sessionBench({ tool: createFfmpegMediaTool(ffmpegBinary) });
    const session = await record();
    const mediaKey = `sessions/${session}/clips/c/v1.webm`;
    await at.objectStore.put(mediaKey, new Uint8Array(9), 'video/webm');
    await at.repository.saveClip({ ...aClip(session, { id: 'c', mediaKey, thumbnailKey: '', mime: 'video/webm', startMs: 1_000, endMs: 4_500 }), sums: { media: sumsOf(Buffer.from('as it was')), thumbnail: '' }, bytes: 9 });
    await at.queries.endSession(session);
    at.pipelines.at(-1)?.finish();
    await expect.poll(() => at.supervisor.find(session)).toBeNull();
    const serve = async (): Promise<Buffer> => {
      const body = await at.queries.clipMedia('c', { exact: false }, never);
      return Buffer.from(await body.read(0, body.bytes, never));
    };
    return { session, serve };
  };
  const flip = (bytes: Buffer, place: number): void => { bytes[place] = bytes[place]! ^ 4; }; // inside

  it.each([['first', 0], ['middle', 0.5], ['last', 1]] as const)('[T2] [DF2] a clip is cut anew although the media index is damaged too, in its %s byte', async (_, share) => {
    const { session, serve } = await endedWithDamagedClip();
    const sidecar = join(at.dirOf(session), 'media.index');
    const whole = await readFile(sidecar);
    const damaged = Buffer.from(whole);
    flip(damaged, Math.floor(share * (whole.length - 1)));
    await writeFile(sidecar, damaged);
    await expect(serve()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await expect.poll(() => serve().then((bytes) => bytes.length, () => 0), { timeout: 20_000 }).toBeGreaterThan(0);
    const file = folder.path('mended.webm');
    await writeFile(file, await serve());
    const found = await createFfmpegMediaTool(ffmpegBinary).verify(file, { container: 'webm' }, never);
    expect([found.errors, found.durationMs > 3_300]).toEqual([[], true]);
    await at.stop();
    expect((await readFile(sidecar)).equals(whole)).toBe(true);
  });

  it('[DF2] where its recording is damaged too, a clip is no longer promised, and nobody tries again and again', async () => {
    const { session, serve } = await endedWithDamagedClip();
    const sent = await readFile(source);
    const size = Math.ceil(sent.length / 6);
    const key = segmentKey(session, 0);
    const segment = Buffer.from(await at.objectStore.read(key, undefined, never));
    for (let chunk = 0; chunk < 6; chunk++) flip(segment, segment.indexOf(sent.subarray(chunk * size, chunk * size + 64)) + 100);
    await at.objectStore.put(key, segment, 'application/octet-stream');
    await expect(serve()).rejects.toMatchObject({ code: 'unavailable' });
    await expect.poll(() => serve().catch((error: unknown) => error)).toMatchObject({ code: 'media', retryable: false, message: expect.stringContaining('its recording does not give it any more') });
    const tries = at.log.lines.length;
    await expect(serve()).rejects.toMatchObject({ code: 'media' });
    expect(at.log.lines.length).toBe(tries);
  });

  it('an exact download is made once, beside the clip, also when the first who asked has gone', async () => {
    let encoded = 0;
    at = await sessionBench({ tool: { reencode: async (_file, target) => { encoded += 1; await writeFile(target, 'exact'); } } });
    const { session } = await at.start(await at.connect(), 'A');
    const mediaKey = `sessions/${session}/clips/c/v1.webm`;
    await at.objectStore.put(mediaKey, new Uint8Array(100), 'video/webm');
    await at.repository.saveClip(aClip(session, { id: 'c', mediaKey, thumbnailKey: '', mime: 'video/webm' }));
    const gone = new AbortController();
    const first = at.queries.clipMedia('c', { exact: true }, gone.signal);
    const second = at.queries.clipMedia('c', { exact: true }, never);
    gone.abort(new Error('the viewer left'));
    const [a, b] = await Promise.all([first, second]);
    expect([encoded, a.mime, a.bytes, Buffer.from(await b.read(0, 5, never)).toString()]).toEqual([1, 'video/mp4', 5, 'exact']);
    expect(await readdir(join(at.root, 'temp'))).toEqual([]);
    await at.queries.deleteClip('c');
    expect(await at.objectStore.stat(`sessions/${session}/clips/c/v1.exact.mp4`)).toBeNull();
  });

  it('a lost file and a missing picture are said to be missing; an older version is served while it is there', async () => {
    at = await sessionBench();
    const { session } = await at.start(await at.connect(), 'A');
    const keyOf = (version: number): string => `sessions/${session}/clips/c/v${version}.mp4`;
    await at.repository.saveClip(aClip(session, { id: 'c', version: 2, mediaKey: keyOf(2), thumbnailKey: '' }));
    await expect(at.queries.clipMedia('c', { exact: false }, never)).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('lost its media') });
    await expect(at.queries.clipThumbnail('c', never)).rejects.toMatchObject({ code: 'not_found' });
    await at.objectStore.put(keyOf(1), new Uint8Array(1), 'video/mp4');
    await at.objectStore.put(keyOf(2), new Uint8Array(2), 'video/mp4');
    const sizes = await Promise.all([1, 2, undefined].map(async (version) => (await at.queries.clipMedia('c', { exact: false, ...(version === undefined ? {} : { version }) }, never)).bytes));
    expect(sizes).toEqual([1, 2, 2]);
    await expect(at.queries.clipMedia('c', { exact: false, version: 3 }, never)).rejects.toMatchObject({ code: 'not_found' });
  });
});
