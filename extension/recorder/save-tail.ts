// "Save the last 30 seconds": cut in the page from what the ring holds, without a server, copied wherever the container can hide a lead-in.
import { BlobSource, Input, MP4, WEBM } from 'mediabunny';
import { ExtensionError } from '../messages.ts';
import { concat, wholeClusters } from './clusters.ts';
import type { Bytes } from './clusters.ts';
import { fileName } from './filename.ts';
import { wholeFragments } from './fragments.ts';
import { cutPictures } from './lead-in.ts';
import type { SaveTail } from './ports.ts';
import { LEAD_MS } from './stored-ring.ts';
import { writeTail } from './tail-file.ts';
import type { Lane } from './tail-file.ts';
import { readTail } from './tail-packets.ts';
import type { Tail } from './tail-packets.ts';

const nothing = (title: string): ExtensionError => new ExtensionError('nothing', `recording "${title}" has nothing to save yet; the first seconds take a moment to arrive`);

/** For these MP4's edit list makes the cut exact without encoding. Not VP9: Chromium 156 took a 5.3 s tail with a hidden lead-in for 6.26 s. */
const IN_MP4 = new Set(['avc', 'hevc']);

/** Bytes a demuxer can read: a header, and media in whole fragments or elements. */
const readable = (init: Bytes, pieces: Bytes[], mime: string): Bytes[] => {
  if (mime.includes('mp4')) {
    const whole = wholeFragments(pieces);
    return whole.length === 0 ? [] : [init, ...whole];
  }
  return wholeClusters(init, concat(pieces));
};

const lanesFor = ({ video, audio, start }: Tail, container: 'mp4' | 'webm', signal: AbortSignal): Lane[] => {
  const from = container === 'mp4' ? 'lead' : 'cut';
  const picture = video && { track: video.track, packets: container === 'mp4' ? video.packets('lead') : cutPictures(video, start, signal) };
  return [...(picture ? [picture] : []), ...audio.map(({ track, packets }) => ({ track, packets: packets(from) }))];
};

/** Rejects with ExtensionError `nothing` (no media yet), `media` (it cannot be read), `storage`, or the signal's reason. */
export const saveTail: SaveTail = async ({ store, record, seconds, signal }) => {
  const { init, pieces } = await store.tail(record.key, seconds * 1000 + LEAD_MS);
  signal.throwIfAborted();
  const bytes = readable(new Uint8Array(init), pieces.map((piece) => new Uint8Array(piece.bytes)), record.mime);
  if (bytes.length === 0) throw nothing(record.title);
  const input = new Input({ source: new BlobSource(new Blob(bytes)), formats: [MP4, WEBM] });
  try {
    const tail = await readTail(input, seconds);
    if (!tail) throw nothing(record.title);
    const codec = (await tail.video?.track.getCodec()) ?? null;
    const container = codec === null || IN_MP4.has(codec) ? 'mp4' : 'webm';
    const blob = await writeTail(lanesFor(tail, container, signal), container, signal);
    return { blob, durationMs: (tail.end - tail.start) * 1000, filename: fileName(record.title, new Date(), container) };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ExtensionError) throw cause;
    throw new ExtensionError('media', `the last ${seconds} s of "${record.title}" could not be cut: ${cause instanceof Error ? cause.message : String(cause)}; the recording itself goes on`, { cause });
  } finally {
    input.dispose();
  }
};
