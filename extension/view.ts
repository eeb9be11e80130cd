// What the recorder tells the pages and the badge: one value, sent whole whenever it changes, at most a few times a second.
import type { SessionView } from '../shared/model.ts';

export type ServerView =
  | { state: 'unpaired' }
  | { state: 'connecting' | 'online'; url: string; user: string }
  | { state: 'offline'; url: string; user: string; reason: string; retryAt: number }
  /** the server does not know the token any more */
  | { state: 'refused'; url: string; reason: string };

export type Trouble = { code: string; message: string; at: number };

/**
 * `starting`: no chunk yet. `stopping`: the server has not confirmed all of it yet. `uploading`: left by an earlier run of the
 * browser and being sent. `left`: left by an earlier run and waiting for the user or the server. `stopped` and `failed` stay a while.
 */
export type RecordingState = 'starting' | 'recording' | 'stopping' | 'uploading' | 'left' | 'stopped' | 'failed';

export type RecordingView = {
  key: string;
  tabId: number | null;
  title: string;
  sourceUrl: string;
  state: RecordingState;
  startedAt: number;
  /** media time recorded */
  durationMs: number;
  encoder: 'webcodecs' | 'mediarecorder';
  width: number;
  height: number;
  /** measured over the last seconds */
  framesPerSecond: number;
  bitsPerSecond: number;
  microphone: boolean;
  /** the page's largest video plays; null where the page tells nothing */
  playing: boolean | null;
  /** the server's id, once it has answered */
  session: string | null;
  pushed: number;
  acked: number;
  unackedChunks: number;
  unackedBytes: number;
  /** chunks that could not be kept until the server took them, declared to it */
  lost: number;
  /** what can be saved from this browser right now, ms */
  savableMs: number;
  trouble: Trouble | null;
};

/** `thumbnail`: data: URL, '' until it has come. */
export type ClipView = { id: string; session: string; title: string; startMs: number; endMs: number; score: number; state: 'provisional' | 'refined'; at: number; thumbnail: string };

export type RecorderView = {
  server: ServerView;
  recordings: RecordingView[];
  /** newest first, at most 12 */
  clips: ClipView[];
  /** bytes this extension keeps in the browser, and what the browser allows */
  storage: { usedBytes: number; quotaBytes: number };
  transcription: { state: 'off' | 'loading' | 'ready' | 'failed'; note: string };
  /** what the server tells of the session being watched by the side panel */
  watched: { session: string; view: SessionView | null } | null;
};

export const EMPTY_VIEW: RecorderView = {
  server: { state: 'unpaired' }, recordings: [], clips: [], storage: { usedBytes: 0, quotaBytes: 0 }, transcription: { state: 'off', note: '' }, watched: null,
};
