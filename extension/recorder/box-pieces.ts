// Boxes as the muxer writes them → pieces: `ftyp` and `moov` together are the init piece, each `moof` with its `mdat` is one of media.
import type { EncodedPiece } from './ports.ts';

const join = (parts: Uint8Array[]): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => {
    joined.set(part, at);
    return at + part.length;
  }, 0);
  return joined;
};

export type BoxPieces = {
  /** A picture was encoded, ms. Pieces begin and end where its keyframes do. */
  picture(atMs: number, key: boolean): void;
  ftyp(bytes: Uint8Array): void;
  moov(bytes: Uint8Array): void;
  moof(bytes: Uint8Array): void;
  mdat(bytes: Uint8Array): void;
};

/** Keyframes nearer than seven eighths of a group (asked for after a drop) begin no fragment, as the muxer was told. */
export const boxPieces = (groupMs: number, onPiece: (piece: EncodedPiece) => void): BoxPieces => {
  const head: Uint8Array[] = [];
  let moof = new Uint8Array();
  let keys: number[] = [];
  let startMs = 0;
  let endMs = 0;
  let frameMs = 0;
  return {
    picture: (atMs, key) => {
      if (key) keys.push(atMs);
      frameMs = atMs - endMs > 0 ? atMs - endMs : frameMs;
      endMs = atMs;
    },
    ftyp: (bytes) => void head.push(bytes.slice()),
    moov: (bytes) => {
      onPiece({ kind: 'init', startMs: 0, durationMs: 0, bytes: join([...head, bytes]) });
      head.length = 0;
    },
    moof: (bytes) => {
      moof = bytes.slice();
    },
    mdat: (bytes) => {
      const next = keys.find((at) => at >= startMs + (groupMs * 7) / 8) ?? endMs + frameMs;
      keys = keys.filter((at) => at >= next);
      onPiece({ kind: 'media', startMs, durationMs: next - startMs, bytes: join([moof, bytes]) });
      startMs = next;
    },
  };
};
