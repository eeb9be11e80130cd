// "Save the last N seconds" in real Chromium; what comes out is decoded by FFmpeg and compared with the recording itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { look } from '../../server/e2e/support.ts';
import { CHROMIUM, openBrowser, startSite, temporaryFolder } from './recorder-page.ts';
import type { Run, Site } from './recorder-page.ts';
import type { Piece, SavePage } from './save-tail-page.ts';
import { FPS, lag, makeFragmented, pictures, piecesOf, samples } from './tail-media.ts';

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
    files.set('/short.mp4', readFileSync(path('short.mp4')));
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

  for (const fragments of [16, 19, 22]) {
    it(`[ES1] 30 s of ${fragments * 2} s, ended at fragment ${fragments}: the right pictures, sound in its place, no decode error`, async () => {
      const pieces = piecesOf(Buffer.from(files.get('/short.mp4')!), 2000).slice(0, fragments + 1);
      const key = `A${fragments}`;
      await record(key, 'short.mp4', pieces);
      const saved = await save(key, 29.3);
      const [seen, decoded, original] = await Promise.all([look(saved.file), pictures(saved.file), pictures(source('short.mp4', pieces))]);
      expect(seen.errors).toEqual([]);
      console.log(saved, decoded.length, decoded.slice(0,2), decoded.at(-1), original.length, original.at(-1));
      const [heard, sound] = await Promise.all([samples(saved.file), samples(source('short.mp4', pieces))]);
      const at = original.at(-1)!.at + FRAME - 29.3;
      console.log(heard.length / 48000, lag(sound, Math.round((at + 0.5) * 48_000), heard, 24_000), lag(sound, Math.round((at + 20) * 48_000), heard, 20*48_000));
    });
  }
});
