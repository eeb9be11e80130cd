// The highlights of one session as published: versions rise when content changes, verdicts freeze, duplicates are refused.
// While stored bins are replayed, nothing is published; what the replay found is compared with what was stored afterwards.
import type { Highlight } from '../../shared/model.ts';
import { isSameMoment } from './dedupe.ts';

export type Content = Omit<Highlight, 'id' | 'sessionId' | 'version'>;
/** `worded`: the words around it were known */
type Draft = { content: Content; worded: boolean };

/** Highlights remembered; older ones can no longer change. */
const KEPT = 500;

const isJudged = (highlight: Highlight): boolean => highlight.reasons.some((reason) => reason.signal === 'judge');
const isFrozen = (highlight: Highlight): boolean => highlight.state === 'vetoed' || isJudged(highlight);
const sameContent = (a: Content, b: Content): boolean => {
  const plain = ({ state, startMs, endMs, peakMs, score, title, reasons }: Content): string =>
    JSON.stringify([state, startMs, endMs, peakMs, score, title, reasons.map(({ signal, value, percentile, atMs, text }) => [signal, value, percentile, atMs, text])]);
  return plain(a) === plain(b);
};

export const createBook = (sessionId: string) => {
  const highlights = new Map<string, Highlight>();
  const changed = new Set<string>();
  const refused = new Set<string>();
  let replay: Map<string, Draft> | null = null;

  const put = (highlight: Highlight): void => {
    highlights.set(highlight.id, highlight);
    changed.add(highlight.id);
    const oldest = highlights.keys().next();
    if (highlights.size > KEPT && !oldest.done && !changed.has(oldest.value)) highlights.delete(oldest.value);
  };
  const publish = (id: string, { content, worded }: Draft): void => {
    const known = replay ? replay.get(id)?.content : highlights.get(id);
    const others: Iterable<Highlight> | null = known ? null : replay ? [...replay].map(([other, draft]) => ({ ...draft.content, id: other, sessionId, version: 0 })) : highlights.values();
    if (refused.has(id)) return;
    if (others && [...others].some((other) => isSameMoment(other, { ...content, id }))) {
      refused.add(id);
      return;
    }
    if (replay) {
      replay.set(id, { content, worded });
      return;
    }
    const current = highlights.get(id);
    if (current && (isFrozen(current) || sameContent(current, content) || (content.state === 'provisional' && current.state === 'refined'))) return;
    put({ id, sessionId, version: (current?.version ?? 0) + 1, ...content });
  };

  return {
    publish,
    get: (id: string): Highlight | null => highlights.get(id) ?? null,
    isJudged: (id: string): boolean => {
      const highlight = highlights.get(id);
      return highlight !== undefined && isFrozen(highlight);
    },
    /** a verdict's outcome, which the caller publishes */
    adopt: (highlight: Highlight): void => {
      highlights.set(highlight.id, highlight);
    },
    beginReplay: (saved: Highlight[]): void => {
      for (const highlight of saved.slice(-KEPT)) highlights.set(highlight.id, highlight);
      replay = new Map();
    },
    /** `freshFromMs`: what the replay found before this and was not stored stays unpublished (it was decided on under other settings) */
    endReplay: (freshFromMs: number): void => {
      const found = replay ?? new Map<string, Draft>();
      replay = null;
      refused.clear();
      for (const [id, draft] of found) {
        const stored = highlights.get(id);
        if (stored ? draft.content.state !== 'provisional' && (stored.state === 'provisional' || draft.worded) : draft.content.peakMs >= freshFromMs) publish(id, draft);
        else if (!stored) refused.add(id);
      }
    },
    takeChanged: (): Highlight[] => {
      const taken = [...changed].map((id) => highlights.get(id)).filter((one) => one !== undefined);
      changed.clear();
      return taken.sort((a, b) => a.startMs - b.startMs);
    },
  };
};
export type Book = ReturnType<typeof createBook>;
