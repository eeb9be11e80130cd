// What the server needs of a network engine (rules E): HTTP exchanges and WebSockets on one port. Two engines provide it,
// uWebSockets.js and node:http + ws; one contract suite (transport.contract.ts) runs against both.
import type { Log } from '../log.ts';
import type { MediaBody } from '../ports.ts';

export type Request = {
  readonly method: string;
  /** as sent, percent-encoded, without the query; starts with `/` */
  readonly path: string;
  readonly query: URLSearchParams;
  /** '' where absent; a repeated header is joined by ', ' */
  header(name: string): string;
  /** peer address; IPv4 in dotted form also on a dual-stack socket */
  readonly remote: string;
  /** The whole body. Throws `Refused too_large` before holding more than `maxBytes` or `limits.maxBodyBytes`. */
  body(maxBytes: number, signal: AbortSignal): Promise<Uint8Array>;
};

/** A stretch of a `MediaBody`; `end` exclusive. The engine reads it in slices and calls `media.close()` once, always. */
export type MediaSlice = {
  media: MediaBody;
  start: number;
  end: number;
  /** the answer to what its first read throws; null, or none given: a 500 without details */
  refusal?: (error: unknown) => Reply | null;
};

export type Reply = {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array | string | MediaSlice | null;
  /** answer to HEAD: the headers of `body`, without it */
  head: boolean;
};

/** `signal` aborts when the client leaves or the transport closes. What it throws becomes a 500 without details. */
export type Handle = (request: Request, signal: AbortSignal) => Promise<Reply>;

export type Upgrade = { accept: true; /** '' = none */ protocol: string } | { accept: false; status: number; message: string };

export type Socket = {
  readonly id: number;
  readonly remote: string;
  /**
   * Sends one binary frame. `queued`: taken, but the peer reads slowly: pace until `drain`. `dropped`: not taken, because more
   * than `maxBackpressureBytes` wait or the socket is closed.
   */
  send(frame: Uint8Array): 'sent' | 'queued' | 'dropped';
  bufferedBytes(): number;
  /** Close handshake; `reason` is cut at 120 bytes. May call `SocketHandlers.close` before it returns. */
  close(code: number, reason: string): void;
};

/** A handler that throws closes its socket with 1011. */
export type SocketHandlers = {
  /** Decides at once; for every path. A sub-protocol is only answered to a client that offered one. */
  upgrade(request: Request): Upgrade;
  open(socket: Socket): void;
  /** `bytes` are valid only until this returns: copy what is kept. `binary` is false for a text frame. */
  message(socket: Socket, bytes: Uint8Array, binary: boolean): void;
  /** after a `queued` or `dropped` send everything has left */
  drain(socket: Socket): void;
  /** once per opened socket */
  close(socket: Socket, code: number): void;
};

export type TransportLimits = {
  /** one WebSocket message; a larger one ends the connection */
  maxFrameBytes: number;
  /** bytes waiting on one WebSocket above which sends are dropped */
  maxBackpressureBytes: number;
  /** silence after which a WebSocket is closed (pings are sent before); also the longest stall of a portable download. 8–960 s */
  idleTimeoutS: number;
  /** held of one HTTP request body */
  maxBodyBytes: number;
};

export type TransportOptions = { handle: Handle; sockets: SocketHandlers; limits: TransportLimits; log: Log };

export type Transport = {
  readonly name: 'uWebSockets.js' | 'portable';
  /** Resolves to the port bound (0 asks for any). Throws `StartError` where it cannot. */
  listen(host: string, port: number): Promise<number>;
  /** No new connections, sockets closed with 1001, exchanges given a second to end, then cut. */
  close(): Promise<void>;
};

/** Largest piece of media read and handed to a socket at once, bytes. */
export const SLICE_BYTES = 256 * 1024;
/** Largest request head accepted, bytes. */
export const MAX_HEAD_BYTES = 16 * 1024;
/** What an engine grants exchanges under way when it closes, ms. */
export const CLOSE_GRACE_MS = 1_000;
