// The floor under ingest: bare uWebSockets.js that takes chunk frames, looks at none and acknowledges each by counting.
import { decodeClientFrame, encodeFrame } from '../../shared/codec.ts';
import { PROTOCOL_VERSION, SUB_PROTOCOL, type ServerFrame } from '../../shared/protocol.ts';
import { loadUws, type UwsSocket } from '../transport/uws-binding.ts';

type UserData = { counted: { session: string; chunks: number } };

const { binding } = loadUws();
if (!binding) throw new Error('uWebSockets.js does not load here: there is no floor to measure');
const CREDITS = { chunks: 1_000, bytes: 1e9 };
const limits = { maxChunkBytes: 8_000_000, credits: CREDITS };
const SMALL_BYTES = 4_096;
let sessions = 0;

const answer = (socket: UwsSocket<UserData>, frame: ServerFrame): void => void socket.send(encodeFrame(frame), true, false);

binding.App().ws<UserData>('/ws', {
  compression: binding.DISABLED, maxPayloadLength: 9_000_000, maxBackpressure: 8 << 20, idleTimeout: 60, sendPingsAutomatically: true,
  upgrade: (response, request, context) => {
    response.upgrade({ counted: { session: '', chunks: 0 } }, request.getHeader('sec-websocket-key'), SUB_PROTOCOL, '', context);
  },
  open: () => undefined,
  message: (socket, message) => {
    const { counted } = socket.getUserData();
    if (message.byteLength > SMALL_BYTES) return answer(socket, { t: 'ack', session: counted.session, seq: ++counted.chunks, level: 'spool', credits: CREDITS });
    const frame = decodeClientFrame(new Uint8Array(message), limits);
    if (frame.t === 'hello') return answer(socket, { t: 'welcome', version: PROTOCOL_VERSION, user: 'admin', limits, serverAt: 0 });
    if (frame.t !== 'start') return;
    counted.session = `S${String(++sessions).padStart(25, '0')}`;
    answer(socket, { t: 'ready', key: frame.key, session: counted.session, epoch: 1, lastSeq: 0, credits: CREDITS, wordsUntilMs: 0 });
  },
  drain: () => undefined,
  close: () => undefined,
}).listen('127.0.0.1', 0, binding.LIBUS_LISTEN_EXCLUSIVE_PORT, (token) => process.send?.({ url: `http://127.0.0.1:${binding.us_socket_local_port(token)}` }));
