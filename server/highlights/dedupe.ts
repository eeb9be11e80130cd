// Two highlights are the same moment when they share more than 0.4 of the shorter one, or peak within eight seconds.
import type { Highlight } from '../../shared/model.ts';
import type { Span } from './boundaries.ts';

const OVERLAP = 0.4;
const PROXIMITY_MS = 8_000;

/** Shared time as a share of the shorter span. */
export const overlapOf = (a: Span, b: Span): number => {
  const shared = Math.min(a.endMs, b.endMs) - Math.max(a.startMs, b.startMs);
  return shared <= 0 ? 0 : shared / Math.max(1, Math.min(a.endMs - a.startMs, b.endMs - b.startMs));
};

type Placed = Span & Pick<Highlight, 'id' | 'peakMs'>;
export const isSameMoment = (a: Placed, b: Placed): boolean =>
  a.id !== b.id && (overlapOf(a, b) > OVERLAP || Math.abs(a.peakMs - b.peakMs) < PROXIMITY_MS);
