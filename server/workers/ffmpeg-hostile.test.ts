// Media made to harm whoever opens it: none of it reaches the network, takes memory or time without bound, or outlives its caller.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFfmpegMediaTool } from '../adapters/media-tool.ffmpeg.ts';
import { descendants } from '../testing/processes.ts';
import { ffmpegBinary, makeMp4, makeWebm, temporaryFolder } from '../testing/test-media.ts';
import { runFfmpeg } from './ffmpeg.ts';

const folder = temporaryFolder();
const tool = createFfmpegMediaTool(ffmpegBinary);
let listener: Server;
let url = '';
let visits = 0;
beforeAll(async () => {
  listener = createServer((socket) => {
    visits += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  await makeMp4(folder.path('small.mp4'), 1);
  await makeWebm(folder.path('small.webm'), 1);
});
afterAll(() => {
  listener.close();
  folder.remove();
});
beforeEach(() => { visits = 0; });

const box = (type: string, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};
const full = (type: string, ...parts: Uint8Array[]): Buffer => box(type, Buffer.alloc(4), ...parts);
const u32 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; }));

/** A movie whose samples lie behind an address. */
const referring = (location: string): Buffer => {
  const entry = box('avc1', Buffer.alloc(24), Buffer.from([0, 64, 0, 64]), Buffer.alloc(50));
  const tables = [full('stsd', u32(1), entry), full('stts', u32(1, 1, 100)), full('stsc', u32(1, 1, 1, 1)), full('stsz', u32(1000, 1)), full('stco', u32(1, 0))];
  const dinf = box('dinf', full('dref', u32(1), full('url ', Buffer.from(`${location}\0`))));
  const media = box('mdia', full('mdhd', u32(0, 0, 1000, 1000, 0)), full('hdlr', u32(0), Buffer.from('vide'), Buffer.alloc(13)), box('minf', full('vmhd', Buffer.alloc(8)), dinf, box('stbl', ...tables)));
  return Buffer.concat([box('ftyp', Buffer.from('qt  '), u32(0)), box('moov', full('mvhd', u32(0, 0, 1000, 1000), Buffer.alloc(80)), box('trak', full('tkhd', Buffer.alloc(80)), media))]);
};
const nested = (depth: number): Buffer => {
  let inner: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) inner = box(level % 2 ? 'moov' : 'trak', inner);
  return Buffer.concat([box('ftyp', Buffer.from('isom'), u32(0)), inner]);
};
/** VP8 keyframes that say they are 16383 pixels a side. */
const huge = async (): Promise<Buffer> => {
  const bytes = await readFile(folder.path('small.webm'));
  for (let at = bytes.indexOf(Buffer.from([0x9d, 0x01, 0x2a])); at >= 0; at = bytes.indexOf(Buffer.from([0x9d, 0x01, 0x2a]), at + 1)) bytes.writeUInt32LE(0x3fff3fff, at + 3);
  return bytes;
};

const HOSTILE: Record<string, () => Buffer | Promise<Buffer>> = {
  'an HLS playlist': () => Buffer.from(`#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${url}/a.ts\n#EXT-X-ENDLIST\n`),
  'a concat script': () => Buffer.from(`ffconcat version 1.0\nfile ${url}/a.mp4\n`),
  'a DASH manifest': () => Buffer.from(`<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation id="1"><BaseURL>${url}/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`),
  'a session description': () => Buffer.from(`v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n`),
  'a movie whose samples lie elsewhere': () => referring(`${url}/samples`),
  'a movie that refers to a file': () => referring('file:///etc/passwd'),
  'boxes nested ten thousand deep': () => nested(10_000),
  'pictures of 16383 by 16383': huge,
  nothing: () => Buffer.alloc(0),
};

describe('[DF7] hostile media', () => {
  it('the listener does see an FFmpeg without our limits', async () => {
    await writeFile(folder.path('open.m3u8'), await HOSTILE['an HLS playlist']!()); // a key of HOSTILE
    await new Promise((resolve) => execFile(ffmpegBinary.path, ['-v', 'quiet', '-nostdin', '-protocol_whitelist', 'file,http,tcp', '-i', folder.path('open.m3u8'), '-f', 'null', '-'], { timeout: 10_000 }, resolve));
    expect(visits).toBeGreaterThan(0);
  });

  for (const [name, make] of Object.entries(HOSTILE)) {
    it(`${name}: no connection, an end in time`, { timeout: 60_000 }, async () => {
      await writeFile(folder.path('hostile'), await make());
      for (const container of ['mp4', 'webm'] as const) {
        const signal = AbortSignal.timeout(50_000);
        const verified = await tool.verify(folder.path('hostile'), { container }, signal).catch((error: unknown) => error);
        expect(verified instanceof Error || (verified as { errors: string[] }).errors.length > 0).toBe(true);
        const others = await Promise.allSettled([tool.thumbnail(folder.path('hostile'), { container, atMs: 0, width: 100 }, signal), tool.reencode(folder.path('hostile'), folder.path('out.mp4'), { container }, signal)]);
        // some frames of the huge pictures' file are sound
        if (make !== huge) expect(others.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
        expect(signal.aborted).toBe(false);
      }
      expect(visits).toBe(0);
      expect(descendants(process.pid).filter((child) => child.name === 'ffmpeg')).toEqual([]);
    });
  }

  it('memory is bounded: what needs more than it may have fails, and says so', async () => {
    await expect(runFfmpeg({ path: ffmpegBinary.path, args: ['-v', 'error', '-f', 'lavfi', '-i', 'color=size=32000x16000:rate=25:duration=4', '-f', 'null', '-'], memoryBytes: 700 * 2 ** 20, timeoutMs: 30_000, maxOutputBytes: 1 << 20 }, AbortSignal.timeout(40_000))).rejects.toMatchObject({ code: 'tool' });
  });
});
