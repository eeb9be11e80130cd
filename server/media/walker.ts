// Which container a stream is, by its first bytes, and the walk through it.
import { MediaError } from '../errors.ts';
import { concat, malformed, text } from './bytes.ts';
import type { WalkEvent, Walker, WalkerOptions } from './media.ts';
import { isBoxType, mp4Grammar } from './mp4-walker.ts';
import { createWalk } from './walk.ts';
import { webmGrammar } from './webm-walker.ts';

const DETECT_BYTES = 8;

const containerOf = (head: Uint8Array): 'webm' | 'mp4' => {
  if (head[0] === 0x1a && head[1] === 0x45 && head[2] === 0xdf && head[3] === 0xa3) return 'webm';
  if (isBoxType(text(head.subarray(4, 8)))) return 'mp4';
  const hex = [...head].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new MediaError('unsupported', `a stream that begins with ${hex} is neither WebM/Matroska nor fragmented MP4; record as one of these`);
};

/**
 * Walks WebM/Matroska or fragmented MP4. A packet is reported when its last byte has arrived. With `videoData` the walk keeps views
 * into pushed slices: do not write to a slice after pushing it. Without, what is kept is copied, and a slice is free after its push.
 */
export const createWalker = (options: WalkerOptions): Walker => {
  const { videoData, init } = options;
  const begin = (container: 'webm' | 'mp4', position: number, seeking: boolean): Walker => {
    const grammarOptions = { videoData, ...(init && { init }) };
    return createWalk(container === 'webm' ? webmGrammar(grammarOptions) : mp4Grammar(grammarOptions), { position, seeking, keepsViews: videoData });
  };
  if (init) return begin(init.container, options.byteStart ?? init.byteEnd, true);

  let walker: Walker | null = null;
  let position = options.byteStart ?? 0;
  let head: Uint8Array = new Uint8Array(0);
  let failure: MediaError | null = null;

  const detect = (bytes: Uint8Array): WalkEvent[] => {
    if (failure) throw failure;
    head = concat([head, bytes]);
    if (head.length < DETECT_BYTES) return [];
    try {
      walker = begin(containerOf(head.subarray(0, DETECT_BYTES)), position, false);
    } catch (error) {
      if (error instanceof MediaError) failure = error;
      throw error;
    }
    return walker.push(head);
  };

  return {
    push: (bytes) => (walker ? walker.push(bytes) : detect(bytes)),
    skipTo: (byteStart) => {
      if (walker) return walker.skipTo(byteStart);
      position = byteStart;
      head = new Uint8Array(0);
    },
    end: () => {
      if (walker) return walker.end();
      throw (failure ??= malformed(`a stream of ${head.length} bytes holds no initialisation`));
    },
  };
};
