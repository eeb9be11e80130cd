// Follows a session until its pipeline has nothing left to do, and notes when each clip came.
import type { Client } from '../shared/client.ts';
import { ClientError } from '../shared/client-error.ts';
import type { Clip, SessionEvent, SessionView } from '../shared/model.ts';
import { applyEvent } from '../shared/session-state.ts';

export type ClipArrival = { id: string; version: number; state: Clip['state']; startMs: number; endMs: number; /** ms on the caller's clock */ atMs: number };

export type Follower = {
  readonly arrivals: ClipArrival[];
  /** The view once drained. Rejects with ClientError when the session failed, was deleted, or was silent for too long. */
  drained(): Promise<SessionView>;
  close(): void;
};

export type FollowOptions = { sessionId: string; now: () => number; onEvent?: (event: SessionEvent, atMs: number) => void; silenceMs: number };

const isDrained = ({ session, stages }: SessionView): boolean =>
  session.status === 'closed' && Object.values(stages).every(({ status, depth }) => depth === 0 && (status === 'idle' || status === 'off'));

export const follow = (client: Client, { sessionId, now, onEvent, silenceMs }: FollowOptions): Follower => {
  const arrivals: ClipArrival[] = [];
  const done = Promise.withResolvers<SessionView>();
  done.promise.catch(() => undefined); // whoever asks for it hears of the failure
  let view: SessionView | null = null;
  let waiting = false;
  let silence: ReturnType<typeof setTimeout> | undefined;

  const arrived = ({ id, version, state, startMs, endMs }: Clip): void => {
    if (!arrivals.some((known) => known.id === id && known.version >= version)) arrivals.push({ id, version, state, startMs, endMs, atMs: now() });
  };
  const look = (): void => {
    if (!waiting || !view) return;
    clearTimeout(silence);
    if (view.session.status === 'failed') return done.reject(new ClientError('media', `the server gave session ${sessionId} up: ${view.session.note || 'see its dead letters'}`));
    if (isDrained(view)) return done.resolve(view);
    const stages = Object.entries(view.stages).map(([name, { status, depth }]) => `${name} ${status} ${depth}`).join(', ');
    silence = setTimeout(() => done.reject(new ClientError('unavailable', `nothing has happened in session ${sessionId} for ${silenceMs / 1000} s (${view?.session.status}; ${stages}); see the server's log`)), silenceMs);
  };

  const unwatch = client.watch(`session:${sessionId}`, {
    onState: (state) => {
      view = state;
      for (const clip of state.clips) arrived(clip);
      look();
    },
    onEvent: (event) => {
      if (event.type === 'clip') arrived(event.clip);
      if (event.type === 'sessionDeleted') done.reject(new ClientError('unknown_session', `session ${sessionId} was deleted meanwhile`));
      if (view) view = applyEvent(view, event);
      onEvent?.(event, now());
      look();
    },
    onError: (error) => done.reject(error),
  });
  return {
    arrivals,
    drained: () => {
      waiting = true;
      look();
      return done.promise;
    },
    close: () => {
      clearTimeout(silence);
      unwatch();
    },
  };
};
