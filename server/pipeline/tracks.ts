// The tracks of a part that Clippy uses: the first picture and the first sound.
import type { Init, Track } from '../media/media.ts';
import { readInit } from '../media/read-init.ts';
import type { Part } from './media-log.ts';

const read = new WeakMap<Uint8Array, Init>();

export const initOf = (part: Part): Init => {
  const known = read.get(part.bytes);
  if (known) return known;
  const init = readInit(part.bytes, part.byteStart);
  read.set(part.bytes, init);
  return init;
};
export const audioTrack = (part: Part): Track | null => initOf(part).tracks.find((track) => track.kind === 'audio') ?? null;
export const videoTrack = (part: Part): Track | null => initOf(part).tracks.find((track) => track.kind === 'video' && track.codec !== 'other') ?? null;
