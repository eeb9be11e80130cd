// What every object store asks of a key or a range, before anything is opened, sent or allocated for it.
import { Refused } from '../errors.ts';

/** S3's limit is 1024 bytes a key, file systems' 255 bytes a name. */
const KEY = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]{1,255})*$/;
const PREFIX = /^(?!.*(?:^|\/)\.{1,2}\/)(?:[A-Za-z0-9._-]{1,255}\/)*[A-Za-z0-9._-]{0,255}$/;
const MAX_KEY_LENGTH = 1024;

/** More than this is read in ranges: a store must not be talked into holding a recording in memory. */
export const MAX_READ_BYTES = 256 * 2 ** 20;

export const checkKey = (key: string): void => {
  if (key.length > MAX_KEY_LENGTH || !KEY.test(key)) throw new Refused('bad_request', `"${key.slice(0, 80)}" is not an object key: use A-Z a-z 0-9 . _ - in parts divided by /, no part . or .., at most ${MAX_KEY_LENGTH} characters`);
};

export const checkPrefix = (prefix: string): void => {
  if (prefix.length > MAX_KEY_LENGTH || !PREFIX.test(prefix)) throw new Refused('bad_request', `"${prefix.slice(0, 80)}" is not the beginning of an object key`);
};

export type ByteRange = { start: number; end: number };

/** `end` is exclusive. */
export const checkRange = (key: string, { start, end }: ByteRange): void => {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end <= start) throw new Refused('range', `bytes ${start}..${end} of ${key}: a range holds at least one byte`);
};

export const checkReadSize = (key: string, bytes: number): void => {
  if (bytes > MAX_READ_BYTES) throw new Refused('too_large', `${bytes} bytes of ${key} at once: read at most ${MAX_READ_BYTES} in one range`);
};

export const notFound = (key: string, cause?: unknown): Refused => new Refused('not_found', `there is no object ${key}`, { cause });
export const beyondEnd = (key: string, start: number, cause?: unknown): Refused => new Refused('range', `${key} ends before byte ${start}`, { cause });
