import { Refused } from '../errors.ts';
import { plainAddress, splitTarget } from './exchange.ts';
import type { Request } from './transport.ts';
import type { UwsRequest, UwsResponse } from './uws-binding.ts';

export type UwsHead = { request: Omit<Request, 'body'>; contentLength: number; hasBody: boolean };

/**
 * Copies all that is needed of a request: it is gone once the callback returns. Refuses what the binary lets through and a
 * proxy in front might read otherwise (request smuggling): two lengths, a length beside chunks, a length that is no
 * number, an encoding other than chunked.
 */
export const readHead = (response: UwsResponse, raw: UwsRequest): UwsHead | { refused: string } => {
  const headers = new Map<string, string>();
  let lengths = 0;
  raw.forEach((name, value) => {
    if (name === 'content-length') lengths++;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  });
  const length = headers.get('content-length') ?? '';
  const encoding = headers.get('transfer-encoding');
  const chunked = encoding !== undefined;
  if (lengths > 1) return { refused: 'two Content-Length headers; send one' };
  if (lengths === 1 && !/^\d{1,15}$/.test(length)) return { refused: 'the Content-Length is not a number of bytes' };
  if (lengths === 1 && chunked) return { refused: 'both Content-Length and Transfer-Encoding; send one' };
  if (chunked && encoding.toLowerCase() !== 'chunked') return { refused: 'the only Transfer-Encoding taken is chunked' };

  const query = raw.getQuery();
  const target = splitTarget(query === undefined ? raw.getUrl() : `${raw.getUrl()}?${query}`);
  if (target === null) return { refused: 'the request target must be a path that starts with /' };
  return {
    request: {
      method: raw.getCaseSensitiveMethod(),
      path: target.path,
      query: target.query,
      header: (name) => headers.get(name.toLowerCase()) ?? '',
      remote: remoteOf(response),
    },
    contentLength: Number(length),
    hasBody: chunked || Number(length) > 0,
  };
};

export const remoteOf = (response: UwsResponse): string => plainAddress(Buffer.from(response.getRemoteAddressAsText()).toString('latin1'));

/** An upgrade request has no body to wait for. */
export const noBody: Request['body'] = () => Promise.reject(new Refused('bad_request', 'an upgrade request has no body'));
