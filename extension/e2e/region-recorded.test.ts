// The region track of real recordings: cut out of what the server serves, its rectangle holds the video and nothing else.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { Rectangle } from '../../shared/model.ts';
import { api, temporaryFolder } from '../../scripts/server-process.ts';
import { findFfmpeg } from '../../server/workers/ffmpeg.ts';
import { type BrowserOptions, hasChromium } from './browser.ts';
import { listen, page } from './region-stage.ts';
import { type Studio, bytesOf, openStudio, pause } from './studio.ts';

type RegionAt = { atMs: number; rect: Rectangle | null };
/** what encoding in 4:2:0 leaves of a colour */
const NEAR = 40;
/** what Chromium makes a captured tab's pictures with (measured), though it writes bt709 into the track: by that, magenta is (255, 39, 255) */
const MATRIX = 'bt601';
const [RED, GREEN, BLUE] = [255, 0, 255];

/** One picture, as bytes of red, green and blue. */
const pictureAt = async (recording: Uint8Array, atMs: number): Promise<{ width: number; height: number; rgb: Buffer }> => {
  const [{ path }, folder] = [await findFfmpeg(), await temporaryFolder('picture')];
  try {
    const file = join(folder.path, 'recording');
    await writeFile(file, recording);
    const { stdout } = await promisify(execFile)(path, ['-v', 'error', '-i', file, '-ss', String(atMs / 1_000), '-frames:v', '1', '-vf', `scale=in_color_matrix=${MATRIX}`, '-c:v', 'ppm', '-f', 'image2pipe', 'pipe:1'], { encoding: 'buffer', maxBuffer: 1 << 26 });
    const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(stdout.subarray(0, 32).toString('latin1'));
    if (!header) throw new Error(`no picture at ${atMs} ms`);
    return { width: Number(header[1]), height: Number(header[2]), rgb: stdout.subarray(header[0].length) };
  } finally {
    await folder.remove();
  }
};

const shareOf = ({ width, height, rgb }: Awaited<ReturnType<typeof pictureAt>>, rect: Rectangle): { right: number; covered: number; all: number } => {
  let [all, inside] = [0, 0];
  for (let y = 0, at = 0; y < height; y++) for (let x = 0; x < width; x++, at += 3) {
    if (Math.abs(rgb[at]! - RED) > NEAR || Math.abs(rgb[at + 1]! - GREEN) > NEAR || Math.abs(rgb[at + 2]! - BLUE) > NEAR) continue; // inside the picture
    all++;
    if (x >= rect.x && y >= rect.y && x < rect.x + rect.width && y < rect.y + rect.height) inside++;
  }
  return { right: inside / (rect.width * rect.height), covered: inside / Math.max(1, all), all };
};

/** `${there}` in a page stands for the other site. */
const CASES: { name: string; options?: BrowserOptions; act?: string; pages: Record<string, string> }[] = [
  { name: 'scrolled page', act: 'scrollTo(0, 1000)', pages: { '/': '<div style="height:900px"></div><video id=v style="width:800px;height:450px;margin-left:100px"></video><div style="height:2000px"></div><script>fill(v)</script>' } },
  { name: 'closed shadow root', pages: { '/': `<div id=h></div><script>const root = h.attachShadow({ mode: 'closed' }); root.innerHTML = '<div style="overflow:hidden;width:700px;height:380px;margin:60px"></div>'; root.firstChild.append(make('width:800px;height:450px'))</script>` } },
  {
    name: 'nested cross-origin frame', options: { embedded: true },
    pages: {
      '/': '<iframe src="${there}/middle" style="margin:20px 0 0 70px;width:900px;height:600px;border:3px solid #0ff"></iframe>',
      '/middle': '<iframe src="${here}/inner" style="margin:40px;width:760px;height:460px;border:6px solid #0f0;padding:5px"></iframe>',
      '/inner': '<video id=v style="width:640px;height:360px;margin:30px"></video><script>fill(v)</script>',
    },
  },
  { name: 'two device pixels a CSS pixel', options: { pixelRatio: 2 }, pages: { '/': '<video id=v style="width:811.5px;height:455.3px;margin:100.4px 0 0 33px"></video><script>fill(v)</script>' } },
];

describe.skipIf(!hasChromium)('the region of a recording (needs Chromium)', () => {
  const pages = new Map<string, string>();
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  it.each(CASES)('[B12] $name', { timeout: 240_000 }, async ({ name, options, act, pages: bodies }) => {
    const studio: Studio = await openStudio({ granted: false, ...options });
    closing.push(() => studio.close());
    const [here, there] = [await listen('127.0.0.1', pages), await listen('localhost', pages)];
    for (const { server } of [here, there]) closing.push(() => { server.closeAllConnections(); server.close(); });
    pages.clear();
    for (const [path, body] of Object.entries(bodies)) pages.set(path, page(body.replaceAll('${there}', there.origin).replaceAll('${here}', here.origin)));
    const tab = await studio.browser.context.newPage();
    await tab.goto(here.origin);
    if (act) await tab.evaluate(act);
    expect(await tab.evaluate('devicePixelRatio')).toBe(options?.pixelRatio ?? 1);
    const key = await studio.recordByButton(tab);
    await pause(5_000);
    const stopped = await studio.stop(key);
    expect(stopped).toMatchObject({ state: 'stopped', playing: true });
    const regions = await api<RegionAt[]>(studio.server, `/api/sessions/${stopped.session!}/regions`); // it was online
    const last = regions.at(-1);
    const bytes = await bytesOf(studio.server, stopped.session!);
    if (!last?.rect) throw new Error(`no region in ${JSON.stringify(regions)}`);
    expect(last.atMs).toBeLessThan(stopped.durationMs - 1_000);
    const picture = await pictureAt(bytes, (last.atMs + stopped.durationMs) / 2);
    const { right, covered, all } = shareOf(picture, last.rect);
    console.log(`${name}: ${(right * 100).toFixed(2)} % of the rectangle is the video, which it covers by ${(covered * 100).toFixed(2)} % (${all} pixels of ${picture.width} × ${picture.height}; ${JSON.stringify(last)}, ${regions.length} regions)`);
    expect(all).toBeGreaterThan(20_000); // fewer prove nothing
    expect(right).toBeGreaterThanOrEqual(0.99);
    expect(covered).toBeGreaterThanOrEqual(0.97);
  });
});
