// A WebSocket between a simulated client and a simulated server: bytes arrive in order and late, until the connection breaks or
// goes silent. TCP loses nothing without saying so, hence neither does this, but either end may never hear of the end.
import type { Socket, SocketEvents } from '../../../shared/socket.ts';
import type { Wire } from '../../sessions/gateway.ts';
import type { Life } from './life.ts';
import type { Scheduler } from './scheduler.ts';

/** What the server's transport does with a socket. */
export type Port = { life: Life; open(wire: Wire): void; message(wire: Wire, bytes: Uint8Array): void; drain(wire: Wire): void; close(wire: Wire): void };

export type LinkOptions = {
  id: number;
  scheduler: Scheduler;
  random: () => number;
  client: { life: Life; events: SocketEvents };
  /** the server as it is when the connection arrives; null: nobody listens */
  server: () => Port | null;
  /** how long a frame is under way */
  latencyMs: () => number;
  /** a frame that is delivered twice, as a resend would be */
  doubles: (bytes: Uint8Array) => boolean;
  onClientSends: (link: Link, bytes: Uint8Array) => void;
  onServerSends: (link: Link, bytes: Uint8Array) => void;
  onClientHears: (link: Link, bytes: Uint8Array) => void;
  trace: (what: string, detail: string | number) => void;
};

export type Link = {
  readonly id: number;
  readonly open: boolean;
  socket: Socket;
  /** Both ends learn of it, each in its time; what is under way may still arrive. */
  cut(): void;
  /** Nothing passes any more and nobody is told. */
  silence(way: 'up' | 'down' | 'both'): void;
  /** Everything under way and to come is so much later. */
  delay(ms: number): void;
  /** The server's process is gone: `reset` where its kernel still answers. */
  serverGone(reset: boolean): void;
  clientGone(reset: boolean): void;
};

const CLOSE_ABNORMAL = 1006;
/** the transport's idle time-out */
const IDLE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 20_000;

type Way = { lastAt: number; silent: boolean; closed: boolean; buffered: number };

export const connectLink = (options: LinkOptions): Link => {
  const { scheduler, client, random } = options;
  const up: Way = { lastAt: 0, silent: false, closed: false, buffered: 0 };
  const down: Way = { lastAt: 0, silent: false, closed: false, buffered: 0 };
  let port: Port | null = null;
  /** what each end believes */
  let clientOpen = true;
  let serverOpen = false;
  let cancelIdle = (): void => {};

  const carry = (way: Way, run: () => void): void => {
    way.lastAt = Math.max(way.lastAt, scheduler.now() + options.latencyMs());
    scheduler.at(way.lastAt, () => { if (!way.silent && !way.closed) run(); });
  };
  const closeClient = (code: number, reason: string): void => {
    if (!clientOpen || client.life.dead) return;
    clientOpen = false;
    options.trace('client hears close', code);
    client.life.wake(() => client.events.close(code, reason));
  };
  const closeServer = (): void => {
    cancelIdle();
    if (!serverOpen) return;
    serverOpen = false;
    if (port && !port.life.dead) {
      options.trace('server hears close', options.id);
      port.life.wake(() => port?.close(wire));
    }
  };
  const idle = (): void => {
    cancelIdle();
    cancelIdle = scheduler.after(IDLE_MS, () => {
      closeServer();
      // its farewell passes where the way down is whole
      carry(down, () => closeClient(CLOSE_ABNORMAL, ''));
    });
  };

  const wire: Wire = {
    id: options.id,
    remote: '192.0.2.1',
    send: (frame) => {
      if (!serverOpen) return 'dropped';
      const bytes = new Uint8Array(frame); // a Buffer's slice() would share its memory
      options.onServerSends(link, bytes);
      const queued = down.buffered > 0;
      down.buffered += bytes.length;
      carry(down, () => {
        down.buffered -= bytes.length;
        if (down.buffered === 0 && port && !port.life.dead && serverOpen) {
          const at = port;
          at.life.wake(() => { if (serverOpen) at.drain(wire); });
        }
        if (!clientOpen || client.life.dead) return;
        client.life.wake(() => {
          if (!clientOpen) return;
          options.onClientHears(link, bytes);
          client.events.message(bytes);
        });
      });
      return queued ? 'queued' : 'sent';
    },
    bufferedBytes: () => down.buffered,
    close: (code, reason) => {
      if (!serverOpen) return;
      closeServer();
      up.closed = true;
      carry(down, () => closeClient(code, reason));
    },
  };

  const arrive = (bytes: Uint8Array): void => {
    const at = port;
    if (!at || !serverOpen || at.life.dead) return;
    idle();
    at.life.wake(() => {
      if (!serverOpen) return;
      // an engine takes its buffer back after the handler
      const lent = new Uint8Array(bytes);
      at.message(wire, lent);
      lent.fill(0xaa);
    });
  };

  const socket: Socket = {
    send: (frame) => {
      if (!clientOpen) return;
      const bytes = new Uint8Array(frame); // a Buffer's slice() would share its memory
      options.onClientSends(link, bytes);
      carry(up, () => arrive(bytes));
      if (options.doubles(bytes)) carry(up, () => arrive(bytes));
    },
    close: () => {
      clientOpen = false;
      carry(up, closeServer);
    },
  };

  const link: Link = {
    id: options.id,
    get open() {
      return clientOpen || serverOpen;
    },
    socket,
    cut: () => {
      options.trace('cut', options.id);
      for (const way of [up, down]) {
        const lost = random() < 0.5;
        if (lost) way.silent = true;
      }
      scheduler.after(random() * 300, () => {
        up.closed = true;
        closeServer();
      });
      scheduler.after(random() * 300, () => {
        down.closed = true;
        closeClient(CLOSE_ABNORMAL, '');
      });
    },
    silence: (way) => {
      options.trace('silence', way);
      if (way !== 'down') up.silent = true;
      if (way !== 'up') down.silent = true;
    },
    delay: (ms) => {
      for (const way of [up, down]) way.lastAt = Math.max(way.lastAt, scheduler.now()) + ms;
    },
    serverGone: (reset) => {
      if (!serverOpen) return;
      serverOpen = false;
      cancelIdle();
      up.closed = true;
      if (reset) carry(down, () => closeClient(CLOSE_ABNORMAL, ''));
      else down.silent = true;
    },
    clientGone: (reset) => {
      if (!clientOpen) return;
      clientOpen = false;
      if (reset) carry(up, closeServer);
      else up.silent = true;
    },
  };

  carry(up, () => {
    port = options.server();
    if (port === null || port.life.dead) return carry(down, () => closeClient(CLOSE_ABNORMAL, 'refused'));
    const at = port;
    serverOpen = true;
    at.life.wake(() => {
      if (!serverOpen) return;
      idle();
      at.open(wire);
      carry(down, () => client.life.wake(() => { if (clientOpen) client.events.open(); }));
    });
  });
  scheduler.after(CONNECT_TIMEOUT_MS, () => { if (!serverOpen && clientOpen && port === null) closeClient(CLOSE_ABNORMAL, 'timed out'); });
  return link;
};
