import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ffmpegBinary } from '../testing/test-media.ts';
import { findFfmpeg, runFfmpeg, startFfmpeg } from './ffmpeg.ts';

const { path } = ffmpegBinary;
const never = new AbortController().signal;
/** endless silence, in real time unless told otherwise */
const endless = (...more: string[]): string[] => ['-v', 'error', ...more, '-f', 'lavfi', '-i', 'anullsrc=r=48000', '-f', 's16le', 'pipe:1'];
/** samples in, the same samples out */
const echo = ['-v', 'error', '-f', 's16le', '-ar', '48000', '-ac', '1', '-i', 'pipe:0', '-flush_packets', '1', '-f', 's16le', 'pipe:1'];
const limits = { maxOutputBytes: 1 << 24, timeoutMs: 20_000 };

/** FFmpeg processes whose parent is this test */
const running = (): number => {
  const all = execFileSync('ps', ['-e', '-o', 'ppid=,stat=,comm='], { encoding: 'utf8' });
  return all.split('\n').filter((line) => line.trim().startsWith(`${process.pid} `) && / ffmpeg/.test(line) && !/ Z/.test(line)).length;
};

describe('[F1] finding FFmpeg', () => {
  it('names path, version and where it came from', async () => {
    expect(await findFfmpeg(path)).toMatchObject({ path, source: 'setting', version: expect.stringMatching(/\d/) });
    await expect(findFfmpeg('/nowhere/ffmpeg')).rejects.toMatchObject({ code: 'tool', message: expect.stringContaining('/nowhere/ffmpeg') });
    await expect(findFfmpeg(process.execPath)).rejects.toMatchObject({ code: 'tool' });
  });

  it('takes the registry one as the last resort', async () => {
    const before = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    try {
      expect(await findFfmpeg('')).toMatchObject({ source: 'package' });
    } finally {
      process.env['PATH'] = before;
    }
  });
});

const broken = async function* (): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(100);
  throw new Error('the timeline is gone');
};

describe('[F2] a run', () => {
  it('passes input through and gives output and stderr back', async () => {
    const bytes = Uint8Array.from({ length: 96_000 }, (_, i) => (i * 7) & 0xff);
    expect((await runFfmpeg({ path, args: echo, input: bytes, ...limits }, never)).stdout.equals(bytes)).toBe(true);
    const pieces = async function* () {
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
    };
    expect((await runFfmpeg({ path, args: echo, input: pieces(), ...limits }, never)).stdout.equals(bytes)).toBe(true);
  });

  it('says why FFmpeg failed', async () => {
    const attempt = runFfmpeg({ path, args: ['-v', 'error', '-f', 'mp4', '-i', '/nowhere.mp4', '-f', 'null', '-'], ...limits }, never);
    await expect(attempt).rejects.toMatchObject({ code: 'tool', message: expect.stringContaining('No such file') });
  });

  it('reads nothing over the network', async () => {
    const attempt = runFfmpeg({ path, args: ['-v', 'error', '-f', 'mp4', '-i', 'http://127.0.0.1:9/a.mp4', '-f', 'null', '-'], ...limits }, never);
    await expect(attempt).rejects.toMatchObject({ message: expect.stringMatching(/whitelist/i) });
  });

  it('hands arguments to FFmpeg, not to a shell', async () => {
    const attempt = runFfmpeg({ path, args: ['-v', 'error', '-f', 'mp4', '-i', '$(id);`id`', '-f', 'null', '-'], ...limits }, never);
    await expect(attempt).rejects.toMatchObject({ message: expect.stringContaining('$(id);`id`') });
  });

  it('ends a child that writes too much, runs too long or is aborted, and leaves none behind', async () => {
    await expect(runFfmpeg({ path, args: endless(), maxOutputBytes: 100_000, timeoutMs: 20_000 }, never)).rejects.toMatchObject({ code: 'limit' });
    await expect(runFfmpeg({ path, args: endless('-re'), maxOutputBytes: 1 << 30, timeoutMs: 300 }, never)).rejects.toMatchObject({ code: 'tool', message: expect.stringContaining('longer than 300 ms') });
    const abort = new AbortController();
    const reason = new Error('the session ended');
    const run = runFfmpeg({ path, args: endless('-re'), ...limits, onOutput: () => abort.abort(reason) }, abort.signal);
    await expect(run).rejects.toBe(reason);
    expect(running()).toBe(0);
  });

  it('is stopped by an error of its input, which is thrown', async () => {
    await expect(runFfmpeg({ path, args: echo, input: broken(), ...limits }, never)).rejects.toThrow('the timeline is gone');
    expect(running()).toBe(0);
  });

  it.runIf(process.platform === 'linux')('holds the child to its memory', async () => {
    const args = ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=8000x8000', '-frames:v', '20', '-f', 'null', '-'];
    const said = await runFfmpeg({ path, args, memoryBytes: 150 * 1024 ** 2, ...limits }, never).then(({ stderr }) => stderr, String);
    expect(said).toMatch(/Cannot allocate memory|error while loading shared libraries/);
  });
});

describe('[F3] a long-lived child', () => {
  it('answers while its input stays open, with back-pressure, and ends by itself', async () => {
    const child = startFfmpeg({ path, args: echo });
    const piece = new Uint8Array(1 << 20);
    let out = 0;
    const reading = (async () => {
      for (let bytes = await child.read(); bytes; bytes = await child.read()) out += bytes.length;
    })();
    for (let i = 0; i < 16; i++) await child.write(piece);
    child.finish();
    await reading;
    expect(out).toBe(16 << 20);
    expect(await child.ended).toBe(0);
  });

  it('is gone after close, and writing to it then is an error', async () => {
    const child = startFfmpeg({ path, args: endless('-re') });
    await child.read();
    await child.close();
    expect(running()).toBe(0);
    await expect(child.write(new Uint8Array(10))).rejects.toMatchObject({ code: 'tool' });
    await child.close();
  });

  it('that does not exist ends with a reason', async () => {
    await expect(runFfmpeg({ path: '/nowhere/ffmpeg', args: [], ...limits }, never)).rejects.toMatchObject({ code: 'tool' });
  });
});
