// The one client of the protocol, for Node and browsers: recordings and watched topics over a connection that comes back.
import { ClientError } from './client-error.ts';
import { connect } from './connection.ts';
import type { ClientClock, ConnectionStatus } from './connection.ts';
import type { SessionEvent, SessionView, SystemView } from './model.ts';
import type { ClientFrame, ErrorCode, ServerFrame, Topic } from './protocol.ts';
import { RecordingActor } from './recording.ts';
import type { Recording, RecordingOptions } from './recording.ts';
import { memoryRing } from './ring.ts';
import { socketUrl, webSocket } from './socket.ts';
import type { SocketFactory } from './socket.ts';

export type ClientOptions = {
  /** the server's origin, or the full address of its socket */
  url: string;
  token: string;
  /** what kind of client: `extension`, `dashboard`, `cli` … */
  client: string;
  clientVersion: string;
  /** what a recording keeps unacknowledged: bytes, default 64 MiB, and for `live` also media time, default 5 minutes */
  ringBytes?: number;
  ringMs?: number;
  onStatus?: (status: ConnectionStatus) => void;
  socket?: SocketFactory;
  clock?: ClientClock;
  random?: () => number;
};

// methods, so that a handler of one topic's state fits where the state of any is given
export type WatchHandlers<State> = {
  /** the whole state: at first, after each reconnect, and when this viewer was too slow for the events (P8) */
  onState(state: State): void;
  onEvent(event: SessionEvent): void;
  onError?(error: ClientError): void;
};
type Watch = {
  (topic: 'system', handlers: WatchHandlers<SystemView>): () => void;
  (topic: `session:${string}`, handlers: WatchHandlers<SessionView>): () => void;
};

export type Client = {
  readonly status: ConnectionStatus;
  record(options: RecordingOptions): Recording;
  /** Returns how to stop watching. */
  watch: Watch;
  /** Ends the connection; recordings without `stop` stay on the server as interrupted. */
  close(): void;
};

const RING_BYTES = 64 * 1024 * 1024;
const RING_MS = 5 * 60_000;

const systemClock: ClientClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Errors that concern the whole client when they name no session. */
const ENDS_CLIENT: ReadonlySet<ErrorCode> = new Set(['unauthorized', 'version', 'bad_frame']);

export const createClient = (options: ClientOptions): Client => {
  const limits = { ringBytes: options.ringBytes ?? RING_BYTES, ringMs: options.ringMs ?? RING_MS };
  const recordings = new Map<string, RecordingActor>();
  const watches = new Map<Topic, Set<WatchHandlers<SystemView | SessionView>>>();
  let send: ((frame: ClientFrame) => void) | null = null;

  const ofSession = (session: string): RecordingActor[] => [...recordings.values()].filter(({ sessionId, ended }) => sessionId === session && !ended);
  const handlersOf = (topic: Topic): WatchHandlers<SystemView | SessionView>[] => [...(watches.get(topic) ?? [])];

  const refuse = ({ code, message, retryable, session }: Extract<ServerFrame, { t: 'error' }>): void => {
    const error = new ClientError(code, message);
    if (session !== null && !retryable) for (const handlers of handlersOf(`session:${session}`)) handlers.onError?.(error);
    const concerned = session !== null ? ofSession(session) : [...recordings.values()].filter(({ starting }) => starting);
    if (code === 'words') for (const recording of concerned) recording.refuseWords(error);
    else if (retryable) {
      if (session === null || concerned.length > 0) connection.retry(`${code}: ${message}`);
    } else if (session === null && ENDS_CLIENT.has(code)) connection.end(error);
    else for (const recording of concerned) recording.fail(error);
  };

  const route = (frame: ServerFrame): void => {
    switch (frame.t) {
      case 'ready':
        return void recordings.get(frame.key)?.receive(frame);
      case 'ack':
      case 'heard':
      case 'stopped':
        for (const recording of ofSession(frame.session)) void recording.receive(frame);
        return;
      case 'state':
        for (const handlers of handlersOf(frame.topic)) handlers.onState(frame.state);
        return;
      case 'event':
        for (const handlers of handlersOf(frame.topic)) handlers.onEvent(frame.event);
        return;
      case 'error':
        return refuse(frame);
      case 'welcome':
      case 'ping':
      case 'pong':
        return;
      default:
        frame satisfies never;
    }
  };

  const connection = connect({
    url: socketUrl(options.url),
    token: options.token,
    client: options.client,
    clientVersion: options.clientVersion,
    socket: options.socket ?? webSocket,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    onStatus: (status) => options.onStatus?.(status),
    onOpen: (open) => {
      send = open;
      for (const recording of recordings.values()) recording.attach(open);
      for (const topic of watches.keys()) open({ t: 'watch', topic });
    },
    onFrame: route,
    onLost: () => {
      send = null;
      for (const recording of recordings.values()) recording.detach();
    },
    onEnd: (error) => {
      for (const recording of recordings.values()) recording.fail(error);
      for (const handlers of watches.values()) for (const { onError } of handlers) onError?.(error);
    },
  });

  const watch: Watch = (topic: Topic, handlers: WatchHandlers<SystemView | SessionView>) => {
    const all = watches.get(topic) ?? new Set();
    watches.set(topic, all.add(handlers));
    send?.({ t: 'watch', topic }); // also for a second watcher, who needs the state
    return () => {
      if (!all.delete(handlers) || all.size > 0) return;
      watches.delete(topic);
      send?.({ t: 'unwatch', topic });
    };
  };

  return {
    get status() {
      return connection.status;
    },
    record: (recordingOptions) => {
      for (const [key, { ended }] of recordings) if (ended) recordings.delete(key);
      if (recordings.has(recordingOptions.key)) throw new ClientError('conflict', `key ${recordingOptions.key} is being recorded already; use a new ULID`);
      const recording = new RecordingActor({ ...recordingOptions, ring: recordingOptions.ring ?? memoryRing() }, limits);
      recordings.set(recording.key, recording);
      if (connection.status.state === 'ended') recording.fail(connection.status.error);
      else if (send) recording.attach(send);
      return recording;
    },
    watch,
    close: () => connection.end(new ClientError('ended', 'the client was closed')),
  };
};
