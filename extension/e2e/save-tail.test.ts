// "Save the last N seconds" in real Chromium; what comes out is decoded by FFmpeg and compared with the recording itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { look } from '../../server/e2e/support.ts';
import { CHROMIUM, openBrowser, startSite, temporaryFolder } from './recorder-page.ts';
import type { Run, Site } from './recorder-page.ts';
import type { Piece, SavePage } from './save-tail-page.ts';
import { difference, endOf, FPS, lag, makeFragmented, pictures, piecesOf, samples, soundPackets, thumbnails } from './tail-media.ts';

const FRAME = 1 / FPS;

describe.skipIf(CHROMIUM === undefined)(`saving the end of a recording${CHROMIUM ? '' : ' (skipped: no Chromium found; set CHROMIUM_PATH)'}`, () => {
  const files = new Map<string, Uint8Array>();
  const folder = temporaryFolder('tail');
  const path = (name: string): string => join(folder.path, name);
  let site: Site;
  let run: Run;

  beforeAll(async () => {
    site = await startSite('save-tail-page.ts', files);
    run = await openBrowser(path('profile'), site.url);
    await makeFragmented(path('short.mp4'), 45);
    await makeFragmented(path('two.mp4'), 14, { secondAudio: true });
    for (const name of ['short.mp4', 'two.mp4']) files.set(`/${name}`, readFileSync(path(name)));
  });
  afterAll(async () => {
    await run?.context.close();
    await site?.close();
    folder.remove();
  });

  const record = (key: string, name: string, pieces: Piece[], mime = 'video/mp4'): Promise<void> =>
    run.page.evaluate((all) => (globalThis as unknown as SavePage).parts.record(...all), [key, `/${name}`, mime, pieces] as [string, string, string, Piece[]]);
  const save = async (key: string, seconds: number, name = `${key}.saved`) => {
    const saved = await run.page.evaluate((all) => (globalThis as unknown as SavePage).parts.save(...all), [key, seconds, `/${name}`] as [string, number, string]);
    const file = path(`${name}.${saved.type.endsWith('mp4') ? 'mp4' : 'webm'}`);
    writeFileSync(file, files.get(`/${name}`)!); // posted by the page before it answered
    return { ...saved, file };
  };
  /** The recording as far as it was put, as a file. */
  const source = (name: string, pieces: Piece[]): string => {
    const whole = files.get(`/${name}`)!; // set by the test
    const file = path(`${name}.${pieces.length}.source.mp4`);
    writeFileSync(file, whole.subarray(0, pieces.at(-1)!.to)); // never empty
    return file;
  };

  /** Every picture and sound of the end of `original`, at its time, and nothing else. */
  const expectEnd = async (saved: { file: string; durationMs: number }, original: string, seconds: number, audioTracks = 1): Promise<void> => {
    const [seen, shown, recorded] = await Promise.all([look(saved.file), pictures(saved.file), pictures(original)]);
    expect(seen.errors).toEqual([]);
    const start = (await endOf(original, audioTracks)) - seconds;
    const first = recorded.findLastIndex(({ at }) => at <= start + 1e-4); // times in the file are rounded to its time scale
    expect(shown.map(({ sum }) => sum)).toEqual(recorded.slice(first).map(({ sum }) => sum));
    expect(shown[0]!.at).toBe(0);
    for (const [index, { at }] of shown.entries()) if (index > 0) expect(Math.abs(at - (recorded[first + index]!.at - start))).toBeLessThan(0.002); // as many
    expect(Math.abs(saved.durationMs - seconds * 1000)).toBeLessThan(1);
    expect(Math.abs(seen.durationMs - seconds * 1000)).toBeLessThan(FRAME * 1000);
    for (let track = 0; track < audioTracks; track++) {
      const [sound, heard] = await Promise.all([samples(original, track), samples(saved.file, track)]);
      expect(Math.abs(heard.length / 48_000 - seconds)).toBeLessThan(FRAME);
      for (const at of [0, seconds / 2, seconds - 1.1]) {
        const { samples: off, correlation } = lag(sound, Math.round((start + at) * 48_000), heard, Math.round(at * 48_000));
        expect(correlation, `sound ${track} at ${at} s`).toBeGreaterThan(0.999);
        expect(Math.abs(off), `sound ${track} at ${at} s`).toBeLessThanOrEqual(1);
      }
    }
  };

  for (const [fragments, seconds] of [[16, 30], [19, 29.3], [22, 30.51]] as const) {
    it(`[ES1] the last ${seconds} s of ${fragments * 2} s: the right pictures, sound in its place, no decode error; Chromium plays it`, async () => {
      const pieces = piecesOf(files.get('/short.mp4')!, 2000).slice(0, fragments + 1);
      await record(`A${fragments}`, 'short.mp4', pieces);
      const saved = await save(`A${fragments}`, seconds);
      await expectEnd(saved, source('short.mp4', pieces), seconds);
      expect(saved.playback).toMatchObject({ error: null, width: 320 });
      expect(Math.abs(saved.playback.duration - seconds)).toBeLessThan(FRAME);
      expect(saved.playback.played).toBeGreaterThan(0.4);
      expect(saved.filename).toMatch(/^A stream- -live \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\.mp4$/);
    });
  }

  it('[ES2] pieces that begin and end inside a fragment are no harm', async () => {
    const pieces = piecesOf(files.get('/short.mp4')!, 2000, 50_000).slice(0, -2);
    await record('SLICED', 'short.mp4', pieces);
    const whole = piecesOf(files.get('/short.mp4')!, 2000).filter(({ to }) => to <= pieces.at(-1)!.to);
    await expectEnd(await save('SLICED', 20), source('short.mp4', whole), 20);
  });

  it('[ES3] a second sound track is kept, both in their place', async () => {
    const pieces = piecesOf(files.get('/two.mp4')!, 2000).slice(0, -1);
    await record('TWO', 'two.mp4', pieces);
    await expectEnd(await save('TWO', 9.1), source('two.mp4', pieces), 9.1, 2);
  });

  it('[ES4] after the encoder was started again, the last part is saved, with its own header; a short one gives what there is', async () => {
    const [short, two] = [files.get('/short.mp4')!, files.get('/two.mp4')!];
    files.set('/again.mp4', Buffer.concat([short, two]));
    const last = piecesOf(two, 2000).slice(0, -1);
    const later = last.map((piece) => ({ ...piece, from: piece.from + short.length, to: piece.to + short.length, startMs: piece.startMs + 46_000 }));
    await record('AGAIN', 'again.mp4', [...piecesOf(short, 2000), ...later]);
    const original = source('two.mp4', last);
    await expectEnd(await save('AGAIN', 30), original, await endOf(original, 2), 2);
  });

  it('[ES5] nothing to save, a broken recording and a cancelled save are typed errors', async () => {
    const [init, first] = piecesOf(files.get('/short.mp4')!, 2000);
    await record('EMPTY', 'short.mp4', []);
    await record('INIT', 'short.mp4', [init!]);
    await record('BROKEN', 'short.mp4', [init!, { ...first!, from: first!.from + 100 }]);
    const failures = await run.page.evaluate(async () => {
      const { parts } = globalThis as unknown as SavePage;
      const store = await parts.opened;
      const attempt = async (key: string, signal: AbortSignal) => parts.failure(() => parts.saveTail({ store, record: parts.recordOf(key, 'video/mp4'), seconds: 30, signal }));
      const live = new AbortController().signal;
      return [await attempt('EMPTY', live), await attempt('INIT', live), await attempt('BROKEN', live), await attempt('A16', AbortSignal.abort())];
    });
    expect(failures.map((each) => each?.code)).toEqual(['nothing', 'nothing', 'nothing', 'AbortError']);
  });

  it('[ES6] five minutes at 2.5 Mbit/s are saved in a fraction of their time', async () => {
    await makeFragmented(path('long.mp4'), 312, { bitrate: '2400k', size: '640x360' });
    files.set('/long.mp4', readFileSync(path('long.mp4')));
    const pieces = piecesOf(files.get('/long.mp4')!, 2000);
    await record('LONG', 'long.mp4', pieces);
    const saved = await save('LONG', 300);
    console.log(`saved ${Math.round(saved.size / 1e6)} MB in ${Math.round(saved.tookMs)} ms`);
    expect(saved.size).toBeGreaterThan(80e6);
    expect((await look(saved.file)).errors).toEqual([]);
    expect(saved.tookMs).toBeLessThan(30_000); // a tenth of its length; 2.3 s measured at rest, and a busy machine must not fail this
    files.delete('/long.mp4');
  });

  for (const codec of ['vp9', 'vp8'] as const) {
    it(`[ES7] MediaRecorder's ${codec} stays WebM: exact, at most the pictures before the next keyframe encoded anew`, async () => {
      const key = codec.toUpperCase();
      await run.page.evaluate((all) => (globalThis as unknown as SavePage).parts.recordWebm(...all), [key, codec, 9, `/${key}.webm`] as [string, typeof codec, number, string]);
      const original = path(`${key}.source.webm`);
      writeFileSync(original, files.get(`/${key}.webm`)!); // posted by the page
      const saved = await save(key, 5.3);
      expect(saved.type).toBe('video/webm');
      expect(saved.filename.endsWith('.webm')).toBe(true);
      const [seen, shown, recorded, small, smallOriginal] = await Promise.all([look(saved.file), pictures(saved.file), pictures(original), thumbnails(saved.file), thumbnails(original)]);
      console.log(`${codec}: ${Math.round(saved.tookMs)} ms`);
      expect(seen.errors).toEqual([]);
      expect(Math.abs(seen.durationMs - 5300)).toBeLessThanOrEqual(2 * FRAME * 1000);
      const first = recorded.length - shown.length;
      const start = recorded.at(-1)!.at - shown.at(-1)!.at;
      for (const [index, { at }] of shown.entries()) {
        if (index > 0) expect(Math.abs(at - (recorded[first + index]!.at - start))).toBeLessThan(0.003); // as many
        const distances = [-2, -1, 0, 1, 2].map((off) => difference(small[index]!, smallOriginal[first + index + off])); // a picture each
        expect(distances.indexOf(Math.min(...distances)), `picture ${index}`).toBe(2);
      }
      expect(recorded[first]!.at - start).toBeLessThanOrEqual(0.001);
      expect(shown.at(-1)!.sum).toBe(recorded.at(-1)!.sum);
      const copied = shown.filter(({ sum }, index) => sum === recorded[first + index]!.sum).length;
      expect(copied).toBeGreaterThanOrEqual(shown.length - 75);
      const [heard, sounds] = await Promise.all([soundPackets(saved.file), soundPackets(original)]);
      expect(heard.length).toBeGreaterThan(5_200 / 60);
      const times = new Map(sounds.map(({ sum, at }) => [sum, at]));
      for (const { sum, at } of heard.slice(1)) expect(Math.abs(times.get(sum)! - start - at), `sound at ${at} s`).toBeLessThan(0.003); // the first begins at the cut
      expect(saved.playback.error).toBeNull();
      expect(saved.playback.played).toBeGreaterThan(0.4);
      expect(Math.abs(saved.playback.duration - 5.3)).toBeLessThanOrEqual(2 * FRAME);

      await run.page.evaluate(() => Reflect.deleteProperty(globalThis, 'VideoEncoder'));
      const unencoded = await save(key, 5.3, `${key}.copied`);
      const sums = (await pictures(unencoded.file)).map(({ sum }) => sum);
      expect((await look(unencoded.file)).errors).toEqual([]);
      expect(sums).toEqual(recorded.slice(-sums.length).map(({ sum }) => sum));
      expect(sums.length).toBeGreaterThan(shown.length);
      expect(unencoded.durationMs).toBeLessThan(5300 + 2500);
      await run.page.reload();
      await run.page.waitForFunction(() => 'ready' in globalThis);
    });
  }
});
