// The part of uWebSockets.js 20 that is used here; the package carries no types. Only transport/ names it.
import { createRequire } from 'node:module';
import { messageOf, StartError } from '../errors.ts';
import { MAX_HEAD_BYTES } from './transport.ts';

export type UwsRequest = {
  getUrl(): string;
  getQuery(): string | undefined;
  getCaseSensitiveMethod(): string;
  getHeader(name: string): string;
  forEach(each: (name: string, value: string) => void): void;
};

export type UwsResponse = {
  writeStatus(status: string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  end(body?: string | Uint8Array, closeConnection?: boolean): UwsResponse;
  endWithoutBody(reportedLength?: number, closeConnection?: boolean): UwsResponse;
  /** [nothing had to be queued, the response is complete] */
  tryEnd(body: Uint8Array, totalBytes: number): [boolean, boolean];
  getWriteOffset(): number;
  onWritable(run: (offset: number) => boolean): UwsResponse;
  onAborted(run: () => void): UwsResponse;
  onData(run: (chunk: ArrayBuffer, last: boolean) => void): UwsResponse;
  getRemoteAddressAsText(): ArrayBuffer;
  cork(run: () => void): UwsResponse;
  close(): UwsResponse;
  upgrade<T>(userData: T, key: string, protocol: string, extensions: string, context: unknown): void;
};

export type UwsSocket<T> = {
  getUserData(): T;
  /** 1 sent, 0 queued, 2 dropped */
  send(message: Uint8Array, isBinary: boolean, compress: boolean): number;
  subscribe(topic: string): boolean;
  end(code: number, reason: string): void;
  close(): void;
  getBufferedAmount(): number;
};

export type UwsBehavior<T> = {
  compression: number;
  maxPayloadLength: number;
  maxBackpressure: number;
  idleTimeout: number;
  sendPingsAutomatically: boolean;
  upgrade(response: UwsResponse, request: UwsRequest, context: unknown): void;
  open(socket: UwsSocket<T>): void;
  message(socket: UwsSocket<T>, message: ArrayBuffer, isBinary: boolean): void;
  drain(socket: UwsSocket<T>): void;
  close(socket: UwsSocket<T>, code: number): void;
};

export type UwsApp = {
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  ws<T>(pattern: string, behavior: UwsBehavior<T>): UwsApp;
  listen(host: string, port: number, options: number, listening: (token: unknown) => void): UwsApp;
  /** To every subscriber; false where there is none. */
  publish(topic: string, message: Uint8Array, isBinary: boolean, compress: boolean): boolean;
  close(): UwsApp;
};

export type Uws = {
  App(): UwsApp;
  us_listen_socket_close(token: unknown): void;
  us_socket_local_port(token: unknown): number;
  DISABLED: number;
  LIBUS_LISTEN_EXCLUSIVE_PORT: number;
};

export const loadUws = (): { binding: Uws; error: null } | { binding: null; error: StartError } => {
  // read once, while the binary loads; its own default of 4 KB refuses browsers with many cookies on localhost
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= String(MAX_HEAD_BYTES);
  try {
    const binding: Uws = createRequire(import.meta.url)('uWebSockets.js');
    return { binding, error: null };
  } catch (error) {
    const check = `uWebSockets.js does not load: ${messageOf(error).split('\n')[0] ?? ''}`;
    return { binding: null, error: new StartError(check, 'it needs linux-x64, glibc and Node 22; set CLIPPY_TRANSPORT=portable elsewhere', { cause: error }) };
  }
};
