// The recording every bench streams: 720p30 H.264 at 2.5 Mbit/s with Opus speech-like sound, one keyframe a second, made once
// by FFmpeg and kept in the temporary folder.
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ffmpegPath = (): string => {
  const path = process.env['FFMPEG_PATH'] || 'ffmpeg';
  try {
    execFileSync(path, ['-version'], { stdio: 'ignore' });
  } catch (cause) {
    throw new Error(`the benches compare with FFmpeg and ${path} does not run; install it or set FFMPEG_PATH`, { cause });
  }
  return path;
};

const BASE_S = 60;
const LIVE = ['-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4'];

const make = (name: string, args: string[]): string => {
  const file = join(tmpdir(), `clippy-bench-${name}-v2.mp4`);
  if (existsSync(file)) return file;
  execFileSync(ffmpegPath(), ['-v', 'error', '-y', ...args, ...LIVE, `${file}.part`], { stdio: 'inherit' });
  renameSync(`${file}.part`, file);
  return file;
};

/** Path of a fragmented MP4 of `seconds` (whole minutes: a minute, repeated). */
export const material = (seconds: number): string => {
  const base = make('base', [
    '-f', 'lavfi', '-i', `testsrc2=s=1280x720:r=30:d=${BASE_S}`,
    '-f', 'lavfi', '-i', `anoisesrc=c=pink:r=48000:a=0.2:d=${BASE_S},tremolo=f=4:d=0.7`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '2400k', '-minrate', '2400k', '-maxrate', '2400k', '-bufsize', '2400k', '-x264-params', 'nal-hrd=cbr', '-g', '30', '-pix_fmt', 'yuv420p',
    '-c:a', 'libopus', '-b:a', '96k', '-strict', '-2',
  ]);
  const times = Math.max(1, Math.round(seconds / BASE_S));
  return times === 1 ? base : make(`${times}min`, ['-stream_loop', String(times - 1), '-i', base, '-c', 'copy', '-strict', '-2']);
};
