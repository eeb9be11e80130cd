// Events to viewers: encoded once per topic, sent to each watcher; a watcher too slow for them gets a fresh `state` when it
// has drained, not a growing queue (P8).
import type { SessionEvent } from '../../shared/model.ts';
import { encodeFrame } from '../../shared/codec.ts';
import type { ServerFrame, Topic } from '../../shared/protocol.ts';

/** One viewer's socket. `send` returns false where the socket's buffer is full and nothing was taken. */
export type Watcher = { send(bytes: Uint8Array): boolean; buffered(): number };

export type Hub = {
  watch(topic: Topic, watcher: Watcher): Promise<void>;
  unwatch(topic: Topic, watcher: Watcher): void;
  /** the watcher's socket is gone */
  leave(watcher: Watcher): void;
  /** the watcher's socket has drained */
  drained(watcher: Watcher): void;
  publish(event: SessionEvent): void;
  watched(topic: Topic): boolean;
};

export type HubOptions = {
  /** The `state` frame of a topic: a snapshot that holds everything published before the call. Events of the meantime may be in it and follow it too: applying one twice changes nothing. */
  snapshot: (topic: Topic) => Promise<ServerFrame>;
  maxBufferedBytes: number;
  onDrop: () => void;
  onError: (error: unknown) => void;
};

/** Events that viewers of the overview get as well. */
const SYSTEM_EVENTS = new Set<SessionEvent['type']>(['session', 'stages', 'sessionDeleted', 'providers', 'notice', 'clip']);

/** `joining`: its snapshot is being made, events are held back; `held` is null once they were too many: another snapshot follows. */
type Seat = { watcher: Watcher; state: 'joining' | 'current' | 'stale'; held: Uint8Array[] | null };
const MAX_HELD = 256;

export const createHub = (options: HubOptions): Hub => {
  const topics = new Map<Topic, Map<Watcher, Seat>>();

  const refresh = async (topic: Topic, seat: Seat): Promise<void> => {
    seat.state = 'joining';
    for (;;) {
      seat.held = [];
      let frame: ServerFrame;
      try {
        frame = await options.snapshot(topic);
      } catch (error) {
        seat.state = 'stale';
        throw error;
      }
      if (topics.get(topic)?.get(seat.watcher) !== seat) return;
      if (!seat.watcher.send(encodeFrame(frame))) {
        seat.state = 'stale';
        return;
      }
      const { held } = seat;
      if (held === null) continue;
      seat.state = 'current';
      seat.held = [];
      for (const bytes of held) deliver(topic, seat, bytes);
      return;
    }
  };
  const refreshLater = (topic: Topic, seat: Seat): void => void refresh(topic, seat).catch(options.onError);
  const deliver = (topic: Topic, seat: Seat, bytes: Uint8Array): void => {
    if (seat.state === 'stale') {
      options.onDrop();
      // Its socket is free, so no drain will come: the refresh before has failed.
      if (seat.watcher.buffered() === 0) refreshLater(topic, seat);
      return;
    }
    if (seat.state === 'joining') {
      if (seat.held && seat.held.length < MAX_HELD) {
        seat.held.push(bytes);
        return;
      }
      seat.held = null;
      return options.onDrop();
    }
    if (seat.watcher.buffered() > options.maxBufferedBytes || !seat.watcher.send(bytes)) {
      seat.state = 'stale';
      options.onDrop();
    }
  };
  const broadcast = (topic: Topic, event: SessionEvent): void => {
    const seats = topics.get(topic);
    if (!seats || seats.size === 0) return;
    const bytes = encodeFrame({ t: 'event', topic, event });
    for (const seat of seats.values()) deliver(topic, seat, bytes);
  };

  return {
    watch: async (topic, watcher) => {
      const seats = topics.get(topic) ?? new Map<Watcher, Seat>();
      topics.set(topic, seats);
      const seat: Seat = { watcher, state: 'joining', held: [] };
      seats.set(watcher, seat);
      try {
        await refresh(topic, seat);
      } catch (error) {
        if (seats.get(watcher) === seat) seats.delete(watcher);
        if (seats.size === 0 && topics.get(topic) === seats) topics.delete(topic);
        throw error;
      }
    },
    unwatch: (topic, watcher) => {
      const seats = topics.get(topic);
      seats?.delete(watcher);
      if (seats?.size === 0) topics.delete(topic);
    },
    leave: (watcher) => {
      for (const [topic, seats] of topics) {
        seats.delete(watcher);
        if (seats.size === 0) topics.delete(topic);
      }
    },
    drained: (watcher) => {
      for (const [topic, seats] of topics) {
        const seat = seats.get(watcher);
        if (seat?.state === 'stale') refreshLater(topic, seat);
      }
    },
    publish: (event) => {
      if ('sessionId' in event && event.sessionId !== null) broadcast(`session:${event.sessionId}`, event);
      if (event.type === 'session') broadcast(`session:${event.session.id}`, event);
      if (SYSTEM_EVENTS.has(event.type)) broadcast('system', event);
    },
    watched: (topic) => (topics.get(topic)?.size ?? 0) > 0,
  };
};
