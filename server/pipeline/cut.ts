// cut: highlight → clip file. Copies packets from the keyframe before into MP4 (edit list: exact presented length) or WebM,
// decodes the whole result, makes a thumbnail. What does not decode is an error here, never a clip.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Highlight } from '../../shared/model.ts';
import { sumsOfFile } from '../block-sums.ts';
import { MediaError } from '../errors.ts';
import { muxClip } from '../media/mux.ts';
import type { MediaTool } from '../ports.ts';
import type { MediaIndex, MediaLog } from './media-log.ts';
import { stretchAt } from './packets.ts';
import type { CutClip } from './segment.ts';

export const HANDLE_MS = 10_000;
const THUMBNAIL_WIDTH = 480;
/** A presented length further off than this is a failed cut: one frame at 10 frames/s, or the sound of a still. */
const LENGTH_TOLERANCE_MS = 150;
/** The muxer may hold the last picture this long (a still, or where the media ends inside the range); FFmpeg does not count that. */
const HELD_PICTURE_MS = 1_000;

/** The files a cut makes on its way, as a port (S5). */
export type CutFiles = { makeDir(path: string): Promise<unknown>; remove(path: string): Promise<void>; mux: typeof muxClip; sums(path: string): Promise<string> };
export const diskFiles: CutFiles = { makeDir: (path) => mkdir(path, { recursive: true }), remove: (path) => rm(path, { force: true }), mux: muxClip, sums: sumsOfFile };

export type CutOptions = { log: MediaLog; index: MediaIndex; tool: MediaTool; tempDir: string; files?: CutFiles };

/** The same version may be cut again while the first cut is still being archived, so every cut has files of its own. */
let cuts = 0;

/** The files are the caller's, to be removed once archived; where it throws there are none. */
export const cutClip = async (options: CutOptions, highlight: Highlight, signal: AbortSignal): Promise<CutClip> => {
  const { files = diskFiles } = options;
  await files.makeDir(options.tempDir);
  const base = join(options.tempDir, `${highlight.id}-${highlight.version}-${++cuts}`);
  try {
    return await cutInto(base, { ...options, files }, highlight, signal);
  } catch (error) {
    await Promise.all([`${base}.media`, `${base}.handles`].map((file) => files.remove(file)));
    throw error;
  }
};

const cutInto = async (base: string, options: Required<CutOptions>, highlight: Highlight, signal: AbortSignal): Promise<CutClip> => {
  const { log, index, tool, files } = options;
  const cut = async (startMs: number, endMs: number, target: string) => {
    const { tracks, packets, free } = stretchAt({ log, index, startMs, endMs, kinds: 'all' }, signal);
    return files.mux({ tracks, packets, startMs, endMs, target }, signal).finally(free);
  };
  const clip = await cut(highlight.startMs, Math.min(highlight.endMs, log.state.durationMs), `${base}.media`);
  const { container } = clip;
  const found = await tool.verify(`${base}.media`, { container }, signal);
  if (found.errors.length > 0) throw new MediaError('malformed', `clip ${highlight.id} does not decode: ${found.errors[0]}`);
  if (clip.width > 0 && found.videoFrames === 0) throw new MediaError('malformed', `clip ${highlight.id} has no picture that decodes`);
  const presented = clip.endMs - clip.startMs;
  const excess = found.durationMs - presented;
  if (container === 'mp4' && (excess > LENGTH_TOLERANCE_MS || excess < -LENGTH_TOLERANCE_MS - HELD_PICTURE_MS)) {
    throw new MediaError('malformed', `clip ${highlight.id} lasts ${Math.round(found.durationMs)} ms instead of ${Math.round(presented)} ms`);
  }
  const thumbnail = clip.width > 0
    ? await tool.thumbnail(`${base}.media`, { container, atMs: Math.max(0, Math.min(highlight.peakMs - clip.startMs, presented - 100)), width: THUMBNAIL_WIDTH }, signal)
    : null;

  let handlesFile: string | null = null;
  let handleBeforeMs = 0;
  let handleAfterMs = 0;
  if (highlight.state === 'refined') {
    handlesFile = `${base}.handles`;
    const wide = await cut(Math.max(0, highlight.startMs - HANDLE_MS), Math.min(log.state.durationMs, highlight.endMs + HANDLE_MS), handlesFile);
    handleBeforeMs = Math.max(0, clip.startMs - wide.startMs);
    handleAfterMs = Math.max(0, wide.endMs - clip.endMs);
  }
  return {
    highlight, file: `${base}.media`, handlesFile, handleBeforeMs, handleAfterMs, startMs: clip.startMs, endMs: clip.endMs,
    mime: clip.mime, container, bytes: clip.bytes, sums: await files.sums(`${base}.media`), width: clip.width, height: clip.height, thumbnail,
  };
};
