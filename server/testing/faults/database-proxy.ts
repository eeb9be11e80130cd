// Stands between a server and its PostgreSQL, and fails as networks and poolers do: connections cut or refused, answers slow,
// answers lost after the statement was carried out, connections that stay open and never say anything again.
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

export type DatabaseProxy = {
  port: number;
  /** Ends every connection. */
  cut(): void;
  /** New connections are turned away until it is given back. */
  refuse(on: boolean): void;
  /** Each answer waits so long; 0 = no longer */
  slow(ms: number): void;
  /** Statements arrive, their answers do not. Who has missed one never hears again on this connection. */
  swallow(on: boolean): void;
  connections(): number;
  close(): Promise<void>;
};

export const startDatabaseProxy = async (target: { path: string } | { host: string; port: number }): Promise<DatabaseProxy> => {
  const open = new Set<{ client: Socket; upstream: Socket }>();
  let refusing = false;
  let delayMs = 0;
  let swallowing = false;

  const server = createServer((client) => {
    if (refusing) return void client.destroy();
    const upstream = connect(target);
    const pair = { client, upstream };
    let deaf = false;
    const end = (): void => {
      open.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    open.add(pair);
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.pipe(upstream);
    upstream.on('data', (bytes) => {
      if (swallowing) deaf = true;
      if (deaf) return;
      if (delayMs === 0 && !upstream.isPaused()) return void client.write(bytes);
      upstream.pause();
      setTimeout(() => {
        if (client.destroyed) return;
        client.write(bytes);
        upstream.resume();
      }, delayMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const { client } of open) client.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    cut,
    refuse: (on) => void (refusing = on),
    slow: (ms) => void (delayMs = ms),
    swallow: (on) => void (swallowing = on),
    connections: () => open.size,
    close: async () => {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
};
