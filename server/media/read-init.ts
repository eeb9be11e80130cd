// An initialisation that was stored, read again.
import { MediaError } from '../errors.ts';
import type { Init } from './media.ts';
import { createWalker } from './walker.ts';

/** A cluster of unknown size: the walk reports a WebM initialisation when the first cluster begins. */
const CLUSTER = Uint8Array.of(0x1f, 0x43, 0xb6, 0x75, 0xff);
const EBML = 0x1a;

/** Throws `MediaError` malformed. */
export const readInit = (bytes: Uint8Array, byteStart: number): Init => {
  const walker = createWalker({ videoData: false, byteStart });
  const events = [...walker.push(bytes), ...(bytes[0] === EBML ? walker.push(CLUSTER) : [])];
  for (const event of events) if (event.type === 'init') return event.init;
  throw new MediaError('malformed', `the ${bytes.length} bytes stored at ${byteStart} are no initialisation`, { atByte: byteStart });
};
