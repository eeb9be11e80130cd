// Target `frames`: hostile bytes against the decoder. It refuses with `FrameError` or gives a frame that survives encoding.
import { decodeClientFrame, encodeFrame } from '../../../shared/codec.ts';
import { FrameError } from '../../../shared/frame-error.ts';
import { chanceOf } from './chance.ts';
import { type FuzzOptions, type FuzzReport, runCases } from './fuzz.ts';
import { type Known, hostileFrame } from './hostile-frame.ts';

const LIMITS = { maxChunkBytes: 8_000_000 };
const MAX_MESSAGE = 1_000;
const KNOWN: Known = { token: 'a-token-of-sixteen', keys: ['01ARZ3NDEKTSV4RRFFQ69G5FAV', '01BX5ZZKBKACTAV9WEVGEMMVRZ'], sessions: ['01ARZ3NDEKTSV4RRFFQ69G5FAW'] };

/** What is wrong with how these bytes are taken, or undefined. */
export const decodeFault = (bytes: Uint8Array): { outcome: string; wrong?: string } => {
  const before = Buffer.from(bytes);
  try {
    const frame = decodeClientFrame(bytes, LIMITS);
    if (!before.equals(bytes)) return { outcome: 'taken', wrong: 'the decoder wrote into the frame' };
    const written = Buffer.from(encodeFrame(frame));
    const again = decodeClientFrame(Uint8Array.from(written), LIMITS);
    return written.equals(encodeFrame(again)) ? { outcome: `taken ${frame.t}` } : { outcome: 'taken', wrong: `${JSON.stringify(frame).slice(0, 200)} became ${JSON.stringify(again).slice(0, 200)}` };
  } catch (error) {
    if (!(error instanceof FrameError)) return { outcome: 'threw', wrong: `${String(error)}` };
    if (error.message.length > MAX_MESSAGE) return { outcome: 'threw', wrong: `a message of ${error.message.length} characters` };
    return { outcome: `refused ${error.code}` };
  }
};

export const fuzzFrames = (options: FuzzOptions): FuzzReport =>
  runCases('frames', options, (number) => {
    const input = hostileFrame(chanceOf(options.seed, number), KNOWN);
    return { input, ...decodeFault(input) };
  });
