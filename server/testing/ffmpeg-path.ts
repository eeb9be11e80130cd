// The FFmpeg tests use to make media: FFMPEG_PATH, then PATH, then the one from the registry.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

export const testFfmpeg = (): string => {
  for (const candidate of [process.env['FFMPEG_PATH'], 'ffmpeg']) {
    if (!candidate) continue;
    try {
      execFileSync(candidate, ['-version'], { stdio: 'ignore' });
      return candidate;
    } catch (error) {
      if (candidate !== 'ffmpeg') throw error;
    }
  }
  const installer: { path: string } = createRequire(import.meta.url)('@ffmpeg-installer/ffmpeg');
  return installer.path;
};
