// A stream as the dashboard would see it: ten minutes with words, signals, highlights and clips, the same at every run.
import { SIGNALS, STAGES, type Clip, type DeadLetter, type Highlight, type ProviderState, type Reason, type SessionSummary, type SessionView, type SignalBin, type StageName, type StageState, type Word } from '../../shared/model.ts';

const noise = (seed: number): number => {
  const x = Math.sin(seed * 12.9898) * 43_758.5453;
  return x - Math.floor(x);
};

/** Seconds at which something happens. */
export const PEAKS = [131, 297, 468, 552];

export const session = (patch: Partial<SessionSummary> = {}): SessionSummary => ({
  id: '01JDEMO0000000000000000001', title: 'Friday night ranked: road to Diamond', sourceUrl: 'https://www.twitch.tv/example', mime: 'video/mp4', status: 'live', tier: 'free',
  startedAt: Date.now() - 600_000, endedAt: null, durationMs: 600_000, bytes: 187_500_000, chunks: 312, missing: 0, lastSequence: 311, pinned: false, clips: 2, deadLetters: 0, note: '', ...patch,
});

export const stages = (patch: Partial<Record<StageName, Partial<StageState>>> = {}): Record<StageName, StageState> => {
  const stage = (name: StageName, index: number): StageState => ({ status: 'running', depth: index % 3, capacity: 8, done: 300 - index * 30, untilMs: 598_000, lagMs: 300 + index * 220, note: '', ...patch[name] });
  const [decode, extract, transcribe, analyse, cut, archive] = STAGES.map(stage);
  return { decode: decode!, extract: extract!, transcribe: transcribe!, analyse: analyse!, cut: cut!, archive: archive! }; // as many as STAGES
};

export const bins = (fromS: number, toS: number): SignalBin[] =>
  Array.from({ length: toS - fromS }, (_, index) => {
    const second = fromS + index;
    const near = Math.max(...PEAKS.map((peak) => Math.exp(-(((second - peak) / 5) ** 2))));
    const calm = 0.5 + 0.5 * Math.sin(second / 17);
    const values: Record<(typeof SIGNALS)[number], number> = {
      loudness: -34 + 6 * noise(second) + 3 * calm + 20 * near, rise: Math.max(0, 3 * noise(second + 7) + 16 * near), voice: Math.min(1, 0.2 + 0.5 * calm * noise(second + 3) + 0.6 * near),
      onset: 0.2 * noise(second + 11) + 0.5 * near, rate: 1 + 2 * noise(second + 5) + 2 * near, phrase: near > 0.9 ? 2 : 0, sentiment: near > 0.6 ? 2 * near : 0, laughter: 0,
      scene: second % 23 === 0 ? 0.7 * noise(second + 1) + 0.2 : 0, silence: 0,
    };
    return { second, speech: 0, values: SIGNALS.map((signal) => values[signal]) };
  });

const TALK = 'so we rotate here and hold the ramp. I think they are coming through the middle again. careful, careful. one more on the left side. let me check the timer. okay that was close. nice trade. we can play this slow and wait for the smoke. I really like this map now.'.split(' ');
const SHOUT = 'oh my god no way no way. did you see that? clip that!'.split(' ');

export const words = (fromMs: number, toMs: number): Word[] => {
  const out: Word[] = [];
  for (let at = fromMs, index = 0; at < toMs; index += 1) {
    const shouting = PEAKS.some((peak) => Math.abs(at / 1000 - peak) < 4);
    const list = shouting ? SHOUT : TALK;
    const text = list[index % list.length] ?? '';
    out.push({ startMs: at, endMs: at + 240, text, confidence: noise(at) > 0.04 ? 0.95 : 0.3 });
    at += text.endsWith('.') ? 1_500 : 300 + Math.floor(noise(at) * 120);
  }
  return out;
};

const reason = (signal: Reason['signal'], value: number, percentile: number, peakS: number, text = ''): Reason => ({ signal, value, percentile, atMs: peakS * 1000, text });

export const highlight = (number: number, patch: Partial<Highlight> = {}): Highlight => {
  const peakS = PEAKS[number] ?? 0;
  return {
    id: `01JDEMO00000000000000000H${number}`, sessionId: '01JDEMO0000000000000000001', version: 1, state: 'refined', startMs: (peakS - 14) * 1000, endMs: (peakS + 9) * 1000, peakMs: peakS * 1000, score: 0.91 - number * 0.09,
    title: ['“No way, no way, did you see that?”', 'Three at once through the smoke', 'The whole lobby laughs', 'Last second defuse'][number] ?? '',
    reasons: [reason('loudness', -11.3, 0.99, peakS), reason('rise', 16.2, 0.98, peakS), reason('phrase', 2, 0.99, peakS, 'clip that'), reason('voice', 0.94, 0.93, peakS)], ...patch,
  };
};

export const clip = (number: number, urls: Pick<Clip, 'mediaUrl' | 'thumbnailUrl'>, patch: Partial<Clip> = {}): Clip => {
  const { id, sessionId, startMs, endMs, score, title, reasons } = highlight(number);
  return {
    id, sessionId, version: 1, state: 'provisional', startMs, endMs, handleBeforeMs: 10_000, handleAfterMs: 10_000, score, title, reasons, mime: 'video/mp4', bytes: 7_400_000, width: 640, height: 360,
    pinned: false, createdAt: Date.now(), expiresAt: Date.now() + 86_400_000, ...urls, ...patch,
  };
};

export const deadLetter = (): DeadLetter => ({
  id: '01JDEMO00000000000000000D1', sessionId: '01JDEMO0000000000000000001', stage: 'cut', startMs: 210_000, endMs: 228_000, code: 'malformed', message: 'the clip did not decode: 3 broken pictures at 211.4 s', attempts: 3, createdAt: Date.now(),
});

export const providers = (): ProviderState[] => [
  { name: 'groq', status: 'ok', note: '', spentHour: 0.021, spentDay: 0.18, budgetHour: 0.5, budgetDay: 4 },
  { name: 'openai', status: 'budget', note: 'the budget of $1.00 for this hour is spent; it goes on at the full hour', spentHour: 1, spentDay: 1.6, budgetHour: 1, budgetDay: 4 },
];

export const view = (patch: Partial<SessionView> = {}): SessionView => ({ session: session(), stages: stages(), words: [], bins: [], gaps: [], highlights: [], clips: [], deadLetters: [], ...patch });
