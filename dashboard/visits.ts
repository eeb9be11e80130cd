// The pages a recorded tab went through, made of what was said of it over time.
import type { Page } from '../shared/model.ts';

export type Visit = { startMs: number; title: string; sourceUrl: string };

/** One per stay at an address, by its last title. What is unknown is left out; who comes back has come twice. */
export const visitsOf = (pages: readonly Page[]): Visit[] => {
  const stays: Visit[] = [];
  for (const { atMs, title, sourceUrl } of pages) {
    const last = stays.at(-1);
    if (last?.sourceUrl === sourceUrl) last.title = title || last.title;
    else stays.push({ startMs: atMs, title, sourceUrl });
  }
  return stays.filter(({ sourceUrl }) => sourceUrl !== '');
};
