// The encoders in a real Chromium: a page that flashes and beeps every second is recorded, and what came out is decoded by FFmpeg.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFfmpeg } from '../../server/workers/ffmpeg.ts';
import { look } from '../../server/e2e/support.ts';
import type { Recorded, Scene } from './encoder-page.ts';

const CHROMIUM = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path !== undefined && existsSync(path));
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'];

type Piece = { kind: string; startMs: number; durationMs: number; bytes: Buffer };

describe.skipIf(CHROMIUM === undefined)(`encoders in Chromium${CHROMIUM ? '' : ' (skipped: no Chromium found; set CHROMIUM_PATH)'}`, () => {
  const dir = mkdtempSync(join(tmpdir(), 'clippy-encoder-'));
  let browser: Browser;
  let page: Page;
  let ffmpeg: string;
  let server: ReturnType<typeof createServer>;
  let complaints: string[] = [];

  const run = (args: string[]): Buffer => execFileSync(ffmpeg, ['-v', 'error', '-nostdin', ...args], { maxBuffer: 1 << 28 });

  beforeAll(async () => {
    ffmpeg = (await findFfmpeg()).path;
    const bundled = await build({ entryPoints: [join(import.meta.dirname, 'encoder-page.ts')], bundle: true, write: false, format: 'esm', target: 'chrome124' });
    const script = bundled.outputFiles[0]?.text ?? '';
    server = createServer(({ url }, reply) => {
      reply.setHeader('content-type', url === '/page.js' ? 'text/javascript' : 'text/html');
      reply.end(url === '/page.js' ? script : '<!doctype html><title>t</title><body><script type="module" src="/page.js"></script>');
    }).listen(0, '127.0.0.1');
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS, ignoreDefaultArgs: ['--mute-audio'] });
    page = await browser.newPage({ viewport: { width: 1300, height: 760 } });
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const record = async (scene: Scene): Promise<Omit<Recorded, 'pieces'> & { pieces: Piece[]; file: string }> => {
    complaints = [];
    const { pieces, ...rest } = await page.evaluate((what) => window.record(what), scene);
    const decoded = pieces.map(({ base64, ...piece }) => ({ ...piece, bytes: Buffer.from(base64, 'base64') }));
    const file = join(dir, `recording.${rest.kind === 'webcodecs' ? 'mp4' : 'webm'}`);
    writeFileSync(file, Buffer.concat(decoded.map(({ bytes }) => bytes)));
    expect({ failures: rest.failures, note: rest.note, complaints }).toEqual({ failures: [], note: '', complaints: [] });
    return { ...rest, pieces: decoded, file };
  };

  /** Mean brightness of the middle of each picture, by its own time. */
  const framesOf = (file: string): { atMs: number; luma: number }[] => {
    const text = run(['-i', file, '-map', '0:v:0', '-vf', 'crop=iw/2:ih/2,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-', '-fps_mode', 'passthrough', '-f', 'null', '-']).toString();
    return [...text.matchAll(/pts_time:([\d.]+)\s+lavfi\.signalstats\.YAVG=([\d.]+)/g)].map(([, time, luma]) => ({ atMs: Number(time) * 1000, luma: Number(luma) }));
  };
  /** When pictures turn white. */
  const flashTimes = (file: string): number[] => framesOf(file).flatMap(({ atMs, luma }, at, all) => (luma > 128 && (all[at - 1]?.luma ?? 255) <= 128 ? [atMs] : []));
  /** When the tone sets in, from 0 of the file's time. */
  const beepTimes = (file: string, track = 0): number[] => {
    const pcm = run(['-i', file, '-map', `0:a:${track}`, '-af', 'aresample=async=1:first_pts=0', '-ac', '1', '-ar', '48000', '-f', 's16le', '-']);
    const loud = Array.from({ length: Math.floor(pcm.length / 2 / 48) }, (_, ms) => Math.max(...Array.from({ length: 48 }, (_unused, at) => Math.abs(pcm.readInt16LE((ms * 48 + at) * 2)))) > 3000);
    return loud.flatMap((is, ms) => (is && !loud.slice(Math.max(0, ms - 50), ms).includes(true) && ms > 50 ? [ms] : []));
  };
  const offsets = (file: string): number[] => {
    const beeps = beepTimes(file);
    return flashTimes(file).map((flash) => beeps.reduce((best, beep) => (Math.abs(beep - flash) < Math.abs(best) ? beep - flash : best), Infinity));
  };

  it('[K1] records pictures and sound on one clock, in pieces that each begin with a keyframe', async () => {
    const { kind, mime, picture, status, pieces, file, lateMs } = await record({ seconds: 8 });
    expect([kind, picture]).toEqual(['webcodecs', { width: 1280, height: 720 }]);
    expect(mime).toMatch(/^video\/mp4; codecs="avc1\.[0-9a-f]{6}, opus"$/i);
    const seen = await look(file);
    expect(seen.errors).toEqual([]);
    expect(Math.abs(seen.durationMs - 8000)).toBeLessThan(500);
    expect(seen.videoFrames).toBeGreaterThan((seen.durationMs / 1000) * 29);
    expect(Math.abs(seen.audioSamples / 48 - seen.durationMs)).toBeLessThan(300);
    expect(status.framesPerSecond).toBeGreaterThan(25);
    expect(status.dropped).toBe(0);

    const found = offsets(file);
    expect(found.length).toBeGreaterThanOrEqual(6);
    expect(found.map(Math.abs).toSorted((a, b) => a - b)[found.length >> 1]).toBeLessThan(60);
    expect(Math.max(...found.map(Math.abs)), `page's own lateness: ${lateMs}`).toBeLessThan(100 + Math.max(...lateMs)); // page and encoder share a thread here

    const [init, ...media] = pieces;
    expect(init?.kind).toBe('init');
    expect(media.length).toBeGreaterThanOrEqual(4);
    for (const [at, piece] of media.entries()) {
      expect(piece).toMatchObject({ kind: 'media', startMs: at === 0 ? 0 : media[at - 1]!.startMs + media[at - 1]!.durationMs });
      const alone = join(dir, 'piece.mp4');
      writeFileSync(alone, Buffer.concat([init!.bytes, piece.bytes]));
      const own = await look(alone);
      expect(own.errors).toEqual([]);
      expect(own.videoFrames).toBeGreaterThan((piece.durationMs / 1000) * 28);
    }
  });

  it('[K2] writes the microphone as a second track of sound', async () => {
    const { file } = await record({ seconds: 5, microphone: true });
    const seen = await look(file);
    expect(seen.errors).toEqual([]);
    const level = (track: number): number => Number(/RMS level dB: (-?[\d.]+)/.exec(execFileSync('sh', ['-c', `"${ffmpeg}" -nostdin -i "${file}" -map 0:a:${track} -af astats=measure_perchannel=none -f null - 2>&1`]).toString())?.[1]);
    expect(level(1)).toBeGreaterThan(-10); // a steady tone of full scale
    expect(level(0)).toBeLessThan(-12); // a tenth of the time at half scale
  });

  it('[K3] goes on through a change of the tab\'s size, at one encoded size', async () => {
    const { file, picture } = await record({ seconds: 6, resizeAtMs: 3000 });
    const seen = await look(file);
    expect(seen.errors).toEqual([]);
    expect([seen.width, seen.height]).toEqual([picture.width, picture.height]);
    expect(seen.videoFrames).toBeGreaterThan(5.5 * 28);
    expect(flashTimes(file).length).toBeGreaterThanOrEqual(4);
  });

  it('[K4] a still page without sound still gives pictures, sound and pieces', async () => {
    const { file, pieces, status } = await record({ seconds: 6, still: true, silentTrack: true });
    const seen = await look(file);
    expect(seen.errors).toEqual([]);
    expect(seen.videoFrames).toBeGreaterThanOrEqual(5 * 5);
    expect(Math.abs(seen.durationMs - 6000)).toBeLessThan(800);
    expect(Math.abs(seen.audioSamples / 48 - seen.durationMs)).toBeLessThan(700);
    expect(pieces.length).toBeGreaterThanOrEqual(4);
    expect(status.framesPerSecond).toBeLessThan(12);
  });

  it('[K5] live crop shows only the rectangle, at the encoded size', async () => {
    // the marker at the lower edge is outside, so the cropped picture is all black between flashes
    const { file, picture } = await record({ seconds: 4, crop: { x: 320, y: 180, width: 640, height: 360 } });
    const seen = await look(file);
    expect(seen.errors).toEqual([]);
    expect([seen.width, seen.height]).toEqual([picture.width, picture.height]);
    const lower = run(['-i', file, '-map', '0:v:0', '-ss', '0.3', '-vf', 'crop=iw:ih/8:0:ih*7/8,signalstats,metadata=print:key=lavfi.signalstats.SATMAX:file=-', '-f', 'null', '-']).toString();
    const saturation = [...lower.matchAll(/SATMAX=([\d.]+)/g)].map((match) => Number(match[1]));
    expect(saturation.length).toBeGreaterThan(80);
    expect(Math.max(...saturation.slice(5))).toBeLessThan(20);
  });

  it('[K6] without WebCodecs the fallback records WebM as one byte stream, its header in the first piece', async () => {
    const { file, kind, mime, pieces, lateMs } = await record({ seconds: 8, fallback: true });
    expect(kind).toBe('mediarecorder');
    expect(mime).toMatch(/^video\/webm/);
    expect(pieces.every((piece) => piece.kind === 'media')).toBe(true);
    const seen = await look(file);
    expect(seen.errors).toEqual([]);
    expect(seen.videoFrames).toBeGreaterThan(100);
    expect(Math.abs(seen.audioSamples / 48 - 8000)).toBeLessThan(800);
    const first = join(dir, 'first.webm');
    writeFileSync(first, pieces[0]!.bytes);
    expect(run(['-i', first, '-map', '0:v:0', '-frames:v', '1', '-f', 'rawvideo', '-']).length).toBeGreaterThan(0);
    expect(Math.max(...offsets(file).map(Math.abs))).toBeLessThan(100 + Math.max(...lateMs));
  });
});
