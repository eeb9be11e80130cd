// How numbers, times and states read. All pure.
import { STAGES, type Clip, type ProviderState, type SessionStatus, type SessionSummary, type StageName, type StageState } from './model.ts';

const two = (value: number): string => String(value).padStart(2, '0');

/** Media time: 0:07, 12:34, 1:02:03. */
export const timecode = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
};

/** A length in words short enough for a badge: 0.4 s, 23 s, 4 min, 2.5 h. */
export const span = (ms: number): string => {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5_970) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
};

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
/** Decimal units, as disks and networks are sold. */
export const bytes = (value: number): string => {
  let unit = 0;
  let rest = Math.max(0, value);
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 || rest >= 99.5 ? Math.round(rest) : rest.toFixed(1)} ${UNITS[unit]}`;
};

export const percent = (share: number): string => `${Math.round(Math.min(1, Math.max(0, share)) * 100)} %`;
export const dollars = (value: number): string => `$${value < 0.995 ? value.toFixed(3) : value.toFixed(2)}`;
export const plural = (count: number, one: string, many = `${one}s`): string => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** The promise about loss, in the open: "0 of 312 chunks missing". */
export const missing = (session: Pick<SessionSummary, 'chunks' | 'missing'>): string => {
  const total = session.chunks + session.missing;
  return `${session.missing.toLocaleString('en')} of ${plural(total, 'chunk')} missing`;
};

/** Notes come as clauses; where one stands alone it begins like a sentence. */
export const sentence = (note: string): string => note.charAt(0).toUpperCase() + note.slice(1);

export const ago = (atMs: number, nowMs: number): string => {
  const ms = Math.max(0, nowMs - atMs);
  if (ms < 60_000) return 'just now';
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ago`;
  return plural(Math.floor(ms / 86_400_000), 'day') + ' ago';
};

/** How far the slowest stage that works is behind what is durable; null where none has reported. */
export const worstLag = (stages: Record<StageName, StageState> | undefined): number | null => {
  if (!stages) return null;
  const lags = Object.values(stages).filter((stage) => stage.status !== 'off').map((stage) => stage.lagMs);
  return lags.length === 0 ? null : Math.max(...lags);
};

/** A source is linked only when it is a web page; anything else stays text. */
export const webLink = (url: string): string | null => {
  try {
    const { protocol, href } = new URL(url);
    return protocol === 'http:' || protocol === 'https:' ? href : null;
  } catch {
    return null;
  }
};

export const hostOf = (href: string): string => new URL(href).host.replace(/^www\./, '');

export const STATUS_TEXT: Record<SessionStatus, string> = { live: 'Live', interrupted: 'Interrupted', draining: 'Finishing', closed: 'Ended', failed: 'Failed' };
export const STAGE_TEXT: Record<StageName, string> = {
  decode: 'Decode', extract: 'Sound', transcribe: 'Transcribe', analyse: 'Analyse', cut: 'Cut', archive: 'Archive',
};
export const STAGE_STATUS_TEXT: Record<StageState['status'], string> = { idle: 'idle', running: 'working', waiting: 'waiting', off: 'off', failing: 'failing' };
/** What a stage is doing; where it works, how far it is behind: "4.0 s behind", "off". */
export const stageLine = ({ status, lagMs }: Pick<StageState, 'status' | 'lagMs'>): string => (status === 'running' || status === 'waiting' ? `${span(lagMs)} behind` : STAGE_STATUS_TEXT[status]);
/** What stages have to say, each named, in the order of the pipeline. */
export const stageNotes = (stages: Record<StageName, StageState>): { stage: string; note: string }[] =>
  STAGES.filter((name) => stages[name].note !== '').map((name) => ({ stage: STAGE_TEXT[name], note: sentence(stages[name].note) }));

export const PROVIDER_TEXT: Record<ProviderState['status'], string> = {
  ok: 'Ready', throttled: 'Slowed by its limits', open: 'Resting after errors', budget: 'Budget reached', off: 'Off',
};

export const titleOf = (session: Pick<SessionSummary, 'title' | 'id'>): string => session.title.trim() || `Untitled ${session.id.slice(-6)}`;
export const clipTitle = (clip: Pick<Clip, 'title' | 'startMs'>): string => clip.title.trim() || `Moment at ${timecode(clip.startMs)}`;
export const score = (value: number): string => String(Math.round(Math.min(1, Math.max(0, value)) * 100));
