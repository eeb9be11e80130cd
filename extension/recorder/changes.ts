// A value that changes more often than anyone wants to hear: only what changed is told, not too often, and always the last.
import type { ClientClock } from '../../shared/connection.ts';

export type Changes<T> = {
  /** what was told last */
  readonly last: T;
  set(value: T): void;
  /** Tells what still waits, and no more. */
  stop(): void;
};

/** `first` counts as told. */
export const changes = <T>(options: { clock: ClientClock; first: T; leastMs: number; same: (a: T, b: T) => boolean; send: (value: T) => void }): Changes<T> => {
  const { clock, leastMs, same, send } = options;
  let sent = options.first;
  let wanted = options.first;
  let sentAt = -Infinity;
  let cancel: (() => void) | null = null;
  let stopped = false;
  const flush = (): void => {
    cancel = null;
    if (same(sent, wanted)) return;
    sent = wanted;
    sentAt = clock.now();
    send(sent);
  };
  return {
    get last() { return sent; },
    set: (value) => {
      if (stopped || same(wanted, value)) return;
      wanted = value;
      if (cancel) return;
      const wait = sentAt + leastMs - clock.now();
      if (wait <= 0) flush();
      else cancel = clock.after(wait, flush);
    },
    stop: () => {
      stopped = true;
      cancel?.();
      flush();
    },
  };
};
