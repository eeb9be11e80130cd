// What a container holds, as the rest of the server sees it. Times here are the container's own, in ms (fractions kept);
// the decode stage maps them to session time. Offsets count bytes of the session's byte stream.

export type Codec = 'avc' | 'hevc' | 'vp8' | 'vp9' | 'av1' | 'opus' | 'aac' | 'vorbis' | 'other';

export type Track = {
  number: number;
  kind: 'video' | 'audio' | 'other';
  codec: Codec;
  /** as the container names it: `V_VP8`, `avc1`, … */
  codecName: string;
  /** CodecPrivate, avcC/hvcC/av1C payload, AudioSpecificConfig or OpusHead; empty where there is none */
  config: Uint8Array;
  width: number;
  height: number;
  sampleRate: number;
  channels: number;
  /** degrees clockwise to turn the picture for display; absent = 0 */
  rotation?: 90 | 180 | 270;
  /** aspect ratio of the displayed picture (before rotation) where its pixels are not square */
  aspect?: { width: number; height: number };
};

export type Packet = {
  track: number;
  kind: Track['kind'];
  /** presentation time */
  startMs: number;
  /** 0 where the container does not say and the next packet has not come */
  durationMs: number;
  key: boolean;
  byteStart: number;
  byteLength: number;
  /** empty for video when the walker was made with `videoData: false` */
  data: Uint8Array;
};

/** Initialisation of a container: everything before the first cluster or moof. */
export type Init = { container: 'webm' | 'mp4'; byteStart: number; byteEnd: number; tracks: Track[]; bytes: Uint8Array };

export type WalkEvent =
  | { type: 'init'; init: Init }
  /** a cluster or moof begins: with `init`, a walk can start here */
  | { type: 'fragment'; byteStart: number; startMs: number }
  | { type: 'packet'; packet: Packet }
  /** damage that was stepped over; the walk goes on at the next fragment */
  | { type: 'damage'; byteStart: number; byteEnd: number; message: string };

/**
 * Incremental walk over one byte stream in arbitrary slices. Memory is bounded by the largest element kept (`MediaError limit`
 * above it). Errors: `MediaError` unsupported (not WebM/Matroska or fragmented MP4, encrypted, no tracks …), malformed, limit.
 */
export type Walker = {
  push(bytes: Uint8Array): WalkEvent[];
  /** bytes were lost: the next byte pushed is at `byteStart`; the walk resumes at the next provable fragment or init */
  skipTo(byteStart: number): void;
  /** what was still waiting for a following packet */
  end(): WalkEvent[];
};

export type WalkerOptions = {
  /** keep video payloads (cutting) or step over them without buffering (decode) */
  videoData: boolean;
  /** start in the middle of a stream: its init, and the offset of a fragment */
  init?: Init;
  byteStart?: number;
};
