import { answerUpgrade, refusal } from './upgrade.ts';
import { closeReason, guarded } from './exchange.ts';
import type { Socket, TransportOptions } from './transport.ts';
import type { Uws, UwsBehavior, UwsSocket } from './uws-binding.ts';
import { noBody, readHead, remoteOf } from './uws-head.ts';
import { writeHead } from './uws-reply.ts';

/** Lives from the upgrade on; `raw` is null before open and after close, when the binary forbids every call. */
type Held = { socket: Socket; raw: UwsSocket<UserData> | null; waiting: boolean };
/** The binary hands back a copy of the user data, so what has identity sits one level down. */
type UserData = { held: Held };

export const uwsSockets = (binding: Uws, options: TransportOptions): { behavior: UwsBehavior<UserData>; closeAll(): void } => {
  const { sockets: handlers, limits, log } = options;
  const open = new Set<Held>();
  let nextId = 1;

  const hold = (remote: string): Held => {
    const id = nextId++;
    const held: Held = {
      raw: null,
      waiting: false,
      socket: {
        id,
        remote,
        send: (frame) => {
          const code = held.raw ? held.raw.send(frame, true, false) : 2;
          if (code === 1) return 'sent';
          held.waiting = true;
          return code === 0 ? 'queued' : 'dropped';
        },
        bufferedBytes: () => held.raw?.getBufferedAmount() ?? 0,
        close: (code, reason) => held.raw?.end(code, closeReason(reason)),
      },
    };
    return held;
  };

  const behavior: UwsBehavior<UserData> = {
    compression: binding.DISABLED,
    maxPayloadLength: limits.maxFrameBytes,
    maxBackpressure: limits.maxBackpressureBytes,
    idleTimeout: limits.idleTimeoutS,
    sendPingsAutomatically: true,
    upgrade: (response, raw, context) => {
      try {
        const head = readHead(response, raw);
        const answer = 'refused' in head ? refusal(400, head.refused) : answerUpgrade(handlers, { ...head.request, body: noBody }, log);
        if (answer.accept) return response.upgrade({ held: hold(remoteOf(response)) }, raw.getHeader('sec-websocket-key'), answer.protocol, '', context);
        response.cork(() => {
          writeHead(response, answer.reply);
          response.end(answer.reply.body, true);
        });
      } catch (error) {
        log.error({ err: error }, 'an upgrade could not be answered');
        response.close();
      }
    },
    open: (raw) => {
      const { held } = raw.getUserData();
      held.raw = raw;
      open.add(held);
      guarded(log, 'open', () => handlers.open(held.socket), () => held.socket.close(1011, 'internal error'));
    },
    message: (raw, message, binary) => {
      const { held } = raw.getUserData();
      guarded(log, 'message', () => handlers.message(held.socket, new Uint8Array(message), binary), () => held.socket.close(1011, 'internal error'));
    },
    drain: (raw) => {
      const { held } = raw.getUserData();
      if (!held.waiting || raw.getBufferedAmount() > 0) return;
      held.waiting = false;
      guarded(log, 'drain', () => handlers.drain(held.socket), () => held.socket.close(1011, 'internal error'));
    },
    close: (raw, code) => {
      const { held } = raw.getUserData();
      held.raw = null;
      open.delete(held);
      guarded(log, 'close', () => handlers.close(held.socket, code), () => undefined);
    },
  };

  return { behavior, closeAll: () => open.forEach((held) => held.socket.close(1001, 'the server is closing')) };
};
