// WebSocket frames in, frames out (rules P): decodes, authorises, hands chunks to their recording in order, answers. It holds no
// state of a recording but which ones a connection feeds.
import { decodeClientFrame, encodeFrame } from '../../shared/codec.ts';
import { FrameError } from '../../shared/frame-error.ts';
import { CLOSE_BAD_FRAME, CLOSE_UNAUTHORIZED, type ClientFrame, type ErrorCode, type Limits, PROTOCOL_VERSION, type ServerFrame } from '../../shared/protocol.ts';
import type { SessionSummary } from '../../shared/model.ts';
import type { Clock } from '../clock.ts';
import { Refused, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FrameMemory } from './frame-memory.ts';
import type { Hub, Watcher } from './hub.ts';
import type { Feed, Session } from './session.ts';
import type { Opened } from './supervisor.ts';

/** A transport's socket, as much of it as is needed here. */
export type Wire = { readonly id: number; remote: string; send(frame: Uint8Array): 'sent' | 'queued' | 'dropped'; bufferedBytes(): number; close(code: number, reason: string): void };

/** For whom a connection speaks: its recordings are `user`'s; `device` is the paired device it comes from, null for the admin. */
export type Speaker = { user: string; device: string | null };

export type GatewayOptions = {
  hub: Hub;
  limits: () => Limits;
  clock: Clock;
  log: Log;
  /** where frames lie until they are handled */
  memory: FrameMemory;
  /** Throws `Refused`: unauthorized where the token is not known, too_many where too many wrong ones were shown. */
  speakerOf: (token: string, remote: string) => Promise<Speaker>;
  /** one rule for every frame type; throws `Refused forbidden` */
  authorize: (speaker: Speaker, frame: ClientFrame) => void;
  open: (user: string, start: ClientFrame & { t: 'start' }) => Promise<Opened>;
  /** a recording that is open, or being worked through */
  find: (sessionId: string) => Session | null;
  onFrame: (type: ClientFrame['t'] | 'bad', bytes: number) => void;
};

export type Gateway = {
  open(wire: Wire): void;
  /** `bytes` may be reused by the caller once this returns: what is kept is copied */
  message(wire: Wire, bytes: Uint8Array, binary: boolean): void;
  drain(wire: Wire): void;
  close(wire: Wire): void;
  /** Ends every connection of this device at once; what it fed is interrupted. */
  endDevice(device: string): void;
  /** recordings fed right now by this process */
  connections(): number;
};

type Connection = {
  wire: Wire;
  /** null before hello */
  speaker: Speaker | null;
  watcher: Watcher;
  /** the recordings this connection feeds; null = refused, what still arrives for it is passed over */
  feeding: Map<string, { session: Session; feed: Feed } | null>;
  /** recordings that had ended when this connection asked for them */
  ended: Map<string, SessionSummary>;
  /** frames that must wait for one before them (hello, start, stop) run in order behind this promise */
  busy: Promise<void>;
  waiting: number;
  waitingBytes: number;
  cancelHello: () => void;
  /** nothing more is taken or sent: it is gone, or told to go */
  closed: boolean;
};

/** Frames one connection may have waiting behind `hello`, `start` or `stop`; its client knows to wait, so more is an attack. */
const MAX_WAITING = 1_024;
/** Words not confirmed yet, regions and pages of one recording. */
const UNGRANTED_BYTES = 1 << 20;
const HELLO_MS = 10_000;
/** RFC 6455's registry: try again later */
const CLOSE_TRY_LATER = 1013;

/** A message may name what a client sent; what it says must still be text the protocol allows. */
const sendable = (text: string): string => text.slice(0, 1_000).replaceAll('\0', '').toWellFormed();

/** What the server refuses to HTTP in other words. */
const wireCode = (code: Refused['code']): ErrorCode =>
  code === 'not_found' ? 'unknown_session' : code === 'too_many' ? 'unavailable' : code === 'bad_request' || code === 'range' ? 'bad_frame' : code;

/** Which recording a refusal is about. */
const concerned = (frame: ClientFrame): string | null =>
  'session' in frame ? frame.session : 'topic' in frame && frame.topic !== 'system' ? frame.topic.slice('session:'.length) : null;

export const createGateway = (options: GatewayOptions): Gateway => {
  const connections = new Map<number, Connection>();

  const send = (connection: Connection, frame: ServerFrame): void => {
    if (!connection.closed) connection.wire.send(encodeFrame(frame.t === 'error' ? { ...frame, message: sendable(frame.message) } : frame));
  };
  const shut = (connection: Connection, code: number, reason: string): void => {
    if (connection.closed) return;
    connection.closed = true;
    connection.wire.close(code, reason.slice(0, 120));
  };
  const tell = (connection: Connection, error: unknown, session: string | null): void => {
    const known = error instanceof Refused ? error : null;
    if (!known) options.log.error({ session, error: messageOf(error) }, 'a frame could not be handled');
    const code = known ? wireCode(known.code) : 'internal';
    send(connection, { t: 'error', code, message: known ? known.message : 'the server failed; try again', retryable: known?.retryable ?? true, session });
  };
  /** What follows a refused frame of a recording no longer fits: the client starts again from the last durable sequence. */
  const drop = (connection: Connection, sessionId: string, error: unknown): void => {
    const fed = connection.feeding.get(sessionId);
    if (fed === null) return;
    connection.feeding.set(sessionId, null);
    tell(connection, error, sessionId);
    fed?.session.detach(fed.feed);
  };

  const feedOf = (connection: Connection, sessionId: string): Session | null => {
    const fed = connection.feeding.get(sessionId);
    if (connection.ended.has(sessionId)) throw new Refused('closed', `recording ${sessionId} has ended after chunk ${connection.ended.get(sessionId)?.lastSequence}; record the rest under a new key`);
    if (fed === undefined) throw new Refused('unknown_session', `this connection does not record ${sessionId.slice(0, 40)}; send start first`);
    return fed?.session ?? null;
  };

  /** Words are also taken while an ended recording is being worked through. */
  const wordsOf = (connection: Connection, sessionId: string): Session | null => {
    if (!connection.ended.has(sessionId)) return feedOf(connection, sessionId);
    const session = options.find(sessionId);
    if (!session) throw new Refused('words', `recording ${sessionId} has been worked through; its last words came too late`);
    return session;
  };

  const start = async (connection: Connection, frame: ClientFrame & { t: 'start' }): Promise<void> => {
    const opened = await options.open(connection.speaker!.user, frame); // hello was checked by the caller
    const { epoch, wordsUntilMs } = opened;
    if ('ended' in opened) {
      // `stopped` was lost on its way: the client hears again how far the recording went, and stops again.
      connection.ended.set(opened.ended.id, opened.ended);
      return send(connection, { t: 'ready', key: frame.key, session: opened.ended.id, epoch: Math.max(1, epoch), lastSeq: opened.ended.lastSequence, credits: options.limits().credits, wordsUntilMs });
    }
    // Its client may be back on another connection by now: one that has gone takes nothing over.
    if (connection.closed) return;
    const { session } = opened;
    const feed: Feed = {
      send: (reply) => send(connection, reply),
      end: (code, message, retryable) => drop(connection, session.id, new Refused(code, message, { retryable })),
    };
    const lastSeq = await session.attach(feed, epoch);
    if (connection.closed) return session.detach(feed);
    connection.feeding.set(session.id, { session, feed });
    send(connection, { t: 'ready', key: frame.key, session: session.id, epoch, lastSeq, credits: session.credits(), wordsUntilMs });
  };

  /** The right token after too many wrong ones is asked to come back, not told that it is wrong. */
  const refuseSpeaker = (connection: Connection, error: unknown): void => {
    if (error instanceof Refused && error.code === 'unauthorized') {
      send(connection, { t: 'error', code: 'unauthorized', message: error.message, retryable: false, session: null });
      return shut(connection, CLOSE_UNAUTHORIZED, 'unauthorized');
    }
    tell(connection, error instanceof Refused ? new Refused('unavailable', error.message, { retryable: true }) : error, null);
    shut(connection, CLOSE_TRY_LATER, 'try again later');
  };

  const handle = async (connection: Connection, frame: ClientFrame): Promise<void> => {
    switch (frame.t) {
      case 'hello': {
        if (connection.speaker !== null) {
          send(connection, { t: 'error', code: 'bad_frame', message: 'hello was said already; open another connection for another token', retryable: false, session: null });
          return shut(connection, CLOSE_BAD_FRAME, 'a second hello');
        }
        if (frame.version !== PROTOCOL_VERSION) {
          send(connection, { t: 'error', code: 'version', message: `protocol ${frame.version} is not spoken here, ${PROTOCOL_VERSION} is; update the client or the server`, retryable: false, session: null });
          return shut(connection, CLOSE_BAD_FRAME, 'version');
        }
        try {
          connection.speaker = await options.speakerOf(frame.token, connection.wire.remote);
        } catch (error) {
          return refuseSpeaker(connection, error);
        }
        connection.cancelHello();
        return send(connection, { t: 'welcome', version: PROTOCOL_VERSION, user: connection.speaker.user, limits: options.limits(), serverAt: options.clock.now() });
      }
      case 'start': return start(connection, frame);
      case 'chunk': return feedOf(connection, frame.session)?.chunk(frame);
      case 'gap': return feedOf(connection, frame.session)?.gap(frame.epoch, { fromSequence: frame.from, toSequence: frame.to, startMs: frame.startMs, endMs: frame.endMs, reason: frame.reason });
      // Those of an ended recording were stored before it ended; a client that did not hear so repeats the last of them.
      case 'region': return connection.ended.has(frame.session) ? undefined : feedOf(connection, frame.session)?.region(frame.epoch, frame.atMs, frame.rect);
      case 'page': return connection.ended.has(frame.session) ? undefined : feedOf(connection, frame.session)?.page(frame.epoch, { atMs: frame.atMs, title: frame.title, sourceUrl: frame.sourceUrl, playing: frame.playing });
      case 'words': return wordsOf(connection, frame.session)?.words(frame.epoch, frame, (reply) => send(connection, reply));
      case 'stop': {
        const ended = connection.ended.get(frame.session);
        if (ended && ended.lastSequence === frame.finalSeq) {
          await options.find(frame.session)?.wordsSettled();
          return send(connection, { t: 'stopped', session: ended.id, totals: ended });
        }
        const session = feedOf(connection, frame.session);
        await session?.stop(frame.epoch, frame.finalSeq, frame.hash);
        connection.feeding.delete(frame.session);
        return;
      }
      case 'watch': return options.hub.watch(frame.topic, connection.watcher);
      case 'unwatch': return options.hub.unwatch(frame.topic, connection.watcher);
      case 'ping': return send(connection, { t: 'pong', id: frame.id });
      case 'pong': return;
      default: return frame satisfies never;
    }
  };

  /** `bytes` are released once the frame is handled: whatever keeps a part of them longer holds them. */
  const receive = (connection: Connection, bytes: Uint8Array, binary: boolean): void => {
    let frame: ClientFrame;
    try {
      if (!binary) throw new FrameError('bad_frame', 'a text frame; this protocol is binary msgpack');
      frame = decodeClientFrame(bytes, options.limits());
    } catch (error) {
      options.onFrame('bad', bytes.length);
      options.memory.release(bytes);
      send(connection, { t: 'error', code: error instanceof FrameError ? error.code : 'bad_frame', message: messageOf(error), retryable: false, session: null });
      return shut(connection, CLOSE_BAD_FRAME, messageOf(error));
    }
    options.onFrame(frame.t, bytes.length);
    const session = 'session' in frame ? frame.session : null;
    const run = async (): Promise<void> => {
      await answer();
      options.memory.release(bytes);
    };
    const answer = async (): Promise<void> => {
      if (connection.closed) return; // while it waited
      const { speaker } = connection;
      if (frame.t !== 'hello' && speaker === null) {
        send(connection, { t: 'error', code: 'unauthorized', message: `${frame.t} before hello`, retryable: false, session: null });
        return shut(connection, CLOSE_UNAUTHORIZED, 'hello first');
      }
      try {
        if (speaker !== null) options.authorize(speaker, frame);
        await handle(connection, frame);
      } catch (error) {
        // Words are an extra: their refusal costs the recording nothing.
        if (session !== null && connection.feeding.has(session) && frame.t !== 'words') drop(connection, session, error);
        else tell(connection, error, concerned(frame));
      }
    };
    // Chunks may run side by side (the timeline keeps their order); hello, start and stop are barriers.
    const barrier = frame.t === 'hello' || frame.t === 'start' || frame.t === 'stop' || frame.t === 'gap';
    if (connection.waiting === 0 && !barrier) {
      void run();
      return;
    }
    // Each recording fed may have its credits in flight, and what no credits are asked for; more is an attack.
    const maxBytes = (options.limits().credits.bytes + UNGRANTED_BYTES) * (connection.feeding.size + 1);
    if (connection.waiting >= MAX_WAITING || connection.waitingBytes + bytes.length > maxBytes + options.limits().maxChunkBytes) {
      options.memory.release(bytes);
      return shut(connection, CLOSE_BAD_FRAME, `${connection.waiting} frames (${connection.waitingBytes} bytes) wait behind start or stop`);
    }
    connection.waiting += 1;
    connection.waitingBytes += bytes.length;
    connection.busy = connection.busy.then(() => {
      if (barrier) return run();
      void run();
    }).finally(() => {
      connection.waiting -= 1;
      connection.waitingBytes -= bytes.length;
    });
  };

  return {
    open: (wire) => {
      const connection: Connection = {
        wire, speaker: null, feeding: new Map(), ended: new Map(), busy: Promise.resolve(), waiting: 0, waitingBytes: 0, closed: false,
        cancelHello: options.clock.after(HELLO_MS, () => shut(connection, CLOSE_UNAUTHORIZED, 'no hello')),
        watcher: { send: (bytes) => !connection.closed && wire.send(bytes) !== 'dropped', buffered: () => (connection.closed ? 0 : wire.bufferedBytes()) },
      };
      connections.set(wire.id, connection);
    },
    message: (wire, bytes, binary) => {
      const connection = connections.get(wire.id);
      // One copy here, because the engine reuses its buffer: everything after works on views of it.
      if (connection && !connection.closed) receive(connection, options.memory.borrow(bytes), binary);
    },
    drain: (wire) => {
      const connection = connections.get(wire.id);
      if (connection) options.hub.drained(connection.watcher);
    },
    close: (wire) => {
      const connection = connections.get(wire.id);
      if (!connection) return;
      connections.delete(wire.id);
      connection.closed = true;
      connection.cancelHello();
      options.hub.leave(connection.watcher);
      for (const fed of connection.feeding.values()) fed?.session.detach(fed.feed);
    },
    endDevice: (device) => {
      for (const connection of connections.values()) {
        if (connection.speaker?.device !== device) continue;
        send(connection, { t: 'error', code: 'unauthorized', message: 'this device was revoked; pair it again to go on', retryable: false, session: null });
        shut(connection, CLOSE_UNAUTHORIZED, 'revoked');
        // its peer may never answer the close: what it fed and watched is let go of now
        options.hub.leave(connection.watcher);
        for (const fed of connection.feeding.values()) fed?.session.detach(fed.feed);
      }
    },
    connections: () => connections.size,
  };
};
