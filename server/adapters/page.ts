// Where a page of a newest-first list goes on.
import { Refused } from '../errors.ts';

/**
 * `before` is the id of the last item seen, or `<its time>:<its id>`, which goes on working after that item was deleted.
 * `timeOf` looks an id up.
 */
export const parsePage = async (before: string | undefined, timeOf: (id: string) => Promise<number | undefined>): Promise<{ at: number; id: string } | null> => {
  if (before === undefined) return null;
  const [, time, id] = /^(\d{1,15}):(.+)$/s.exec(before) ?? [];
  if (time !== undefined && id !== undefined) return { at: Number(time), id };
  const at = await timeOf(before);
  if (at === undefined) throw new Refused('bad_request', `cannot list what comes before "${before.slice(0, 80)}": it does not exist any more; start from the beginning, or pass <time>:<id>`);
  return { at, id: before };
};
