// What the core needs from outside. An adapter is a function that returns one of these, in adapters/<port>.<technology>.ts.
import type { Clip, DeadLetter, Device, Gap, Highlight, Page, ProviderState, Rectangle, Region, SessionStatus, SessionSummary, SessionView, SignalBin, StageName, SystemView, Tier, TranscribedBy, Word } from '../shared/model.ts';
import type { Packet, Track } from './media/media.ts';

// ── storage ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type NewSession = { key: string; user: string; title: string; sourceUrl: string; mime: string; tier: Tier; startedAt: number; transcript: TranscribedBy };
export type StoredSession = SessionSummary & { key: string; user: string; epoch: number; /** decided by the first start */ transcript: TranscribedBy };
export type SessionPatch = Partial<Pick<SessionSummary, 'title' | 'sourceUrl' | 'status' | 'endedAt' | 'durationMs' | 'bytes' | 'chunks' | 'missing' | 'lastSequence' | 'pinned' | 'note' | 'mime'>>;

/** How far each lane of a session's pipeline has come; what lies before is persisted. */
export type Cursor = { signalsUntilMs: number; wordsUntilMs: number };

/** A clip as stored; URLs are signed when it is shown. */
export type StoredClip = Omit<Clip, 'mediaUrl' | 'thumbnailUrl'> & { mediaKey: string; thumbnailKey: string; sums: ClipSums | null };

/** By blocks (block-sums.ts), of the objects as they were cut; `thumbnail` is empty where there is none. */
export type ClipSums = { media: string; thumbnail: string };

/** A sealed timeline segment that went to the object store. */
export type ColdSegment = { sessionId: string; index: number; objectKey: string; fileBytes: number; storedAt: number };

/** `tokenHash`: SHA-256 of its token, hex; the token itself is kept nowhere. */
export type StoredDevice = Device & { owner: string; tokenHash: string };

export type ClipQuery = { sessionId?: string; before?: string; limit: number; pinned?: boolean; minScore?: number; text?: string };

/** The record of everything that is not media. Every write is durable when it resolves; every write is idempotent by its key. */
export type Repository = {
  /** Inserts, or returns the session this user already opened under the same key. */
  openSession(session: NewSession): Promise<StoredSession>;
  /** Raises and returns the epoch (P1). */
  raiseEpoch(sessionId: string): Promise<number>;
  updateSession(sessionId: string, patch: SessionPatch): Promise<void>;
  session(sessionId: string): Promise<StoredSession | null>;
  /** newest first */
  sessions(query: { limit: number; before?: string; status?: SessionStatus[] }): Promise<StoredSession[]>;
  /** Removes the session and all its rows; returns the object keys that were its. */
  deleteSession(sessionId: string): Promise<string[]>;

  addGap(sessionId: string, gap: Gap): Promise<void>;
  gaps(sessionId: string): Promise<Gap[]>;
  addRegion(sessionId: string, atMs: number, rect: Rectangle | null): Promise<void>;
  /** in the order of their times */
  regions(sessionId: string): Promise<Region[]>;
  addPage(sessionId: string, page: Page): Promise<void>;
  /** in the order of their times */
  pages(sessionId: string): Promise<Page[]>;
  addColdSegment(segment: ColdSegment): Promise<void>;
  coldSegments(sessionId: string): Promise<ColdSegment[]>;
  dropColdSegments(sessionId: string, indexes: number[]): Promise<void>;

  cursor(sessionId: string): Promise<Cursor>;
  /** In one transaction: bins (upserted by second) and the signals cursor. */
  commitBins(sessionId: string, bins: SignalBin[], signalsUntilMs: number): Promise<void>;
  /** In one transaction: the words, and the words cursor. Refuses nothing, but stores nothing below the stored cursor: committed words never change. */
  commitWords(sessionId: string, words: Word[], wordsUntilMs: number): Promise<void>;
  /** Words of a stretch that had been set aside; nothing where the stretch holds words already. Moves no cursor. */
  fillWords(sessionId: string, hole: { startMs: number; endMs: number }, words: Word[]): Promise<void>;
  /** Sets the signals cursor back, so that a stretch is analysed again. */
  rewindSignals(sessionId: string, signalsUntilMs: number): Promise<void>;
  bins(sessionId: string, range?: { startMs: number; endMs: number }): Promise<SignalBin[]>;
  words(sessionId: string, range?: { startMs: number; endMs: number }): Promise<Word[]>;

  /** Upsert; a lower or equal version of a stored id changes nothing and returns false. */
  saveHighlight(highlight: Highlight): Promise<boolean>;
  highlights(sessionId: string): Promise<Highlight[]>;
  saveClip(clip: StoredClip): Promise<boolean>;
  /** A clip's objects were cut anew. False where the clip is gone or has another version by now. */
  mendClip(clipId: string, version: number, mended: { bytes: number; sums: ClipSums }): Promise<boolean>;
  clip(clipId: string): Promise<StoredClip | null>;
  clips(query: ClipQuery): Promise<StoredClip[]>;
  pinClip(clipId: string, pinned: boolean, expiresAt: number | null): Promise<StoredClip | null>;
  /** `objectKeys`: the objects of all its versions. A deleted clip stays deleted: `saveClip` of a later version returns false. */
  deleteClip(clipId: string): Promise<(StoredClip & { objectKeys: string[] }) | null>;
  /** not pinned and past `expiresAt` */
  expiredClips(at: number, limit: number): Promise<StoredClip[]>;

  addDeadLetter(deadLetter: DeadLetter): Promise<void>;
  deadLetters(sessionId?: string): Promise<DeadLetter[]>;
  deadLetter(id: string): Promise<DeadLetter | null>;
  removeDeadLetter(id: string): Promise<void>;

  addDevice(device: StoredDevice): Promise<void>;
  /** those not revoked, newest first */
  devices(): Promise<StoredDevice[]>;
  /** `lastUsedAt` only rises. */
  touchDevice(id: string, at: number): Promise<void>;
  /** The row stays. False where no such device is left to revoke. */
  revokeDevice(id: string, at: number): Promise<boolean>;

  setting(name: string): Promise<string | null>;
  putSetting(name: string, value: string): Promise<void>;
  addSpend(provider: string, hourAt: number, usd: number): Promise<void>;
  spent(provider: string, sinceAt: number): Promise<number>;

  ping(): Promise<void>;
  close(): Promise<void>;
};

/** Media at rest. Keys are `/`-separated, `[A-Za-z0-9._/-]`, never starting with `/` or holding `..`. */
export type ObjectStore = {
  put(key: string, body: Uint8Array, mime: string): Promise<void>;
  /** Uploads a local file; the file stays. */
  putFile(key: string, path: string, mime: string): Promise<void>;
  /** `end` is exclusive. Throws `Refused not_found`. */
  read(key: string, range?: { start: number; end: number }, signal?: AbortSignal): Promise<Uint8Array>;
  stat(key: string): Promise<{ bytes: number; etag: string } | null>;
  delete(key: string): Promise<void>;
  list(prefix: string): AsyncIterable<{ key: string; bytes: number }>;
  ping(): Promise<void>;
};

// ── media and inference ────────────────────────────────────────────────────────────────────────────────────────────────

/** 100 ms of sound. */
export type AudioFrame = {
  startMs: number;
  /** BS.1770 momentary loudness (400 ms window ending here), LUFS, −70 for silence */
  loudness: number;
  /** normalised spectral flux, 0..1 */
  onset: number;
  /** probability of speech, 0..1 */
  voice: number;
  /** laughter, cheering, applause: 0..1; 0 without a tagging model */
  laughter: number;
};
export const FRAME_MS = 100;

/** Turns one session's audio packets into frames, in order. One call at a time. Packets are in session time. */
export type AudioAnalyser = {
  push(packets: Packet[], signal: AbortSignal): Promise<AudioFrame[]>;
  end(signal: AbortSignal): Promise<AudioFrame[]>;
  close(): Promise<void>;
};
/** `startMs`: frames before it are dropped (restart). Throws `MediaError unsupported` for a codec nothing here can decode. */
export type OpenAudioAnalyser = (options: { sessionId: string; track: Track; startMs: number }) => AudioAnalyser;

/** How much each keyframe's picture differs from the one before, 0..1. Best effort: a keyframe may be left out. */
export type SceneDetector = {
  push(keyframes: Packet[], signal: AbortSignal): Promise<{ atMs: number; change: number }[]>;
  close(): Promise<void>;
};
export type OpenSceneDetector = (options: { sessionId: string; track: Track }) => SceneDetector;

/** What decoding a whole file found. `errors` is empty for a sound file. */
export type Verification = { durationMs: number; videoFrames: number; audioSamples: number; width: number; height: number; errors: string[] };

/** FFmpeg, on files we wrote ourselves or on bytes piped in; forced demuxer, no network, limits on time, memory and output. */
export type MediaTool = {
  version: string;
  path: string;
  /** JPEG */
  thumbnail(file: string, options: { container: 'mp4' | 'webm'; atMs: number; width: number }, signal: AbortSignal): Promise<Uint8Array>;
  verify(file: string, options: { container: 'mp4' | 'webm' }, signal: AbortSignal): Promise<Verification>;
  /** exact, re-encoded H.264/AAC MP4 of the presented range, for editors that ignore edit lists */
  reencode(file: string, target: string, options: { container: 'mp4' | 'webm'; onProgress?: (share: number) => void }, signal: AbortSignal): Promise<void>;
};

/** A stretch of sound as one small file (packets untouched) and, where a local engine asks, as PCM. */
export type AudioClip = {
  startMs: number;
  endMs: number;
  file(): Promise<{ bytes: Uint8Array; mime: string; name: string }>;
  /** 16 kHz mono */
  pcm(): Promise<Float32Array>;
};
export type Transcript = { words: Word[]; /** media time up to which the engine has heard */ untilMs: number; language: string; model: string };

/** `api` engines get cut windows once; `local` ones see a growing buffer and commit by LocalAgreement. Words are in session time. */
export type Transcriber = {
  name: string;
  kind: 'api' | 'local';
  transcribe(audio: AudioClip, options: { prompt: string; language: string | null; priority: number }, signal: AbortSignal): Promise<Transcript>;
  state(): ProviderState;
  close(): Promise<void>;
};

/** What a judge is shown, and says. `quote` and `titleQuote` must be found in the words, or the verdict is void. */
export type JudgeQuestion = { highlight: Highlight; words: Word[]; context: string };
export type Verdict = { keep: boolean; title: string; quote: string; firstWords: string; lastWords: string; reason: string };
export type Judge = {
  name: string;
  judge(question: JudgeQuestion, signal: AbortSignal): Promise<Verdict>;
  state(): ProviderState;
};

export type StageFailure = { stage: StageName; attempts: number; error: unknown };

// ── what the ways in (HTTP, WebSocket) ask of the core ─────────────────────────────────────────────────────────────────

/** Bytes that can be served by Range: a clip, a thumbnail, a recording (also while it grows). */
export type MediaBody = {
  bytes: number;
  mime: string;
  /** strong, quoted */
  etag: string;
  /** file name offered on download, ASCII */
  name: string;
  /** may be cached for ever (its key changes with its content) */
  immutable: boolean;
  /** `end` exclusive */
  read(start: number, end: number, signal: AbortSignal): Promise<Uint8Array>;
  /** called once when serving ends, however it ends */
  close(): void;
};

export type Sessions = {
  system(): Promise<SystemView>;
  view(sessionId: string): Promise<SessionView>;
  /** all of them; throws `Refused not_found` */
  words(sessionId: string): Promise<Word[]>;
  bins(sessionId: string): Promise<SignalBin[]>;
  regions(sessionId: string): Promise<Region[]>;
  pages(sessionId: string): Promise<Page[]>;
  /** The recording: all of it as recorded, or a muxed time range. Throws `Refused` not_found or range. */
  recording(sessionId: string, range: { startMs: number; endMs: number } | null, signal: AbortSignal): Promise<MediaBody>;
  clipMedia(clipId: string, options: { version?: number; exact: boolean }, signal: AbortSignal): Promise<MediaBody>;
  clipThumbnail(clipId: string, signal: AbortSignal): Promise<MediaBody>;
  clips(query: ClipQuery): Promise<Clip[]>;
  clip(clipId: string): Promise<Clip>;
  pinClip(clipId: string, pinned: boolean): Promise<Clip>;
  pinSession(sessionId: string, pinned: boolean): Promise<SessionSummary>;
  deleteClip(clipId: string): Promise<void>;
  deleteSession(sessionId: string): Promise<void>;
  /** closes a live or interrupted session */
  endSession(sessionId: string): Promise<SessionSummary>;
  restartSession(sessionId: string): Promise<SessionSummary>;
  deadLetters(sessionId?: string): Promise<DeadLetter[]>;
  retryDeadLetter(id: string): Promise<void>;
  providers(): ProviderState[];
};
