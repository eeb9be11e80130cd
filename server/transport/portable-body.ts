import type { IncomingMessage } from 'node:http';
import { Refused } from '../errors.ts';
import { tooLarge } from './exchange.ts';
import type { Request } from './transport.ts';

/** Reads only when asked: until then the body stays in the kernel. What is refused, Node lets go after the reply. */
export const portableBody = (raw: IncomingMessage, ceiling: number): Request['body'] => {
  const declared = Number(raw.headers['content-length'] ?? 0);
  let once: Promise<Uint8Array> | null = null;

  const read = async (limit: number): Promise<Uint8Array> => {
    const chunks: Buffer[] = [];
    let size = 0;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    raw.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else {
        chunks.length = 0;
        reject(tooLarge(size, limit));
      }
    });
    raw.on('end', () => resolve(Buffer.concat(chunks)));
    raw.on('close', () => reject(new Refused('closed', 'the client left before its request body was whole')));
    raw.on('error', (error) => reject(new Refused('closed', 'the request body broke off', { cause: error })));
    return promise;
  };

  return async (maxBytes) => {
    const limit = Math.min(maxBytes, ceiling);
    if (declared > limit) throw tooLarge(declared, limit);
    once ??= read(limit);
    const bytes = await once;
    if (bytes.length > limit) throw tooLarge(bytes.length, limit);
    return bytes;
  };
};
