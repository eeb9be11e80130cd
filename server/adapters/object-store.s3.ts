// Objects in any S3: AWS, R2, MinIO, Garage, SeaweedFS, Ceph. Not-found and range errors are Refused; everything else that the
// store or the way to it does is a ProviderError whose kind says whether trying again helps.
import {
  CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, HeadBucketCommand, HeadObjectCommand, ListObjectsV2Command, S3Client, S3ServiceException,
} from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { sleep, systemClock } from '../clock.ts';
import { codeOf, messageOf, ProviderError, Refused, StartError } from '../errors.ts';
import type { ObjectStore } from '../ports.ts';
import { beyondEnd, checkKey, checkPrefix, checkRange, checkReadSize, notFound } from './object-key.ts';
import { createBufferPool, putObject, tagOf, uploadFile } from './s3-upload.ts';
import { isTransient } from './transient.ts';

export type S3Options = {
  bucket: string;
  /** "auto" for R2, "us-east-1" for most self-hosted ones */
  region: string;
  /** none: AWS */
  endpoint?: string;
  /** none: the SDK looks in its usual places (AWS_* variables, instance roles) */
  credentials?: { accessKeyId: string; secretAccessKey: string };
  createBucket: boolean;
  log: { warn(fields: object, message: string): void };
  /** a store that is still coming up is waited for */
  waitMs?: number;
  /** size of a part (S3 wants 5 MiB at least), and how many buffers of that size all uploads share */
  partBytes?: number;
  partBuffers?: number;
  attempts?: number;
  requestTimeoutMs?: number;
  clock?: Clock;
};

const NAME = 's3';

const translated = (what: string, error: unknown): unknown => {
  if (error instanceof Refused || error instanceof ProviderError || (error instanceof Error && error.name === 'AbortError')) return error;
  const fail = (kind: ProviderError['kind'], remedy: string): ProviderError => new ProviderError(NAME, kind, `${what}: ${messageOf(error)}${remedy}`, { cause: error });
  if (error instanceof S3ServiceException) {
    const status = error.$metadata.httpStatusCode ?? 0;
    if (error.name === 'NoSuchBucket') return fail('off', ' (the bucket is gone: make it again, or set CLIPPY_S3_BUCKET)');
    if (status === 429 || error.name === 'SlowDown') return fail('rate', '');
    if (status === 401 || status === 403) return fail('auth', ' (check CLIPPY_S3_ACCESS_KEY, CLIPPY_S3_SECRET_KEY, and that they may use this bucket)');
    if (error.name === 'BadDigest') return fail('network', ' (the bytes were damaged on their way)');
    if (status >= 500 || status === 408) return fail('server', '');
  }
  const code = codeOf(error);
  // the SDK calls a reset connection a TimeoutError too
  if (code === 'ETIMEDOUT' || (code === '' && error instanceof Error && error.name === 'TimeoutError')) return fail('timeout', '');
  if (code !== '' || (error instanceof Error && ['aborted', 'socket hang up'].includes(error.message))) return fail('network', '');
  return fail('garbage', '');
};

const statusOf = (error: unknown): number => (error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0);
const missing = (error: unknown): boolean => statusOf(error) === 404 && error instanceof Error && error.name !== 'NoSuchBucket';

const run = <T>(what: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> =>
  work().catch((error: unknown) => {
    signal?.throwIfAborted();
    throw translated(what, error);
  });

/** Throws StartError. */
export const createS3Store = async (options: S3Options): Promise<ObjectStore> => {
  const { bucket, region, endpoint, log, clock = systemClock, waitMs = 30_000, requestTimeoutMs = 60_000 } = options;
  if (!endpoint && region === 'auto') throw new StartError('CLIPPY_S3_REGION is auto and there is no CLIPPY_S3_ENDPOINT', 'name the AWS region of the bucket, or the endpoint of another store');
  const config: S3ClientConfig = {
    region,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED', // stores other than AWS reject the newer checksums
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: options.attempts ?? 3,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true, socketTimeout: requestTimeoutMs, httpAgent: { maxSockets: 64, keepAlive: true }, httpsAgent: { maxSockets: 64, keepAlive: true } },
    ...(options.credentials ? { credentials: options.credentials } : {}),
    ...(endpoint ? { endpoint } : {}),
  };
  const client = new S3Client(config);
  const pool = createBufferPool(options.partBuffers ?? 4, options.partBytes ?? 8 * 2 ** 20);
  const head = (): Promise<unknown> => client.send(new HeadBucketCommand({ Bucket: bucket }));

  const ensureBucket = async (): Promise<void> => {
    try {
      await head();
    } catch (error) {
      if (statusOf(error) !== 404 || !options.createBucket) throw error;
      // the SDK names its region as the place to make the bucket, and "auto" is no place
      const creator = region === 'auto' ? new S3Client({ ...config, region: 'us-east-1' }) : client;
      await creator.send(new CreateBucketCommand({ Bucket: bucket })).catch((cause: unknown) => {
        if (!(cause instanceof Error && cause.name === 'BucketAlreadyOwnedByYou')) throw cause;
      });
    }
  };
  for (const until = clock.monotonic() + waitMs; ; ) {
    const error = await ensureBucket().then(() => null, (reason: unknown) => reason);
    if (error === null) break;
    const cause = translated(`bucket ${bucket}`, error);
    if (isTransient(cause) && clock.monotonic() < until) {
      log.warn({ error: messageOf(cause) }, 'the object store does not answer yet');
      await sleep(clock, 500);
      continue;
    }
    throw new StartError(`the object store at ${endpoint ?? 'AWS'} cannot be used: ${messageOf(cause)}`, statusOf(error) === 404 ? `make the bucket ${bucket}` : 'check CLIPPY_S3_ENDPOINT, CLIPPY_S3_REGION, CLIPPY_S3_BUCKET and the keys', { cause });
  }

  return {
    put: async (key, body, mime) => {
      checkKey(key);
      await run(`put ${key}`, () => putObject(body, { client, bucket, key, mime }));
    },
    putFile: async (key, path, mime) => {
      checkKey(key);
      await run(`put ${key}`, () => uploadFile(path, { client, bucket, key, mime }, pool, (fields, message) => log.warn(fields, message)));
    },
    read: async (key, range, signal) => {
      checkKey(key);
      if (range) checkRange(key, range);
      signal?.throwIfAborted();
      const wanted = range ? range.end - range.start : Infinity;
      const command = new GetObjectCommand({ Bucket: bucket, Key: key, ...(range ? { Range: `bytes=${range.start}-${range.end - 1}` } : {}) });
      return run(`read ${key}`, async () => {
        let body: Readable | null = null;
        const abort = (): void => void body?.destroy(); // the SDK's own signal ends with the headers
        try {
          const { Body, ContentLength = 0 } = await client.send(command, signal ? { abortSignal: signal } : {});
          if (!(Body instanceof Readable)) throw new ProviderError(NAME, 'garbage', `read ${key}: an answer without a body`);
          body = Body;
          signal?.addEventListener('abort', abort, { once: true });
          if (ContentLength > wanted) throw new ProviderError(NAME, 'garbage', `read ${key}: ${ContentLength} bytes for a range of ${wanted}; the store ignores Range`);
          checkReadSize(key, ContentLength);
          const bytes = await Body.transformToByteArray();
          if (bytes.length !== ContentLength) throw new ProviderError(NAME, 'network', `read ${key}: ${bytes.length} of ${ContentLength} bytes came`);
          return bytes;
        } catch (error) {
          body?.destroy();
          if (missing(error)) throw notFound(key, error);
          if (statusOf(error) === 416) throw beyondEnd(key, range?.start ?? 0, error);
          throw error;
        } finally {
          signal?.removeEventListener('abort', abort);
        }
      }, signal);
    },
    stat: async (key) => {
      checkKey(key);
      return run(`stat ${key}`, () =>
        client.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).then(
          (found) => ({ bytes: found.ContentLength ?? 0, etag: tagOf(key, found) }),
          (error: unknown) => {
            if (missing(error)) return null;
            throw error;
          },
        ),
      );
    },
    delete: async (key) => {
      checkKey(key);
      await run(`delete ${key}`, () =>
        client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })).catch((error: unknown) => {
          if (!missing(error)) throw error;
        }),
      );
    },
    list: (prefix) => {
      checkPrefix(prefix);
      return (async function* () {
        for (let ContinuationToken: string | undefined; ; ) {
          const page = await run(`list ${prefix}`, () => client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(ContinuationToken ? { ContinuationToken } : {}) })));
          for (const { Key, Size } of page.Contents ?? []) if (Key !== undefined) yield { key: Key, bytes: Size ?? 0 };
          if (!page.IsTruncated || !page.NextContinuationToken) return;
          ContinuationToken = page.NextContinuationToken;
        }
      })();
    },
    ping: async () => {
      await run(`bucket ${bucket}`, head);
    },
  };
};
