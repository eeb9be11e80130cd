// One lasting connection out of many short ones: greets, keeps alive, notices half-open sockets, comes back with
// exponential back-off and full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
import { ClientError } from './client-error.ts';
import { decodeServerFrame, encodeFrame } from './codec.ts';
import { FrameError } from './frame-error.ts';
import { CLOSE_BAD_FRAME, CLOSE_FENCED, CLOSE_UNAUTHORIZED, PROTOCOL_VERSION } from './protocol.ts';
import type { ClientFrame, ServerFrame } from './protocol.ts';
import type { Socket, SocketFactory } from './socket.ts';

/** `monotonic`: nobody sets it back or forward; durations are its differences. */
export type ClientClock = { now(): number; monotonic(): number; after(ms: number, run: () => void): () => void };
export type Welcome = Extract<ServerFrame, { t: 'welcome' }>;

export type ConnectionStatus =
  | { state: 'connecting'; attempt: number }
  | { state: 'waiting'; attempt: number; retryAt: number; reason: string }
  | { state: 'connected'; user: string }
  | { state: 'ended'; error: ClientError };

export type ConnectionOptions = {
  url: string;
  token: string;
  client: string;
  clientVersion: string;
  socket: SocketFactory;
  clock: ClientClock;
  random: () => number;
  onStatus: (status: ConnectionStatus) => void;
  /** greeted: `send` works until `onLost` */
  onOpen: (send: (frame: ClientFrame) => void) => void;
  onFrame: (frame: ServerFrame) => void;
  onLost: () => void;
  /** for good */
  onEnd: (error: ClientError) => void;
};

export type Connection = {
  readonly status: ConnectionStatus;
  /** Drops this connection and comes back after a pause. */
  retry(reason: string): void;
  /** No more connections. */
  end(error: ClientError): void;
};

const CONNECT_MS = 10_000;
const PING_MS = 10_000;
/** nothing heard for so long = half-open; two pings went unanswered */
const SILENCE_MS = 25_000;
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 15_000;
/** While nobody listens, trying costs the server nothing, and a server that is started again is back within seconds: so long it is looked for this often. */
const RESTART_MS = 30_000;
const RESTART_BACKOFF_MS = 1_000;
/** a connection that lived so long starts the back-off anew */
const STABLE_MS = 10_000;
const CLOSE_BY_CLIENT = 1000;
const CLOSE_LOST = 4000;
/** RFC 6455 §7.1.5: no close frame came */
const CLOSE_ABNORMAL = 1006;

/** Ends a client: trying again cannot help. */
const FINAL: Record<number, ClientError['code']> = { [CLOSE_UNAUTHORIZED]: 'unauthorized', [CLOSE_BAD_FRAME]: 'bad_frame', [CLOSE_FENCED]: 'fenced' };

type State =
  | { at: 'new' }
  | { at: 'waiting'; cancel: () => void }
  | { at: 'connecting' | 'greeted'; socket: Socket; cancel: () => void }
  | { at: 'ended' };

export const connect = (options: ConnectionOptions): Connection => {
  const { clock } = options;
  let state: State = { at: 'new' };
  let status: ConnectionStatus = { state: 'connecting', attempt: 0 };
  let attempt = 0;
  let greetedAt = 0;
  let heardAt = 0;
  let pings = 0;
  let lostAt = clock.monotonic();

  const report = (next: ConnectionStatus): void => {
    status = next;
    options.onStatus(next);
  };

  /** Lets go of the present socket: its later events are ignored, as it is no longer the state's. */
  const leave = (next: State, code: number, reason: string): void => {
    const old = state;
    state = next;
    if (old.at === 'waiting') old.cancel();
    if (old.at !== 'connecting' && old.at !== 'greeted') return;
    old.cancel();
    old.socket.close(code, reason);
    if (old.at === 'greeted') options.onLost();
  };

  const end = (error: ClientError): void => {
    if (state.at === 'ended') return;
    leave({ at: 'ended' }, CLOSE_BY_CLIENT, '');
    report({ state: 'ended', error });
    options.onEnd(error);
  };

  const retry = (reason: string, maxMs = BACKOFF_MAX_MS): void => {
    if (state.at === 'ended' || state.at === 'waiting') return;
    if (state.at === 'greeted') lostAt = clock.monotonic();
    if (state.at === 'greeted' && clock.monotonic() - greetedAt >= STABLE_MS) attempt = 0;
    const delay = options.random() * Math.min(maxMs, BACKOFF_MS * 2 ** attempt);
    attempt++;
    leave({ at: 'waiting', cancel: clock.after(delay, open) }, CLOSE_LOST, '');
    report({ state: 'waiting', attempt, retryAt: clock.now() + delay, reason });
  };

  const keepAlive = (socket: Socket): (() => void) => {
    let cancel = clock.after(PING_MS, function tick() {
      if (clock.monotonic() - heardAt >= SILENCE_MS) return retry(`nothing heard from the server for ${clock.monotonic() - heardAt} ms`);
      socket.send(encodeFrame({ t: 'ping', id: ++pings }));
      cancel = clock.after(PING_MS, tick);
    });
    return () => cancel();
  };

  const receive = (socket: Socket, bytes: Uint8Array): void => {
    heardAt = clock.monotonic();
    const frame = decodeServerFrame(bytes);
    if (frame.t === 'ping') return socket.send(encodeFrame({ t: 'pong', id: frame.id }));
    if (frame.t === 'pong') return;
    if (frame.t === 'welcome' && state.at === 'connecting') {
      state.cancel();
      greetedAt = clock.monotonic();
      state = { at: 'greeted', socket, cancel: keepAlive(socket) };
      report({ state: 'connected', user: frame.user });
      return options.onOpen((sent) => socket.send(encodeFrame(sent)));
    }
    options.onFrame(frame);
  };

  const open = (): void => {
    report({ state: 'connecting', attempt });
    const mine = (): boolean => (state.at === 'connecting' || state.at === 'greeted') && state.socket === socket;
    const socket = options.socket(options.url, {
      open: () => {
        if (mine()) socket.send(encodeFrame({ t: 'hello', version: PROTOCOL_VERSION, token: options.token, client: options.client, clientVersion: options.clientVersion }));
      },
      message: (bytes) => {
        if (!mine()) return;
        try {
          receive(socket, bytes);
        } catch (error) {
          if (!(error instanceof FrameError)) throw error;
          if (error.code === 'version') end(new ClientError('version', error.message, { cause: error }));
          else retry(`the server sent a bad frame: ${error.message}`);
        }
      },
      close: (code, reason) => {
        if (!mine()) return;
        const final = FINAL[code];
        if (final) end(new ClientError(final, reason || `the server closed the connection with ${code}`));
        else {
          const down = code === CLOSE_ABNORMAL && state.at === 'connecting' && clock.monotonic() - lostAt < RESTART_MS;
          retry(`connection closed (${code}${reason ? `: ${reason}` : ''})`, down ? RESTART_BACKOFF_MS : BACKOFF_MAX_MS);
        }
      },
    });
    state = { at: 'connecting', socket, cancel: clock.after(CONNECT_MS, () => retry(`no answer from ${options.url} in ${CONNECT_MS} ms`)) };
  };

  open();
  return {
    get status() {
      return status;
    },
    retry,
    end,
  };
};
