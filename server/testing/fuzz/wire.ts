// A WebSocket client that hides nothing: what it writes goes out as it stands, however wrong, and it can pour a whole
// conversation into one write. Text of RFC 6455: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
import { type Socket, connect } from 'node:net';
import { decodeServerFrame } from '../../../shared/codec.ts';
import { type ServerFrame, SUB_PROTOCOL } from '../../../shared/protocol.ts';

const UPGRADE = Buffer.from(`GET /ws HTTP/1.1\r\nHost: fuzz\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${SUB_PROTOCOL}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);

/** A binary message, masked with zeros, which change nothing. */
export const message = (payload: Uint8Array, opcode = 2): Buffer => {
  const { length } = payload;
  const head = length < 126 ? Buffer.alloc(6) : length < 65_536 ? Buffer.alloc(8) : Buffer.alloc(14);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (length >= 65_536) head.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= 126) head.writeUInt16BE(length, 2);
  return Buffer.concat([head, payload]);
};

export type Wire = {
  write(bytes: Uint8Array): void;
  destroy(): void;
};

export type WireEvents = { frame: (frame: ServerFrame) => void; /** once, last; null: without a close frame */ closed: (code: number | null) => void };

/** Connects and upgrades; `first` goes out when the server has answered (RFC 6455 §4.1 forbids more before). */
export const openWire = (port: number, first: Uint8Array, events: WireEvents): Wire => {
  let held: Buffer = Buffer.alloc(0);
  let upgraded = false;
  let code: number | null = null;
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.write(UPGRADE);
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (!upgraded) {
      const end = held.indexOf('\r\n\r\n');
      if (end < 0) return;
      upgraded = held.subarray(0, 12).toString() === 'HTTP/1.1 101';
      if (!upgraded) return void socket.destroy();
      held = held.subarray(end + 4);
      socket.write(first);
    }
    for (;;) {
      if (held.length < 2) return;
      const short = held[1]! & 0x7f; // two bytes are there
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (held.length < head) return;
      const length = short < 126 ? short : short === 126 ? held.readUInt16BE(2) : Number(held.readBigUInt64BE(2));
      if (held.length < head + length) return;
      const payload = held.subarray(head, head + length);
      const opcode = held[0]! & 0x0f;
      held = held.subarray(head + length);
      if (opcode === 2) events.frame(decodeServerFrame(Uint8Array.from(payload)));
      else if (opcode === 8) {
        code = length >= 2 ? payload.readUInt16BE(0) : null;
        socket.end();
      }
    }
  });
  socket.on('error', () => undefined); // a reset is an answer; 'close' follows
  socket.on('close', () => events.closed(code));
  return { write: (bytes) => void socket.write(bytes), destroy: () => void socket.destroy() };
};
