// FFmpeg as a child process with limits. It parses untrusted media, so: no network, pipes and local files only, bounded time,
// memory and output, and no child outlives us. The caller always names the demuxer (`-f`) before `-i`.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { workerData } from 'node:worker_threads';
import { MediaError } from '../errors.ts';

export type FfmpegBinary = { path: string; version: string; source: 'setting' | 'PATH' | 'package' };

const run = promisify(execFile);

const versionOf = async (path: string): Promise<string | null> => {
  try {
    const { stdout } = await run(path, ['-hide_banner', '-version'], { timeout: 10_000, maxBuffer: 1 << 20 });
    return /^ffmpeg version (\S+)/.exec(stdout)?.[1] ?? null;
  } catch {
    // not there, not executable, or no FFmpeg: the next candidate is tried
    return null;
  }
};

const packaged = async (): Promise<string | null> => {
  try {
    const { default: installer } = await import('@ffmpeg-installer/ffmpeg');
    return installer.path;
  } catch {
    // the package throws where it has no binary for this platform
    return null;
  }
};

/** The one asked for (`FFMPEG_PATH`), else the first on PATH, else the npm package's. Throws `MediaError tool` where none runs. */
export const findFfmpeg = async (explicitPath = process.env['FFMPEG_PATH']): Promise<FfmpegBinary> => {
  if (explicitPath) {
    const version = await versionOf(explicitPath);
    if (version) return { path: explicitPath, version, source: 'setting' };
    throw new MediaError('tool', `FFMPEG_PATH=${explicitPath} does not run as FFmpeg; correct it or leave it out`);
  }
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean).map((folder) => join(folder, 'ffmpeg'));
  for (const path of onPath) {
    const version = await versionOf(path);
    if (version) return { path, version, source: 'PATH' };
  }
  const path = await packaged();
  const version = path && (await versionOf(path));
  if (path && version) return { path, version, source: 'package' };
  throw new MediaError('tool', 'no FFmpeg found; install it (apt-get install ffmpeg) or set FFMPEG_PATH');
};

export type FfmpegLimits = {
  /** address space; 0 = no limit */
  memoryBytes?: number;
  /** lower priority, 0..19 */
  nice?: number;
};

/** Libraries and thread stacks alone take about 1 GB of address space. */
const DEFAULT_MEMORY_BYTES = 4 * 1024 ** 3;
const MAX_STDERR_CHARS = 64 * 1024;

const children = new Set<ChildProcessWithoutNullStreams>();
/** A thread that dies takes no child with it: their pids stand where the pool can read them afterwards, 0 = free. */
const pids: Int32Array | null = (workerData as { childPids?: Int32Array } | null)?.childPids ?? null;
const swapPid = (from: number, to: number): void => {
  const at = pids?.indexOf(from) ?? -1;
  if (pids && at >= 0) pids[at] = to;
};
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Arguments travel as positional parameters of the shell: nothing in them is ever read by it. */
const start = (path: string, args: string[], limits: FfmpegLimits): ChildProcessWithoutNullStreams => {
  const common = ['-nostdin', '-hide_banner', '-protocol_whitelist', 'pipe,file'];
  const memory = limits.memoryBytes ?? DEFAULT_MEMORY_BYTES;
  const script = `${memory > 0 ? `ulimit -v ${Math.floor(memory / 1024)} 2>/dev/null; ` : ''}exec ${limits.nice ? `nice -n ${Math.floor(limits.nice)} ` : ''}"$@"`;
  // macOS knows no `ulimit -v`; the redirection lets it pass
  const child = process.platform === 'win32' ? spawn(path, [...common, ...args]) : spawn('/bin/sh', ['-c', script, 'sh', path, ...common, ...args]);
  children.add(child);
  swapPid(0, child.pid ?? 0);
  child.once('close', () => {
    children.delete(child);
    swapPid(child.pid ?? 0, 0);
  });
  // a child that ends before it has read everything closes the pipe; its exit code says why
  child.stdin.on('error', () => child.stdin.destroy());
  return child;
};

const lastLines = (stderr: string): string => stderr.trim().split('\n').slice(-3).join(' | ') || 'nothing on stderr';

export type FfmpegProcess = {
  /** Resolves when the child's pipe has room again. */
  write(bytes: Uint8Array): Promise<void>;
  /** The next piece of output, null at its end. */
  read(): Promise<Buffer | null>;
  /** No more input. */
  finish(): void;
  stderr(): string;
  /** exit code; null when it was killed */
  ended: Promise<number | null>;
  /** Kills it if it still runs; resolves when it is gone. */
  close(): Promise<void>;
};

/** A long-lived child. Output that is not read stops it (back-pressure), it is never queued here beyond the pipe. */
export const startFfmpeg = (options: FfmpegLimits & { path: string; args: string[] }, signal?: AbortSignal): FfmpegProcess => {
  signal?.throwIfAborted();
  const child = start(options.path, options.args, options);
  let stderr = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARS);
  });
  const kill = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  let failure: Error | null = null;
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      failure = error;
      resolve(null);
    });
    child.once('close', (code) => resolve(code));
  }).finally(() => signal?.removeEventListener('abort', kill));
  const gone = (): MediaError => new MediaError('tool', `FFmpeg ended: ${failure?.message ?? lastLines(stderr)}`, { cause: failure });
  const roomOrEnd = (): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        child.stdin.off('drain', done).off('close', done);
        resolve();
      };
      child.stdin.on('drain', done).on('close', done);
    });
  const output: AsyncIterator<Buffer> = child.stdout[Symbol.asyncIterator]();
  return {
    write: async (bytes) => {
      if (child.stdin.destroyed || child.stdin.writableEnded) throw gone();
      if (child.stdin.write(bytes)) return;
      await roomOrEnd();
      if (child.stdin.destroyed) throw gone();
    },
    read: async () => {
      try {
        const next = await output.next();
        return next.done ? null : next.value;
      } catch (error) {
        // closed while somebody waited for more
        if (child.stdout.destroyed) return null;
        throw error;
      }
    },
    finish: () => void child.stdin.end(),
    stderr: () => stderr,
    ended,
    close: async () => {
      kill();
      child.stdout.destroy();
      await ended;
    },
  };
};

export type FfmpegRun = FfmpegLimits & {
  path: string;
  args: string[];
  input?: Uint8Array | AsyncIterable<Uint8Array>;
  maxOutputBytes: number;
  timeoutMs: number;
  /** sees output as it comes; nothing is then returned in `stdout`, and `maxOutputBytes` still holds */
  onOutput?: (bytes: Buffer) => void;
  /** resolve also when FFmpeg ends with an error of its own: `stderr` says which */
  tolerant?: boolean;
};

const feed = async (child: FfmpegProcess, input: FfmpegRun['input']): Promise<void> => {
  try {
    if (input instanceof Uint8Array) await child.write(input);
    else if (input) for await (const bytes of input) await child.write(bytes);
  } finally {
    child.finish();
  }
};

/**
 * Runs to its end. Throws `MediaError` tool (exit code, time-out), limit (output), or the signal's reason; the child is gone then.
 * An error of `input` itself is thrown as it is.
 */
export const runFfmpeg = async (options: FfmpegRun, signal: AbortSignal): Promise<{ stdout: Buffer; stderr: string }> => {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const child = startFfmpeg(options, AbortSignal.any([signal, timeout]));
  const fed = feed(child, options.input).then(
    () => null,
    async (error: unknown) => {
      // FFmpeg may close its input early and still succeed; only a broken source counts
      if (error instanceof MediaError && error.code === 'tool') return null;
      await child.close();
      return { error };
    },
  );
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for (let part = await child.read(); part; part = await child.read()) {
      bytes += part.length;
      if (bytes > options.maxOutputBytes) throw new MediaError('limit', `FFmpeg wrote more than ${options.maxOutputBytes} bytes`);
      if (options.onOutput) options.onOutput(part);
      else parts.push(part);
    }
    const code = await child.ended;
    signal.throwIfAborted();
    if (timeout.aborted && code === null) throw new MediaError('tool', `FFmpeg ran longer than ${options.timeoutMs} ms`);
    const inputFailure = await fed;
    if (inputFailure) throw inputFailure.error;
    if (code !== 0 && !(options.tolerant && code !== null)) throw new MediaError('tool', `FFmpeg failed (${code ?? 'killed'}): ${lastLines(child.stderr())}`);
    return { stdout: Buffer.concat(parts), stderr: child.stderr() };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await child.close();
  }
};
