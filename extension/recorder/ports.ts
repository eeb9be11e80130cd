// What the parts of the recorder ask of one another.
import type { Rectangle } from '../../shared/model.ts';
import type { Ring } from '../../shared/ring.ts';
import type { Settings } from '../settings.ts';

/** A piece of one recording's byte stream. Media times are ms since the recording began; an `init` piece has none of its own. */
export type EncodedPiece = { kind: 'init' | 'media'; startMs: number; durationMs: number; bytes: Uint8Array };

/** Rates are measured over the last seconds; `framesIn` counts what came from the tab, `framesOut` what left the encoder. */
export type EncoderStatus = { width: number; height: number; framesPerSecond: number; bitsPerSecond: number; queued: number; dropped: number; framesIn: number; framesOut: number };

/** Turns a tab's stream into pieces of one byte stream: fragmented MP4 by WebCodecs, WebM by MediaRecorder where those are missing. */
export type Encoder = {
  kind: 'webcodecs' | 'mediarecorder';
  /** of the pieces, with codecs; known once `start` has resolved */
  mime: string;
  /** size of the encoded picture; region rectangles are in its pixels */
  picture: { width: number; height: number };
  status(): EncoderStatus;
  /** media time now, on the clock of this encoder's pieces: 0 = its first picture */
  mediaMs(): number;
  /** Everything pending goes out, then resolves; a flush that hangs is ended after a time-out and said in `note`. */
  stop(): Promise<{ note: string }>;
};
export type EncoderOptions = {
  /** one track of pictures, and at most one of sound: 48 kHz, stereo */
  stream: MediaStream;
  /** a second audio track, 48 kHz and stereo too */
  microphone: MediaStreamTrack | null;
  settings: Settings;
  /** how much later than its pictures the stream's sound arrives */
  soundDelayMs: number;
  /** the video's place in the picture (before cropping), for live cropping; null = the whole tab */
  crop: (() => Rectangle | null) | null;
  /** one at a time: the next waits for the promise */
  onPiece: (piece: EncodedPiece) => Promise<void>;
  /** the encoder cannot go on; what came out so far is sound */
  onFailure: (error: Error) => void;
};

/** What is known of a recording beside its media; survives a crash of the browser. */
export type RecordingRecord = {
  key: string;
  title: string;
  sourceUrl: string;
  mime: string;
  encoder: Encoder['kind'];
  width: number;
  height: number;
  microphone: boolean;
  startedAt: number;
  /** null: still recording, or the browser ended without saying so */
  endedAt: number | null;
  /** media time of the last piece, and wall clock when it was stored */
  durationMs: number;
  storedAt: number;
  /** origin of the server it goes to; '' = recorded without one */
  serverUrl: string;
  /** the server has said that all of it is durable */
  delivered: boolean;
  transcript: 'server' | 'client';
};

/** Recordings and their pieces in IndexedDB. Every write is committed when it resolves. Rejects with ExtensionError `storage`. */
export type RecordingStore = {
  create(record: RecordingRecord): Promise<void>;
  update(key: string, patch: Partial<Omit<RecordingRecord, 'key'>>): Promise<void>;
  list(): Promise<RecordingRecord[]>;
  remove(key: string): Promise<void>;
  /**
   * The ring a recording sends from (shared/ring.ts). Init pieces are kept apart for the recording's life; a media piece leaves when it
   * is settled (`release`) and older than `keepMs` before the newest, or when it is dropped.
   */
  ring(key: string, options: { keepMs: number }): Ring;
  /** How much of the end can be read, contiguous. */
  savableMs(key: string): Promise<number>;
  /** The init bytes and the contiguous pieces that cover the last `lastMs`, oldest first. */
  tail(key: string, lastMs: number): Promise<{ init: Uint8Array; pieces: { startMs: number; durationMs: number; bytes: Uint8Array }[] }>;
  usage(): Promise<{ usedBytes: number; quotaBytes: number }>;
  close(): void;
};

/** The last `seconds` of a recording as one MP4 (WebM where the codec demands), exact in and out. */
export type SaveTail = (options: { store: RecordingStore; record: RecordingRecord; seconds: number; signal: AbortSignal }) => Promise<{ blob: Blob; durationMs: number; filename: string }>;
