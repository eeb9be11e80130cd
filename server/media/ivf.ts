// IVF: the plainest container FFmpeg reads from a pipe packet by packet, whatever the codec, with no look at the next packet.
import { MediaError } from '../errors.ts';
import { concat, viewOf } from './bytes.ts';
import type { Track } from './media.ts';

const FOURCC: Partial<Record<Track['codec'], string>> = { vp8: 'VP80', vp9: 'VP90', av1: 'AV01', avc: 'H264', hevc: 'H265' };

/** Throws `MediaError unsupported` for a codec without a four-character code. */
export const ivfHeader = (track: Track): Uint8Array => {
  const fourcc = FOURCC[track.codec];
  if (!fourcc) throw new MediaError('unsupported', `codec ${track.codecName} cannot be decoded from a pipe`);
  const header = new Uint8Array(32);
  const view = viewOf(header);
  header.set(new TextEncoder().encode(`DKIF\0\0\x20\0${fourcc}`));
  view.setUint16(12, track.width, true);
  view.setUint16(14, track.height, true);
  // one tick per frame
  view.setUint32(16, 1, true);
  view.setUint32(20, 1, true);
  return header;
};

export const ivfFrame = (data: Uint8Array, index: number): Uint8Array => {
  const header = new Uint8Array(12);
  viewOf(header).setUint32(0, data.length, true);
  viewOf(header).setUint32(4, index, true);
  return concat([header, data]);
};
