import { execFileSync } from 'node:child_process';
import ffmpegInstaller from '@ffmpeg-installer/ffmpeg';

const ffmpeg = (args: string[]): void => {
  try {
    execFileSync(process.env['FFMPEG_PATH'] ?? 'ffmpeg', ['-v', 'error', '-y', ...args]);
  } catch {
    execFileSync(ffmpegInstaller.path, ['-v', 'error', '-y', ...args]); // a bare machine has only the registry's one
  }
};

/** H.264 and AAC in MP4, 640 × 360, from one of FFmpeg's picture sources. */
export const makeVideo = (target: string, seconds: number, source: string): void =>
  ffmpeg(['-f', 'lavfi', '-i', `${source}=s=640x360:r=15`, '-f', 'lavfi', '-i', 'sine=f=330', '-t', String(seconds), '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '30', '-c:a', 'aac', '-movflags', '+faststart', target]);

export const makePicture = (target: string, source: string): void => ffmpeg(['-f', 'lavfi', '-i', `${source}=s=640x360`, '-frames:v', '1', target]);
