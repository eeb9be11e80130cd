// The nouns every part of Clippy shares. Media times are milliseconds since the session began (`startMs`, `endMs`);
// wall-clock times are milliseconds since the epoch (`…At`).

export type Tier = 'free' | 'plus' | 'pro';

/** How far a recording has come. `failed` is visible and can be restarted by hand. */
export type SessionStatus = 'live' | 'interrupted' | 'draining' | 'closed' | 'failed';

export type Rectangle = { x: number; y: number; width: number; height: number };

/** Where the watched video lies in the recorded picture from `atMs` on; null: it is not in the picture. */
export type Region = { atMs: number; rect: Rectangle | null };

/** What the recorded page was from `atMs` on; '' is unknown. `playing`: its video; null where none is seen. */
export type Page = { atMs: number; title: string; sourceUrl: string; playing: boolean | null };

export type Word = { startMs: number; endMs: number; text: string; /** 0..1 */ confidence: number };

/** Who makes a recording's words: the server's engines, or the client that records. */
export type TranscribedBy = 'server' | 'client';

/** [fromMs, untilMs) was listened to, and these words were heard: in order, each beginning inside. */
export type HeardWords = { fromMs: number; untilMs: number; words: Word[] };

/** Sequence numbers `from`..`to` (both included) the client declared lost. */
export type Gap = { fromSequence: number; toSequence: number; startMs: number; endMs: number; reason: string };

/** Order of the numbers in a `SignalBin`. Adding one at the end is compatible; reordering is not. */
export const SIGNALS = [
  'loudness', // BS.1770 momentary maximum, LUFS (−70 = silence)
  'rise', // LU above the loudness of the seconds before
  'voice', // share of the second with voice activity, 0..1
  'onset', // mean spectral flux, 0..1
  'rate', // words per second
  'phrase', // weight of trigger phrases ending in this second
  'sentiment', // |lexicon score| of the words ending in this second
  'laughter', // laughter, cheering, applause: 0..1 (0 without a tagging model)
  'scene', // picture change at keyframes, 0..1
  'silence', // sudden silence after a loud passage, 0..1
] as const;
export type Signal = (typeof SIGNALS)[number];

/**
 * One second of a stream: `second` covers [second·1000, second·1000 + 1000) ms; `values` follow SIGNALS;
 * `speech` has bit i set where the i-th tenth of the second has voice activity (the words lane cuts its windows by it).
 */
export type SignalBin = { second: number; values: number[]; speech: number };

/** Why a highlight is one: a signal, its raw value, and its percentile (0..1) within this stream so far. */
export type Reason = { signal: Signal | 'judge'; value: number; percentile: number; atMs: number; text: string };

export type Highlight = {
  id: string;
  sessionId: string;
  /** rises when boundaries, title or score change */
  version: number;
  state: 'provisional' | 'refined' | 'vetoed';
  startMs: number;
  endMs: number;
  peakMs: number;
  /** 0..1 */
  score: number;
  title: string;
  reasons: Reason[];
};

/** A cut highlight. Same id as its highlight; `version` rises with each new cut. */
export type Clip = {
  id: string;
  sessionId: string;
  version: number;
  state: 'provisional' | 'refined';
  /** presented range */
  startMs: number;
  endMs: number;
  /** media kept around the presented range for later trimming, ms */
  handleBeforeMs: number;
  handleAfterMs: number;
  score: number;
  title: string;
  reasons: Reason[];
  mime: string;
  bytes: number;
  width: number;
  height: number;
  pinned: boolean;
  createdAt: number;
  /** null = never (pinned) */
  expiresAt: number | null;
  /** signed, short-lived, relative to the server's origin */
  mediaUrl: string;
  thumbnailUrl: string;
};

export const STAGES = ['decode', 'extract', 'transcribe', 'analyse', 'cut', 'archive'] as const;
export type StageName = (typeof STAGES)[number];

export type StageState = {
  status: 'idle' | 'running' | 'waiting' | 'off' | 'failing';
  /** items inside or queued */
  depth: number;
  capacity: number;
  done: number;
  /** media time reached, and how far that is behind what is durable */
  untilMs: number;
  lagMs: number;
  /** what a person should know: "transcription is off: set GROQ_API_KEY …" */
  note: string;
};

export type SessionSummary = {
  id: string;
  title: string;
  sourceUrl: string;
  mime: string;
  status: SessionStatus;
  tier: Tier;
  startedAt: number;
  endedAt: number | null;
  durationMs: number;
  bytes: number;
  /** chunks durable, and sequence numbers declared lost */
  chunks: number;
  missing: number;
  lastSequence: number;
  pinned: boolean;
  clips: number;
  deadLetters: number;
  note: string;
};

export type DeadLetter = {
  id: string;
  sessionId: string;
  stage: StageName;
  startMs: number;
  endMs: number;
  code: string;
  message: string;
  attempts: number;
  createdAt: number;
};

/** A paired browser extension or program. "recorder": it may record, and see recordings and clips. */
export type Device = { id: string; name: string; scope: 'recorder'; createdAt: number; lastUsedAt: number | null };

export type ProviderState = {
  name: string;
  status: 'ok' | 'throttled' | 'open' | 'budget' | 'off';
  note: string;
  /** money spent, US dollars */
  spentHour: number;
  spentDay: number;
  budgetHour: number;
  budgetDay: number;
};

/** What happens in one session, as viewers see it. */
export type SessionEvent =
  | { type: 'session'; session: SessionSummary }
  | { type: 'sessionDeleted'; sessionId: string }
  | { type: 'stages'; sessionId: string; stages: Record<StageName, StageState> }
  | { type: 'words'; sessionId: string; words: Word[] }
  | { type: 'signals'; sessionId: string; bins: SignalBin[] }
  | { type: 'gap'; sessionId: string; gap: Gap }
  | { type: 'highlight'; sessionId: string; highlight: Highlight }
  | { type: 'clip'; sessionId: string; clip: Clip }
  | { type: 'clipDeleted'; sessionId: string; clipId: string }
  | { type: 'deadLetter'; sessionId: string; deadLetter: DeadLetter }
  | { type: 'deadLetterResolved'; sessionId: string; deadLetterId: string }
  | { type: 'notice'; sessionId: string | null; level: 'info' | 'warning' | 'error'; code: string; message: string; at: number }
  | { type: 'providers'; providers: ProviderState[] };

/** Everything a viewer of one session needs; `applyEvent` in session-state.ts keeps it current. */
export type SessionView = {
  session: SessionSummary;
  stages: Record<StageName, StageState>;
  words: Word[];
  bins: SignalBin[];
  gaps: Gap[];
  highlights: Highlight[];
  clips: Clip[];
  deadLetters: DeadLetter[];
};

/** Everything a viewer of the overview (topic `system`) needs. */
export type SystemView = { sessions: SessionSummary[]; providers: ProviderState[] };
