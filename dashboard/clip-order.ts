// The order of the clip cards. A card that moves in the page stops its video, so while one plays the cards keep their places.
import type { Clip } from '../shared/model.ts';

export type ClipSort = 'newest' | 'best';

export const orderClips = (clips: readonly Clip[], sort: ClipSort, held: readonly string[] | null): Clip[] => {
  const sorted = [...clips].sort((a, b) => (sort === 'best' ? b.score - a.score : 0) || b.startMs - a.startMs || (a.id < b.id ? 1 : -1));
  if (held === null) return sorted;
  const place = new Map(held.map((id, index) => [id, index]));
  const known = sorted.filter(({ id }) => place.has(id)).sort((a, b) => place.get(a.id)! - place.get(b.id)!); // filtered to those that have one
  return [...sorted.filter(({ id }) => !place.has(id)), ...known];
};
