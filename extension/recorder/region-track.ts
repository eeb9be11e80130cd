// The place of the video in the picture over time: only what changed, at most ten times a second, and always the last of it.
import type { ClientClock } from '../../shared/connection.ts';
import type { Rectangle } from '../../shared/model.ts';

const LEAST_MS = 100;

const same = (a: Rectangle | null, b: Rectangle | null): boolean => a === b || (a !== null && b !== null && a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height);

export type RegionTrack = {
  /** what was sent last */
  readonly last: Rectangle | null;
  set(rect: Rectangle | null): void;
  stop(): void;
};

export const regionTrack = (options: { clock: ClientClock; send: (rect: Rectangle | null) => void }): RegionTrack => {
  const { clock, send } = options;
  let sent: Rectangle | null = null;
  let wanted: Rectangle | null = null;
  let sentAt = -Infinity;
  let cancel: (() => void) | null = null;
  const flush = (): void => {
    cancel = null;
    if (same(sent, wanted)) return;
    sent = wanted;
    sentAt = clock.now();
    send(sent);
  };
  return {
    get last() { return sent; },
    set: (rect) => {
      wanted = rect;
      if (cancel) return;
      const wait = sentAt + LEAST_MS - clock.now();
      if (wait <= 0) flush();
      else cancel = clock.after(wait, flush);
    },
    stop: () => cancel?.(),
  };
};
