// Timelines of recordings that no actor holds (closed ones), opened to be read and kept open for a little while, because a
// player asks for them many times in a row.
import type { Clock } from '../clock.ts';
import type { MediaIndex } from './media-index.ts';
import type { Timeline } from './timeline.ts';

export type OpenedTimeline = { timeline: Timeline; index: MediaIndex };
type Entry = { opened: Promise<OpenedTimeline>; users: number; cancelTimer: (() => void) | null };

const IDLE_MS = 30_000;

export const createOpenLogs = (options: { open: (sessionId: string) => Promise<OpenedTimeline>; clock: Clock; onError: (error: unknown) => void }) => {
  const entries = new Map<string, Entry>();
  const drop = async (sessionId: string): Promise<void> => {
    const entry = entries.get(sessionId);
    if (!entry) return;
    entry.cancelTimer?.();
    entries.delete(sessionId);
    const opened = await entry.opened.catch(() => null); // whoever asked for it knows why
    if (opened) await Promise.all([opened.timeline.close(), opened.index.close()]);
  };
  return {
    use: async (sessionId: string): Promise<OpenedTimeline & { release: () => void }> => {
      let entry = entries.get(sessionId);
      if (!entry) {
        const made: Entry = { opened: options.open(sessionId), users: 0, cancelTimer: null };
        entry = made;
        entries.set(sessionId, made);
        made.opened.catch(() => { if (entries.get(sessionId) === made) entries.delete(sessionId); });
      }
      const held = entry;
      held.users += 1;
      held.cancelTimer?.();
      held.cancelTimer = null;
      const opened = await held.opened;
      let released = false;
      return {
        ...opened,
        release: () => {
          if (released) return;
          released = true;
          held.users -= 1;
          if (held.users === 0 && entries.get(sessionId) === held) held.cancelTimer = options.clock.after(IDLE_MS, () => void drop(sessionId).catch(options.onError));
        },
      };
    },
    /** before an actor or a deletion takes the files over */
    drop,
    close: async (): Promise<void> => {
      await Promise.allSettled([...entries.keys()].map(drop));
    },
  };
};
export type OpenLogs = ReturnType<typeof createOpenLogs>;
