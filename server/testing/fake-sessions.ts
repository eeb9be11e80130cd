// A `Sessions` in memory, for suites of the ways in. It refuses as the real one does and counts nothing.
import type { Clip, DeadLetter, ProviderState, SessionSummary, SessionView, StageName, StageState } from '../../shared/model.ts';
import { Refused } from '../errors.ts';
import type { MediaBody, Sessions } from '../ports.ts';
import { countedMedia, type CountedMedia } from './media-body.ts';

export const fakeSession = (over: Partial<SessionSummary> = {}): SessionSummary => ({
  id: 'S1', title: 'Friday <stream>', sourceUrl: 'https://example.test/live', mime: 'video/webm;codecs=vp9,opus', status: 'live', tier: 'free',
  startedAt: 1_700_000_000_000, endedAt: null, durationMs: 60_000, bytes: 1_000_000, chunks: 30, missing: 0, lastSequence: 30, pinned: false, clips: 1, deadLetters: 1, note: '', ...over,
});

export const fakeClip = (over: Partial<Clip> = {}): Clip => ({
  id: 'C1', sessionId: 'S1', version: 2, state: 'refined', startMs: 10_000, endMs: 40_000, handleBeforeMs: 10_000, handleAfterMs: 10_000, score: 0.9,
  title: 'no way', reasons: [{ signal: 'loudness', value: -12, percentile: 0.99, atMs: 20_000, text: 'louder than 99 % of the stream' }],
  mime: 'video/mp4', bytes: 700_000, width: 1280, height: 720, pinned: false, createdAt: 1_700_000_050_000, expiresAt: 1_700_170_000_000,
  mediaUrl: '/api/clips/C1/media?exp=1&sig=x', thumbnailUrl: '/api/clips/C1/thumbnail?exp=1&sig=x', ...over,
});

const fakeDeadLetter: DeadLetter = { id: 'D1', sessionId: 'S1', stage: 'cut', startMs: 0, endMs: 2_000, code: 'malformed', message: 'no keyframe', attempts: 3, createdAt: 1_700_000_020_000 };
const fakeProvider: ProviderState = { name: 'groq', status: 'ok', note: '', spentHour: 0.01, spentDay: 0.2, budgetHour: 1, budgetDay: 5 };
const stage: StageState = { status: 'running', depth: 0, capacity: 8, done: 30, untilMs: 58_000, lagMs: 2_000, note: '' };

const stages: Record<StageName, StageState> = { decode: stage, extract: stage, transcribe: stage, analyse: stage, cut: stage, archive: stage };

export type FakeSessions = Sessions & {
  /** every body handed out, for counting `close` */
  served: CountedMedia[];
  /** what `recording` and `clipMedia` hand out next, instead of the pattern */
  next: { media: Partial<MediaBody> };
};

export const fakeSessions = (): FakeSessions => {
  const sessions = new Map([['S1', fakeSession()]]);
  const clips = new Map([['C1', fakeClip()]]);
  const deadLetters = new Map([['D1', fakeDeadLetter]]);
  const fake = { served: new Array<CountedMedia>(), next: { media: {} } };

  const session = (id: string): SessionSummary => sessions.get(id) ?? missing('session', id);
  const clip = (id: string): Clip => clips.get(id) ?? missing('clip', id);
  const media = (over: Partial<MediaBody>): MediaBody => {
    const made = countedMedia(over.bytes ?? 700_000, { ...over, ...fake.next.media });
    fake.served.push(made);
    return made;
  };
  const change = (id: string, over: Partial<SessionSummary>): SessionSummary => {
    const changed = { ...session(id), ...over };
    sessions.set(id, changed);
    return changed;
  };

  const view: SessionView = {
    session: fakeSession(), stages,
    words: [{ startMs: 1_000, endMs: 1_400, text: 'no', confidence: 0.9 }, { startMs: 1_400, endMs: 1_900, text: 'way!', confidence: 0.8 }],
    bins: [{ second: 0, values: [-20, 0, 1, 0, 2, 0, 0, 0, 0, 0], speech: 1023 }], gaps: [], highlights: [], clips: [fakeClip()], deadLetters: [fakeDeadLetter],
  };

  return {
    ...fake,
    system: () => Promise.resolve({ sessions: [...sessions.values()], providers: [fakeProvider] }),
    view: async (id) => ({ ...view, session: session(id) }),
    words: async (id) => (session(id).id === '' ? [] : view.words),
    bins: async (id) => (session(id).id === '' ? [] : view.bins),
    regions: async (id) => (session(id).id === '' ? [] : [{ atMs: 0, rect: { x: 0, y: 90, width: 1280, height: 540 } }, { atMs: 4_000, rect: null }]),
    pages: async (id) => (session(id).id === '' ? [] : [{ atMs: 0, title: 'Friday <stream>', sourceUrl: 'https://example.test/live', playing: true }, { atMs: 4_000, title: '', sourceUrl: '', playing: null }]),
    recording: async (id, range) => {
      const { durationMs } = session(id);
      if (range && range.startMs >= durationMs) throw new Refused('range', `the recording of ${id} ends at ${durationMs} ms, before ${range.startMs}`);
      return media({ bytes: range ? range.endMs - range.startMs : 700_000, mime: 'video/webm', name: `${id}.webm`, immutable: false });
    },
    clipMedia: async (id, { version, exact }) => {
      const found = clip(id);
      if (version !== undefined && version > found.version) throw new Refused('not_found', `clip ${id} has no version ${version}; the latest is ${found.version}`);
      return media({ bytes: found.bytes, mime: found.mime, name: exact ? 'exact.mp4' : 'no way.mp4', etag: `"${id}-${version ?? found.version}"` });
    },
    clipThumbnail: async (id) => media({ bytes: clip(id).width, mime: 'image/jpeg', name: 'thumbnail.jpg' }),
    clips: ({ sessionId, limit, pinned, minScore = 0 }) =>
      Promise.resolve([...clips.values()].filter((each) => (sessionId ?? each.sessionId) === each.sessionId && (pinned ?? each.pinned) === each.pinned && each.score >= minScore).slice(0, limit)),
    clip: async (id) => clip(id),
    pinClip: async (id, pinned) => {
      const changed = { ...clip(id), pinned };
      clips.set(id, changed);
      return changed;
    },
    pinSession: async (id, pinned) => change(id, { pinned }),
    deleteClip: async (id) => void clips.delete(clip(id).id),
    deleteSession: async (id) => void sessions.delete(session(id).id),
    endSession: async (id) => {
      if (session(id).status === 'closed') throw new Refused('closed', `session ${id} is closed already`);
      return change(id, { status: 'closed', endedAt: 1_700_000_060_000 });
    },
    restartSession: async (id) => change(id, { status: 'live' }),
    deadLetters: (sessionId) => Promise.resolve([...deadLetters.values()].filter((each) => (sessionId ?? each.sessionId) === each.sessionId)),
    retryDeadLetter: async (id) => {
      if (!deadLetters.delete(id)) missing('dead letter', id);
    },
    providers: () => [fakeProvider],
  };
};

const missing = (what: string, id: string): never => {
  throw new Refused('not_found', `there is no ${what} ${id}`);
};

