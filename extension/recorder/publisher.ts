// The view goes out whole when it changed, at most four times a second.
import type { ClientClock } from '../../shared/connection.ts';

const LEAST_MS = 250;

export const publisher = <View>(options: { clock: ClientClock; view: () => View; send: (view: View) => void }): (() => void) => {
  const { clock, view, send } = options;
  let sent = '';
  let sentAt = -Infinity;
  let waiting = false;
  const flush = (): void => {
    waiting = false;
    const value = view();
    const text = JSON.stringify(value);
    if (text === sent) return;
    sent = text;
    sentAt = clock.now();
    send(value);
  };
  return () => {
    if (waiting) return;
    waiting = true;
    clock.after(Math.max(0, sentAt + LEAST_MS - clock.now()), flush);
  };
};
