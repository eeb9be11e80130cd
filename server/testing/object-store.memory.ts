// Objects in a map: for tests of the core, and the second implementation that keeps the contract suite honest.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beyondEnd, checkKey, checkPrefix, checkRange, notFound } from '../adapters/object-key.ts';
import type { ObjectStore } from '../ports.ts';

export const createMemoryObjectStore = ({ readLocal = readFile }: { readLocal?: (path: string) => Promise<Uint8Array> } = {}): ObjectStore => {
  const objects = new Map<string, Uint8Array>();
  const put = (key: string, body: Uint8Array): void => {
    checkKey(key);
    objects.set(key, Uint8Array.from(body));
  };
  return {
    put: async (key, body) => put(key, body),
    putFile: async (key, path) => {
      checkKey(key);
      put(key, await readLocal(path));
    },
    read: async (key, range, signal) => {
      checkKey(key);
      if (range) checkRange(key, range);
      signal?.throwIfAborted();
      const body = objects.get(key);
      if (!body) throw notFound(key);
      if (range && range.start >= body.length) throw beyondEnd(key, range.start);
      return body.slice(range?.start, range?.end);
    },
    stat: async (key) => {
      checkKey(key);
      const body = objects.get(key);
      return body ? { bytes: body.length, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` } : null;
    },
    delete: async (key) => {
      checkKey(key);
      objects.delete(key);
    },
    list: (prefix) => {
      checkPrefix(prefix);
      return (async function* () {
        for (const key of [...objects.keys()].toSorted()) {
          const body = objects.get(key);
          if (body && key.startsWith(prefix)) yield { key, bytes: body.length };
        }
      })();
    },
    ping: () => Promise.resolve(),
  };
};
