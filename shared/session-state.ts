// One pure reducer for the server's snapshot, the dashboard and the badge: state + event → state. Events may repeat and
// may repeat after a snapshot that holds them already; the result is the same. Unchanged parts keep their identity.
import type { SessionEvent, SessionSummary, SessionView, SignalBin, StageState, SystemView, Word } from './model.ts';

/** What a view keeps of the lists that grow with the stream; the oldest go first. */
export type Keep = { bins: number; words: number };
/** 48 hours: of bins, and of words at 3 a second. */
export const KEEP_ALL: Keep = { bins: 172_800, words: 518_400 };

const idle: StageState = { status: 'idle', depth: 0, capacity: 0, done: 0, untilMs: 0, lagMs: 0, note: '' };

export const emptyView = (session: SessionSummary): SessionView => ({
  session,
  stages: { decode: idle, extract: idle, transcribe: idle, analyse: idle, cut: idle, archive: idle },
  words: [], bins: [], gaps: [], highlights: [], clips: [], deadLetters: [],
});

/** First index whose key is at least `key`, in a list ordered by `keyOf`. */
const lowerBound = <T>(list: T[], key: number, keyOf: (item: T) => number): number => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(list[middle]!) < key) low = middle + 1; // middle < high ≤ length
    else high = middle;
  }
  return low;
};

/**
 * Merges `fresh` into an ordered list: `same` items are settled by `pick`, others find their place. Only the tail that
 * `fresh` reaches into is compared, so appending to a long list costs one copy of its pointers.
 */
const mergeOrdered = <T>(list: T[], fresh: T[], rules: { keyOf: (item: T) => number; same: (a: T, b: T) => boolean; pick: (old: T, fresh: T) => T }): T[] => {
  if (fresh.length === 0) return list;
  const earliest = fresh.reduce((least, item) => Math.min(least, rules.keyOf(item)), Infinity);
  const from = lowerBound(list, earliest, rules.keyOf);
  const tail = list.slice(from);
  for (const item of fresh) {
    const key = rules.keyOf(item);
    let at = lowerBound(tail, key, rules.keyOf);
    while (at < tail.length && rules.keyOf(tail[at]!) === key && !rules.same(tail[at]!, item)) at++;
    const found = tail[at];
    if (found !== undefined && rules.same(found, item)) tail[at] = rules.pick(found, item);
    else tail.splice(at, 0, item);
  }
  return [...list.slice(0, from), ...tail];
};

const last = <T>(list: T[], count: number): T[] => (list.length > count ? list.slice(-count) : list);

// committed words never change: the one already there stays
const mergeWords = (words: Word[], fresh: Word[]): Word[] =>
  mergeOrdered(words, fresh, { keyOf: (word) => word.startMs, same: (a, b) => a.startMs === b.startMs && a.text === b.text, pick: (old) => old });

const mergeBins = (bins: SignalBin[], fresh: SignalBin[]): SignalBin[] =>
  mergeOrdered(bins, fresh, { keyOf: (bin) => bin.second, same: (a, b) => a.second === b.second, pick: (_, bin) => bin });

/** Highlights and clips: one per id, a lower version never replaces a higher; ordered by time. */
const putVersion = <T extends { id: string; version: number; startMs: number }>(list: T[], item: T): T[] => {
  const known = list.find(({ id }) => id === item.id);
  if (known && known.version > item.version) return list;
  return [...list.filter(({ id }) => id !== item.id), item].sort((a, b) => a.startMs - b.startMs || (a.id < b.id ? -1 : 1));
};

/** An event of another session changes nothing. */
export const applyEvent = (view: SessionView, event: SessionEvent, keep: Keep = KEEP_ALL): SessionView => {
  const sessionId = event.type === 'session' ? event.session.id : event.type === 'providers' ? null : event.sessionId;
  if (sessionId !== view.session.id) return view;
  switch (event.type) {
    case 'session':
      return { ...view, session: event.session };
    case 'sessionDeleted':
      return emptyView({ ...view.session, status: 'closed', bytes: 0, clips: 0, deadLetters: 0, note: 'deleted' });
    case 'stages':
      return { ...view, stages: event.stages };
    case 'words':
      return { ...view, words: last(mergeWords(view.words, event.words), keep.words) };
    case 'signals':
      return { ...view, bins: last(mergeBins(view.bins, event.bins), keep.bins) };
    case 'gap':
      return {
        ...view,
        gaps: mergeOrdered(view.gaps, [event.gap], { keyOf: (gap) => gap.fromSequence, same: (a, b) => a.fromSequence === b.fromSequence, pick: (_, gap) => gap }),
      };
    case 'highlight':
      return { ...view, highlights: putVersion(view.highlights, event.highlight) };
    case 'clip':
      return { ...view, clips: putVersion(view.clips, event.clip) };
    case 'clipDeleted':
      return { ...view, clips: view.clips.filter(({ id }) => id !== event.clipId) };
    case 'deadLetter':
      return { ...view, deadLetters: [...view.deadLetters.filter(({ id }) => id !== event.deadLetter.id), event.deadLetter] };
    case 'deadLetterResolved':
      return { ...view, deadLetters: view.deadLetters.filter(({ id }) => id !== event.deadLetterId) };
    case 'notice':
    case 'providers':
      return view;
    default:
      return event satisfies never;
  }
};

/** Sessions stand newest first. */
export const applySystemEvent = (view: SystemView, event: SessionEvent): SystemView => {
  if (event.type === 'providers') return { ...view, providers: event.providers };
  if (event.type === 'sessionDeleted') return { ...view, sessions: view.sessions.filter(({ id }) => id !== event.sessionId) };
  if (event.type !== 'session') return view;
  const others = view.sessions.filter(({ id }) => id !== event.session.id);
  return { ...view, sessions: [...others, event.session].sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1)) };
};
