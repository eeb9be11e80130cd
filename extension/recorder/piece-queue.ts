// Pieces on their way from an encoder to the storage: one at a time, in order, bounded.
import { ExtensionError } from '../messages.ts';
import type { EncoderOptions, EncodedPiece } from './ports.ts';

/** two minutes of media: a disk that has taken nothing for so long takes nothing any more */
const MAX_WAITING = 64;

export type PieceQueue = {
  push(piece: EncodedPiece | Promise<EncodedPiece | null>): void;
  /** all pushed so far is stored, or `onFailure` was told */
  settled(): Promise<void>;
};

export const pieceQueue = ({ onPiece, onFailure }: Pick<EncoderOptions, 'onPiece' | 'onFailure'>): PieceQueue => {
  let waiting = 0;
  let failed = false;
  let last: Promise<void> = Promise.resolve();
  const fail = (error: Error): void => {
    if (failed) return;
    failed = true;
    onFailure(error);
  };
  const deliver = async (earlier: Promise<void>, piece: EncodedPiece | Promise<EncodedPiece | null>): Promise<void> => {
    await earlier;
    try {
      const ready = await piece;
      if (ready && !failed) await onPiece(ready);
    } catch (cause) {
      fail(cause instanceof Error ? cause : new ExtensionError('storage', `a piece could not be kept: ${String(cause)}`));
    } finally {
      waiting--;
    }
  };
  return {
    push: (piece) => {
      if (failed) return;
      if (waiting >= MAX_WAITING) return fail(new ExtensionError('storage', `${MAX_WAITING} pieces wait for the browser's storage; free disk space and record again`));
      waiting++;
      last = deliver(last, piece);
    },
    settled: () => last,
  };
};
