// The recording a soak streams: 720p30 H.264 at a chosen bit rate, with the sound of the demo, whose two moments make clips, and
// then calm for the rest of five minutes; repeated.
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LivePiece, allPieces } from '../../scripts/live-media.ts';

export type Material = { mime: string; pieces: LivePiece[] };

const DEMO = join(import.meta.dirname, '../../scripts/demo.mp4');
const BASE_S = 300;
const DEMO_S = 90;
/** before the demo's first moment */
const CALM_S = 35;
const LIVE = ['-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4'];

const make = (name: string, args: string[]): string => {
  const file = join(tmpdir(), `clippy-soak-${name}-v2.mp4`);
  if (existsSync(file)) return file;
  const part = `${file}.${process.pid}`;
  execFileSync(process.env['FFMPEG_PATH'] || 'ffmpeg', ['-v', 'error', '-y', ...args, ...LIVE, part], { stdio: 'inherit' });
  renameSync(part, file);
  return file;
};

/** At least `seconds` of it, in pieces of a second. */
export const material = async (seconds: number, megabits: number): Promise<Material> => {
  const video = `${Math.round(megabits * 1000 - 64)}k`;
  const base = make(`base-${megabits}`, [
    '-f', 'lavfi', '-i', `testsrc2=s=1280x720:r=30:d=${BASE_S}`, '-i', DEMO,
    '-filter_complex', `[1:a]aresample=48000,asplit[a][b];[a]atrim=0:${DEMO_S}[first];[b]atrim=0:${CALM_S},aloop=loop=-1:size=${CALM_S * 48_000}[calm];[first][calm]concat=n=2:v=0:a=1[sound]`,
    '-map', '0:v', '-map', '[sound]', '-t', String(BASE_S),
    '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', video, '-minrate', video, '-maxrate', video, '-bufsize', video, '-x264-params', 'nal-hrd=cbr', '-g', '30', '-pix_fmt', 'yuv420p',
    '-c:a', 'libopus', '-b:a', '64k', '-strict', '-2',
  ]);
  const times = Math.max(1, Math.ceil(seconds / BASE_S));
  const file = times === 1 ? base : make(`${times}x-${megabits}`, ['-stream_loop', String(times - 1), '-i', base, '-c', 'copy', '-strict', '-2']);
  return allPieces(file);
};
