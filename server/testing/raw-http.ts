// Plain TCP, for requests no HTTP client would send.
import { connect, type Socket } from 'node:net';

export type RawReply = { status: number; head: string; body: string; /** the server ended the connection */ closed: boolean };

/**
 * Sends bytes and gathers the answer until one whole response is there, the server closes, or `patienceMs` passes.
 * `end` half-closes after writing, so that a server waiting for more learns that nothing comes.
 */
export const rawExchange = (port: number, payload: string | Uint8Array, options: { end?: boolean; patienceMs?: number } = {}): Promise<RawReply> =>
  new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(payload);
      if (options.end) socket.end();
    });
    const timer = setTimeout(() => finish(false), options.patienceMs ?? 5_000);
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      const split = text.indexOf('\r\n\r\n');
      const head = split === -1 ? text : text.slice(0, split);
      resolve({ status: Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1] ?? 0), head, body: split === -1 ? '' : text.slice(split + 4), closed });
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (!options.end && isWhole(text)) finish(false);
    });
    socket.on('error', () => undefined); // a reset is an answer too: 'close' follows
    socket.on('close', () => finish(true));
  });

const isWhole = (text: string): boolean => {
  const split = text.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, Math.max(split, 0)))?.[1];
  return split !== -1 && length !== undefined && text.length - split - 4 >= Number(length);
};

/** An open connection the test reads from by hand; it reads nothing until `resume`. */
export const rawConnection = (port: number, payload: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.pause();
      socket.write(payload, () => resolve(socket));
    });
    socket.on('error', reject);
  });

