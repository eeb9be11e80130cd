// Whatever else FFmpeg can read, as a live Matroska stream: H.264 and AAC, or the packets as they are where they can be carried.
import { MediaError, messageOf } from '../server/errors.ts';
import { findFfmpeg, runFfmpeg, startFfmpeg } from '../server/workers/ffmpeg.ts';
import { noVideo } from './live-source.ts';

/** Containers of single files; none that opens other files (HLS, DASH, concat) */
const FORMATS = 'mov,matroska,avi,flv,live_flv,mpegts,mpeg,mpegvideo,h264,hevc,m4v,asf,ogg,nut,mxf,gif,rm,dv,swf,ivf,obu,yuv4mpegpipe,wtv,nsv,bink,smk,roq,vc1,apng,wav,mp3,aac,flac,aiff,caf,au';
/** containers whose times and packets survive a copy */
const COPIES = /^Input #0, (flv|mov|matroska)/m;
const CARRIED_VIDEO = new Set(['h264', 'hevc', 'vp8', 'vp9', 'av1']);
const CARRIED_AUDIO = new Set(['aac', 'opus', 'vorbis']);
const PROBE = { maxOutputBytes: 1024, timeoutMs: 30_000 };
const KEYFRAME_S = 2;

export type FfmpegPlan = { mime: string; durationMs: number | null; args: string[]; path: string };

const codecOf = (report: string, kind: 'Video' | 'Audio'): string | null => new RegExp(`^\\s*Stream #0:.*: ${kind}: (\\w+)(?!.*attached pic)`, 'm').exec(report)?.[1] ?? null;

const durationOf = (report: string): number | null => {
  const [, hours, minutes, seconds] = /Duration: (\d+):(\d+):([\d.]+)/.exec(report) ?? [];
  return seconds === undefined ? null : (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
};

const CODEC_NAMES: Record<string, string> = { h264: 'avc1', hevc: 'hvc1', vp8: 'vp8', vp9: 'vp9', av1: 'av01', aac: 'mp4a.40.2', opus: 'opus', vorbis: 'vorbis' };

/** `exact`: pictures the file hides must stay hidden, so nothing is copied. Throws `MediaError` unsupported or tool. */
export const planFfmpeg = async (file: string, options: { allAudio: boolean; exact: boolean }, signal: AbortSignal): Promise<FfmpegPlan> => {
  const { path, version } = await findFfmpeg();
  const input = ['-format_whitelist', FORMATS, '-i', file];
  const { stderr: report } = await runFfmpeg({ path, args: input, tolerant: true, ...PROBE }, signal);
  if (!report.includes('Input #0')) throw new MediaError('unsupported', `${file} is no media file FFmpeg ${version} can read: ${report.trim().split('\n').at(-1) ?? 'no reason given'}`);
  const [video, audio] = [codecOf(report, 'Video'), codecOf(report, 'Audio')];
  if (!video) throw noVideo(file);
  const copies = !options.exact && COPIES.test(report);
  const copyVideo = copies && CARRIED_VIDEO.has(video);
  const copyAudio = copies && !options.allAudio && audio !== null && CARRIED_AUDIO.has(audio);
  const [, major = '0', minor = '0'] = /^n?(\d+)\.(\d+)/.exec(version) ?? [];
  // builds from git have no such number; they get the older spelling, which is understood for longer
  const passthrough = Number(major) * 100 + Number(minor) >= 501 ? '-fps_mode' : '-vsync';
  const args = [
    '-v', 'error', ...input, '-map', '0:v:0', '-map', options.allAudio ? '0:a?' : '0:a:0?', '-sn', '-dn',
    ...(copyVideo ? ['-c:v', 'copy'] : ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '21', '-pix_fmt', 'yuv420p', '-vf', 'scale=trunc(iw/2)*2:trunc(ih/2)*2', passthrough, 'passthrough', '-force_key_frames', `expr:gte(t,n_forced*${KEYFRAME_S})`]),
    ...(copyAudio ? ['-c:a', 'copy'] : ['-c:a', 'aac', '-b:a', '160k']),
    '-f', 'matroska', '-cluster_time_limit', '1000', 'pipe:1',
  ];
  const codecs = [copyVideo ? video : 'h264', ...(audio ? [copyAudio ? audio : 'aac'] : [])].map((codec) => CODEC_NAMES[codec] ?? codec);
  return { mime: `video/x-matroska; codecs="${codecs.join(', ')}"`, durationMs: durationOf(report), args, path };
};

export async function* runPlan(plan: FfmpegPlan, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const child = startFfmpeg({ path: plan.path, args: plan.args }, signal);
  try {
    for (let bytes = await child.read(); bytes; bytes = await child.read()) yield bytes;
    const code = await child.ended;
    signal.throwIfAborted();
    if (code !== 0) throw new MediaError('tool', `FFmpeg ended with ${code}: ${messageOf(child.stderr().trim().split('\n').at(-1) ?? '')}`);
  } finally {
    await child.close();
  }
}
