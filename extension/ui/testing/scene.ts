// What the recorder could tell, for tests of the pages: the same at every run.
import { STAGES, type Clip, type SessionView, type StageName, type StageState, type Word } from '../../../shared/model.ts';
import { EMPTY_VIEW, type ClipView, type RecorderView, type RecordingView } from '../../view.ts';

export const SESSION = '01JDEMO0000000000000000001';
export const SERVER = 'http://localhost:7070';
export const LONG = 'Friday night ranked: road to Diamond with the whole crew, drops enabled, subathon hour 31 and no sleep (!merch !discord)';
export const ARABIC = 'بث مباشر: الطريق إلى النهائي مع الأصدقاء حتى الصباح';

export const recording = (patch: Partial<RecordingView> = {}): RecordingView => ({
  key: '01JREC00000000000000000001', tabId: 7, title: 'Friday night ranked', sourceUrl: 'https://www.twitch.tv/example', state: 'recording', startedAt: 1_790_000_000_000, durationMs: 754_000, encoder: 'webcodecs',
  width: 1280, height: 720, framesPerSecond: 29.9, bitsPerSecond: 2_430_000, microphone: false, playing: true, session: SESSION, pushed: 377, acked: 375, unackedChunks: 2, unackedBytes: 1_240_000, lost: 0, savableMs: 300_000, trouble: null, ...patch,
});

/** A picture as the recorder would hand it: a data: URL. */
export const thumbnail = (hue: number): string =>
  `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 90"><rect width="160" height="90" fill="hsl(${hue} 45% 32%)"/><circle cx="${40 + (hue % 80)}" cy="48" r="26" fill="hsl(${hue + 40} 70% 62%)"/></svg>`)}`;

const TITLES = ['“No way, no way, did you see that?”', 'Three at once through the smoke', 'The whole lobby laughs', 'Last second defuse', LONG, ARABIC];
export const clips = (count: number): ClipView[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `01JDEMO00000000000000000H${index}`, session: SESSION, title: TITLES[index % TITLES.length] ?? '', startMs: 117_000 + index * 61_000, endMs: 140_000 + index * 61_000, score: 0.91 - index * 0.05,
    state: index === 0 ? 'provisional' : 'refined', at: 1_790_000_700_000 - index * 90_000, thumbnail: index === 3 ? '' : thumbnail(index * 47),
  }));

export const online: RecorderView['server'] = { state: 'online', url: SERVER, user: 'maja' };
export const recorderView = (patch: Partial<RecorderView> = {}): RecorderView => ({ ...EMPTY_VIEW, server: online, storage: { usedBytes: 98_500_000, quotaBytes: 12_000_000_000 }, ...patch });

const stages = (patch: Partial<Record<StageName, Partial<StageState>>>): Record<StageName, StageState> => {
  const stage = (name: StageName, index: number): StageState => ({ status: 'running', depth: index % 3, capacity: 8, done: 300 - index * 30, untilMs: 598_000, lagMs: 300 + index * 220, note: '', ...patch[name] });
  const [decode, extract, transcribe, analyse, cut, archive] = STAGES.map(stage);
  return { decode: decode!, extract: extract!, transcribe: transcribe!, analyse: analyse!, cut: cut!, archive: archive! }; // as many as STAGES
};

const TALK = 'so we rotate here and hold the ramp. I think they are coming through the middle again. careful, careful. one more on the left side. let me check the timer. okay that was close. nice trade. we can play this slow and wait for the smoke.'.split(' ');
export const words = (count: number, fromMs = 0): Word[] => Array.from({ length: count }, (_, index) => ({ startMs: fromMs + index * 420, endMs: fromMs + index * 420 + 300, text: TALK[index % TALK.length] ?? '', confidence: index % 29 === 3 ? 0.3 : 0.95 }));

const sessionClip = (view: ClipView): Clip => ({
  id: view.id, sessionId: view.session, version: 1, state: view.state, startMs: view.startMs, endMs: view.endMs, handleBeforeMs: 0, handleAfterMs: 0, score: view.score, title: view.title, mime: 'video/mp4', bytes: 7_400_000, width: 640, height: 360,
  pinned: false, createdAt: view.at, expiresAt: null, mediaUrl: '', thumbnailUrl: '',
  reasons: [{ signal: 'loudness', value: -11.3, percentile: 0.99, atMs: view.startMs, text: '' }, { signal: 'phrase', value: 2, percentile: 0.99, atMs: view.startMs, text: 'clip that' }, { signal: 'voice', value: 0.94, percentile: 0.93, atMs: view.startMs, text: '' }],
});

export const sessionView = (patch: Partial<SessionView> & { stagePatch?: Parameters<typeof stages>[0] } = {}): SessionView => {
  const { stagePatch, ...rest } = patch;
  return {
    session: {
      id: SESSION, title: 'Friday night ranked', sourceUrl: 'https://www.twitch.tv/example', mime: 'video/mp4', status: 'live', tier: 'free', startedAt: 1_790_000_000_000, endedAt: null, durationMs: 754_000, bytes: 187_500_000,
      chunks: 377, missing: 0, lastSequence: 376, pinned: false, clips: 3, deadLetters: 0, note: '',
    },
    stages: stages(stagePatch ?? {}), words: words(420), bins: [], gaps: [], highlights: [], clips: clips(3).map(sessionClip), deadLetters: [], ...rest,
  };
};
