// The repository as a few maps: for tests of the core, and the second implementation that keeps the contract suite honest.
import { ulid } from 'ulid';
import type { DeadLetter, Gap, Highlight, Page, Rectangle, SignalBin, Word } from '../../shared/model.ts';
import { Refused } from '../errors.ts';
import { cleanText } from '../adapters/clean-text.ts';
import { parsePage } from '../adapters/page.ts';
import type { ColdSegment, Cursor, Repository, StoredClip, StoredDevice, StoredSession } from '../ports.ts';

type Rows = {
  session: StoredSession;
  cursor: Cursor;
  gaps: Map<number, Gap>;
  regions: Map<number, Rectangle | null>;
  pages: Map<number, Page>;
  cold: Map<number, ColdSegment>;
  bins: Map<number, SignalBin>;
  words: Word[];
};

/** What a database does to a value: a copy as JSON would give it, with text it can store. Simulated worlds make hundreds each. */
const copyOf = (value: unknown): unknown => {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) if (part !== undefined) copy[name] = copyOf(part);
  return copy;
};
const stored = <T>(value: T): T => copyOf(value) as T; // a copy of it

const newestFirst = (a: { at: number; id: string }, b: { at: number; id: string }): number => b.at - a.at || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
const tokens = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
const overlaps = (item: { startMs: number; endMs: number }, range: { startMs: number; endMs: number }): boolean =>
  item.startMs < range.endMs && (item.endMs > range.startMs || item.startMs >= range.startMs);

const page = async <T>(rows: { at: number; id: string; row: T }[], { before, limit }: { before?: string; limit: number }, timeOf: (id: string) => number | undefined): Promise<T[]> => {
  const from = await parsePage(before, (id) => Promise.resolve(timeOf(id)));
  return rows.filter((row) => !from || newestFirst(from, row) < 0).toSorted(newestFirst).slice(0, limit).map(({ row }) => row);
};
const sameWord = (a: Word, b: Word): boolean => a.startMs === b.startMs && a.endMs === b.endMs && a.text === b.text;

export const createMemoryRepository = ({ newId = ulid }: { newId?: (at: number) => string } = {}): Repository => {
  const sessions = new Map<string, Rows>();
  const highlights = new Map<string, Highlight>();
  const clips = new Map<string, StoredClip>();
  /** clip id → objects of all its versions */
  const objects = new Map<string, Set<string>>();
  /** clip id → its session */
  const deletedClips = new Map<string, string>();
  const letters = new Map<string, DeadLetter>();
  const devices = new Map<string, StoredDevice & { revokedAt: number | null }>();
  const settings = new Map<string, string>();
  const spend = new Map<string, { provider: string; hourAt: number; usd: number }>();

  const rowsOf = (sessionId: string): Rows => {
    const rows = sessions.get(sessionId);
    if (!rows) throw new Refused('unknown_session', `there is no session ${sessionId}; it may have been deleted`);
    return rows;
  };
  const counted = ({ session }: Rows): StoredSession => ({
    ...session,
    clips: [...clips.values()].filter(({ sessionId }) => sessionId === session.id).length,
    deadLetters: [...letters.values()].filter(({ sessionId }) => sessionId === session.id).length,
  });
  const matches = (clip: StoredClip, text: string): boolean => {
    const words = sessions.get(clip.sessionId)?.words.filter((word) => overlaps(word, clip)) ?? [];
    const search = [clip.title, ...words.map((word) => word.text)].join(' ').toLowerCase();
    const wanted = tokens(text);
    return search.includes(text.toLowerCase()) || (wanted.length > 0 && wanted.every((token) => tokens(search).includes(token)));
  };

  return {
    openSession: async (session) => {
      const { key, user, title, sourceUrl, mime, tier, startedAt, transcript } = stored(session);
      const known = [...sessions.values()].find((rows) => rows.session.user === user && rows.session.key === key);
      if (known) return counted(known);
      const rows: Rows = {
        session: {
          id: newId(startedAt), key, user, title, sourceUrl, mime, tier, startedAt, transcript, status: 'live', endedAt: null, durationMs: 0, bytes: 0, chunks: 0, missing: 0,
          lastSequence: 0, epoch: 0, pinned: false, note: '', clips: 0, deadLetters: 0,
        },
        cursor: { signalsUntilMs: 0, wordsUntilMs: 0 }, gaps: new Map(), regions: new Map(), pages: new Map(), cold: new Map(), bins: new Map(), words: [],
      };
      sessions.set(rows.session.id, rows);
      return counted(rows);
    },
    raiseEpoch: async (sessionId) => ++rowsOf(sessionId).session.epoch,
    updateSession: async (sessionId, patch) => {
      const rows = rowsOf(sessionId);
      rows.session = { ...rows.session, ...stored(patch) };
    },
    session: async (sessionId) => {
      const rows = sessions.get(sessionId);
      return rows ? counted(rows) : null;
    },
    sessions: (query) => {
      const rows = [...sessions.values()].filter(({ session }) => !query.status || query.status.includes(session.status));
      return page(rows.map((row) => ({ at: row.session.startedAt, id: row.session.id, row: counted(row) })), query, (id) => sessions.get(id)?.session.startedAt);
    },
    deleteSession: async (sessionId) => {
      const rows = sessions.get(sessionId);
      if (!rows) return [];
      const keys = [...rows.cold.values()].map(({ objectKey }) => objectKey);
      for (const clip of clips.values()) {
        if (clip.sessionId !== sessionId) continue;
        keys.push(...(objects.get(clip.id) ?? []));
        clips.delete(clip.id);
        objects.delete(clip.id);
      }
      for (const table of [highlights, letters]) for (const row of table.values()) if (row.sessionId === sessionId) table.delete(row.id);
      for (const [clipId, owner] of deletedClips) if (owner === sessionId) deletedClips.delete(clipId);
      sessions.delete(sessionId);
      return [...new Set(keys)];
    },

    addGap: async (sessionId, gap) => {
      const { gaps } = rowsOf(sessionId);
      const known = gaps.get(gap.fromSequence);
      if (!known) gaps.set(gap.fromSequence, stored(gap));
      else if (known.toSequence < gap.toSequence) gaps.set(gap.fromSequence, { ...known, toSequence: gap.toSequence, endMs: gap.endMs });
    },
    gaps: async (sessionId) => [...(sessions.get(sessionId)?.gaps.values() ?? [])].toSorted((a, b) => a.fromSequence - b.fromSequence),
    addRegion: async (sessionId, atMs, rect) => void rowsOf(sessionId).regions.set(atMs, stored(rect)),
    regions: async (sessionId) => [...(sessions.get(sessionId)?.regions ?? [])].toSorted(([a], [b]) => a - b).map(([atMs, rect]) => ({ atMs, rect })),
    addPage: async (sessionId, said) => void rowsOf(sessionId).pages.set(said.atMs, stored(said)),
    pages: async (sessionId) => [...(sessions.get(sessionId)?.pages.values() ?? [])].toSorted((a, b) => a.atMs - b.atMs),
    addColdSegment: async (segment) => void rowsOf(segment.sessionId).cold.set(segment.index, stored(segment)),
    coldSegments: async (sessionId) => [...(sessions.get(sessionId)?.cold.values() ?? [])].toSorted((a, b) => a.index - b.index),
    dropColdSegments: async (sessionId, indexes) => {
      for (const index of indexes) sessions.get(sessionId)?.cold.delete(index);
    },

    cursor: async (sessionId) => ({ ...rowsOf(sessionId).cursor }),
    commitBins: async (sessionId, bins, signalsUntilMs) => {
      const rows = rowsOf(sessionId);
      for (const { second, values, speech } of bins) rows.bins.set(second, { second, values: values.map((value) => Math.fround(value)), speech });
      rows.cursor.signalsUntilMs = Math.max(rows.cursor.signalsUntilMs, signalsUntilMs);
    },
    commitWords: async (sessionId, words, wordsUntilMs) => {
      const rows = rowsOf(sessionId);
      for (const word of stored(words)) if (word.startMs >= rows.cursor.wordsUntilMs && !rows.words.some((known) => sameWord(known, word))) rows.words.push(word);
      rows.words.sort((a, b) => a.startMs - b.startMs);
      rows.cursor.wordsUntilMs = Math.max(rows.cursor.wordsUntilMs, wordsUntilMs);
    },
    fillWords: async (sessionId, hole, words) => {
      const rows = rowsOf(sessionId);
      const inside = ({ startMs }: Word): boolean => startMs >= hole.startMs && startMs < hole.endMs;
      if (rows.words.some(inside)) return;
      rows.words.push(...stored(words).filter(inside));
      rows.words.sort((a, b) => a.startMs - b.startMs);
    },
    rewindSignals: async (sessionId, signalsUntilMs) => {
      const cursor = sessions.get(sessionId)?.cursor;
      if (cursor) cursor.signalsUntilMs = Math.min(cursor.signalsUntilMs, signalsUntilMs);
    },
    bins: async (sessionId, range) =>
      [...(sessions.get(sessionId)?.bins.values() ?? [])].filter(({ second }) => !range || (second >= Math.floor(range.startMs / 1000) && second < Math.ceil(range.endMs / 1000))).toSorted((a, b) => a.second - b.second),
    words: async (sessionId, range) => stored((sessions.get(sessionId)?.words ?? []).filter((word) => !range || overlaps(word, range))),

    saveHighlight: async (highlight) => {
      rowsOf(highlight.sessionId);
      const known = highlights.get(highlight.id);
      if (known && (known.version >= highlight.version || known.sessionId !== highlight.sessionId)) return false;
      highlights.set(highlight.id, stored(highlight));
      return true;
    },
    highlights: async (sessionId) => [...highlights.values()].filter((highlight) => highlight.sessionId === sessionId).toSorted((a, b) => a.startMs - b.startMs || (a.id < b.id ? -1 : 1)),
    saveClip: async (clip) => {
      const known = clips.get(clip.id);
      if (deletedClips.has(clip.id) || (known && (known.version >= clip.version || known.sessionId !== clip.sessionId))) return false;
      rowsOf(clip.sessionId);
      objects.set(clip.id, new Set([...(objects.get(clip.id) ?? []), clip.mediaKey, clip.thumbnailKey]));
      const kept = known ? { createdAt: known.createdAt, pinned: known.pinned || clip.pinned, expiresAt: known.pinned ? known.expiresAt : clip.expiresAt } : {};
      clips.set(clip.id, { ...stored(clip), ...kept });
      return true;
    },
    mendClip: async (clipId, version, mended) => {
      const clip = clips.get(clipId);
      if (clip?.version !== version) return false;
      clips.set(clipId, { ...clip, ...mended });
      return true;
    },
    clip: async (clipId) => {
      const clip = clips.get(clipId);
      return clip ? stored(clip) : null;
    },
    clips: (query) => {
      const { sessionId, pinned, minScore } = query;
      const wanted = cleanText(query.text ?? '').trim();
      const rows = [...clips.values()].filter(
        (clip) => (sessionId === undefined || clip.sessionId === sessionId) && (pinned === undefined || clip.pinned === pinned) && (minScore === undefined || clip.score >= minScore) && (wanted === '' || matches(clip, wanted)),
      );
      return page(rows.map((clip) => ({ at: clip.createdAt, id: clip.id, row: stored(clip) })), query, (id) => clips.get(id)?.createdAt);
    },
    pinClip: async (clipId, pinned, expiresAt) => {
      const clip = clips.get(clipId);
      if (!clip) return null;
      clips.set(clipId, { ...clip, pinned, expiresAt });
      return stored({ ...clip, pinned, expiresAt });
    },
    deleteClip: async (clipId) => {
      const clip = clips.get(clipId);
      if (!clip) return null;
      const objectKeys = [...(objects.get(clipId) ?? [])];
      clips.delete(clipId);
      objects.delete(clipId);
      deletedClips.set(clipId, clip.sessionId);
      return { ...clip, objectKeys };
    },
    expiredClips: async (at, limit) =>
      [...clips.values()].filter((clip) => !clip.pinned && clip.expiresAt !== null && clip.expiresAt <= at).toSorted((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0)).slice(0, limit).map(stored),

    addDeadLetter: async (letter) => {
      rowsOf(letter.sessionId);
      letters.set(letter.id, stored(letter));
    },
    deadLetters: async (sessionId) => [...letters.values()].filter((letter) => sessionId === undefined || letter.sessionId === sessionId).toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)),
    deadLetter: async (id) => letters.get(id) ?? null,
    removeDeadLetter: async (id) => void letters.delete(id),
    addDevice: async (device) => {
      if ([...devices.values()].some(({ id, tokenHash }) => id !== device.id && tokenHash === device.tokenHash)) throw new Error(`device ${device.id} has the token_hash of another`);
      if (!devices.has(device.id)) devices.set(device.id, { ...stored(device), revokedAt: null });
    },
    devices: async () =>
      [...devices.values()].filter(({ revokedAt }) => revokedAt === null).toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)).map(({ revokedAt: _revokedAt, ...device }) => device),
    touchDevice: async (id, at) => {
      const device = devices.get(id);
      if (device) devices.set(id, { ...device, lastUsedAt: Math.max(device.lastUsedAt ?? 0, at) });
    },
    revokeDevice: async (id, at) => {
      const device = devices.get(id);
      if (!device || device.revokedAt !== null) return false;
      devices.set(id, { ...device, revokedAt: at });
      return true;
    },
    setting: async (name) => settings.get(name) ?? null,
    putSetting: async (name, value) => void settings.set(name, cleanText(value)),
    addSpend: async (provider, hourAt, usd) => {
      const key = `${provider} ${hourAt}`;
      spend.set(key, { provider, hourAt, usd: (spend.get(key)?.usd ?? 0) + usd });
    },
    spent: async (provider, sinceAt) => [...spend.values()].filter((row) => row.provider === provider && row.hourAt >= sinceAt).reduce((sum, { usd }) => sum + usd, 0),
    ping: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
};
