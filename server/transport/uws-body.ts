import { Refused } from '../errors.ts';
import { tooLarge } from './exchange.ts';
import type { Request } from './transport.ts';

type State = { is: 'growing' } | { is: 'whole'; bytes: Uint8Array } | { is: 'failed'; error: Error };

/**
 * Collects a body that arrives by callback from the first moment (what is not taken then is lost), up to a ceiling: bytes
 * beyond it are counted and let go.
 */
export const uwsBody = (contentLength: number, ceiling: number): { push(chunk: ArrayBuffer, last: boolean): void; abort(): void; read: Request['body'] } => {
  const settled = Promise.withResolvers<Uint8Array>();
  settled.promise.catch(() => undefined); // a body nobody reads may fail unheard
  let state: State = { is: 'growing' };
  let chunks: Uint8Array[] = [];
  let limit = ceiling;
  let size = 0;

  const fail = (error: Error): void => {
    if (state.is !== 'growing') return;
    state = { is: 'failed', error };
    chunks = [];
    settled.reject(error);
  };

  const guardSize = (bytes: number): void => {
    if (bytes > limit) fail(tooLarge(bytes, limit));
  };
  guardSize(contentLength);

  return {
    push: (chunk, last) => {
      if (state.is !== 'growing') return;
      size += chunk.byteLength;
      guardSize(size);
      if (state.is !== 'growing') return;
      if (chunk.byteLength > 0) chunks.push(new Uint8Array(chunk.slice(0)));
      if (!last) return;
      const bytes = Buffer.concat(chunks);
      state = { is: 'whole', bytes };
      settled.resolve(bytes);
    },
    abort: () => fail(new Refused('closed', 'the client left before its request body was whole')),
    read: async (maxBytes) => {
      limit = Math.min(limit, maxBytes);
      guardSize(Math.max(contentLength, size));
      const bytes = await settled.promise;
      if (bytes.length > maxBytes) throw tooLarge(bytes.length, maxBytes);
      return bytes;
    },
  };
};
