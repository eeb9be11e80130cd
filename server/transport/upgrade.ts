import type { Log } from '../log.ts';
import { plainError } from './exchange.ts';
import type { Reply, Request, SocketHandlers } from './transport.ts';

export type UpgradeAnswer = { accept: true; protocol: string } | { accept: false; reply: Reply & { body: string } };

const CODES: Record<number, string> = { 400: 'bad_request', 401: 'unauthorized', 404: 'not_found', 426: 'version', 429: 'too_many', 503: 'unavailable' };

export const refusal = (status: number, message: string): UpgradeAnswer & { accept: false } => ({ accept: false, reply: plainError(status, CODES[status] ?? 'forbidden', message) });

/** The handlers' decision, checked against what the client offered. Never throws. */
export const answerUpgrade = (handlers: SocketHandlers, request: Request, log: Log): UpgradeAnswer => {
  if (request.header('sec-websocket-version') !== '13') {
    const { reply } = refusal(426, 'this server speaks WebSocket version 13');
    return { accept: false, reply: { ...reply, headers: { ...reply.headers, 'sec-websocket-version': '13' } } };
  }
  try {
    const decision = handlers.upgrade(request);
    if (!decision.accept) return refusal(decision.status, decision.message);
    const offered = request.header('sec-websocket-protocol').split(',').map((name) => name.trim());
    return { accept: true, protocol: offered.includes(decision.protocol) ? decision.protocol : '' };
  } catch (error) {
    log.error({ err: error }, 'the WebSocket upgrade handler threw');
    return { accept: false, reply: plainError(500, 'internal', 'the server could not answer this upgrade; its log says why') };
  }
};
