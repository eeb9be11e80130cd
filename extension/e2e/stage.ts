// A web page that plays a known video: a moving picture with a white flash and a beep at the start of every second, made once by FFmpeg.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFfmpeg } from '../../server/workers/ffmpeg.ts';

const run = promisify(execFile);
const SECONDS = 60;
/** Hz of the beeps, so that two tabs can be told apart */
export const TONES = [1000, 2400] as const;

const PAGE = (hue: number): string => `<!doctype html><meta charset="utf-8"><title>Flash and beep ${hue}</title>
<style>body{margin:0;background:hsl(${hue} 40% 20%);color:#fff;font:16px sans-serif} video{width:960px;height:540px;display:block;margin:20px auto} #bar{height:12px;width:40px;background:hsl(${hue} 90% 60%);animation:go 1s linear infinite} @keyframes go{to{transform:translateX(1200px)}}</style>
<div id="bar"></div><video src="/flash.webm" autoplay loop playsinline></video><p>${hue}</p>`;

export type Stage = { url: string; page: (which?: 0 | 1) => string; /** a page that plays this file instead */ playing: (file: string) => string; close: () => Promise<void> };

export const openStage = async (): Promise<Stage> => {
  const { path } = await findFfmpeg();
  /** Once on this machine: its name says what is in it. */
  const make = async (tone: number): Promise<Buffer> => {
    const kept = join(tmpdir(), `clippy-stage-1-${tone}-${SECONDS}.webm`);
    if (existsSync(kept)) return readFile(kept);
    const file = `${kept}.${process.pid}.webm`;
    await run(path, ['-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=s=640x360:r=30:d=${SECONDS},drawbox=c=white:t=fill:enable='lt(mod(t,1),0.12)'`, '-f', 'lavfi', '-i', `aevalsrc='0.7*sin(2*PI*${tone}*t)*lt(mod(t,1),0.12)':s=48000:d=${SECONDS}`, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '2M', '-g', '30', '-c:a', 'libopus', '-b:a', '96k', file]);
    await rename(file, kept);
    return readFile(kept);
  };
  const media: Record<string, Promise<Buffer>> = {};
  const mediaAt = (pathname: string): Promise<Buffer> | null =>
    pathname === '/flash-0.webm' ? (media[pathname] ??= make(TONES[0])) : pathname === '/flash-1.webm' ? (media[pathname] ??= make(TONES[1])) : null;
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stage');
    const file = searchParams.get('file');
    const bytes = pathname === '/file' && file ? await readFile(file) : await mediaAt(pathname);
    if (!bytes) {
      if (file) {
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE(280).replace('/flash.webm', `/file?file=${encodeURIComponent(file)}`));
        return;
      }
      const which = searchParams.get('tone') === '1' ? 1 : 0;
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE(Number(searchParams.get('hue') ?? 200)).replace('/flash.webm', `/flash-${which}.webm`));
      return;
    }
    const [, from = '0'] = /bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from);
    response.writeHead(206, { 'content-type': file?.endsWith('.mp4') ? 'video/mp4' : 'video/webm', 'accept-ranges': 'bytes', 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`, 'content-length': bytes.length - start }).end(bytes.subarray(start));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    page: (which: 0 | 1 = 0) => `${url}/?tone=${which}&hue=${which === 0 ? 200 : 20}`,
    playing: (file) => `${url}/?file=${encodeURIComponent(file)}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
};
