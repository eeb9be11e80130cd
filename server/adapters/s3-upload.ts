// A file to S3 in parts, within fixed memory: all uploads of a store share a few part-sized buffers, and one that finds none waits.
import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand, HeadObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { messageOf, ProviderError, Refused } from '../errors.ts';

const MAX_PARTS = 10_000; // S3's own limit
const PARTS_AT_ONCE = 2; // of one file

export type BufferPool = { bytes: number; take(): Promise<Buffer>; give(buffer: Buffer): void };

/** At most `count` buffers ever exist; whoever comes later waits its turn. */
export const createBufferPool = (count: number, bytes: number): BufferPool => {
  const free: Buffer[] = [];
  const waiting: ((buffer: Buffer) => void)[] = [];
  let made = 0;
  return {
    bytes,
    take: () => {
      const buffer = free.pop() ?? (made < count ? (made++, Buffer.allocUnsafeSlow(bytes)) : null);
      return buffer ? Promise.resolve(buffer) : new Promise((resolve) => waiting.push(resolve));
    },
    give: (buffer) => {
      const next = waiting.shift();
      if (next) next(buffer);
      else free.push(buffer);
    },
  };
};

/** Every store checks it and refuses a body that was damaged on its way: without it a proxy's wrong bit would be stored for good. */
const contentMd5 = (body: Uint8Array): string => createHash('md5').update(body).digest('base64');

/** A store names what it holds; a page of some proxy in between, with status 200, does not. */
export const tagOf = (key: string, { ETag }: { ETag?: string | undefined }): string => {
  if (!ETag) throw new ProviderError('s3', 'garbage', `${key}: an answer without an ETag is no answer of an object store`);
  return ETag;
};

type Target = { client: S3Client; bucket: string; key: string; mime: string };

/** An object in one request. */
export const putObject = async (body: Uint8Array, { client, bucket, key, mime }: Target): Promise<void> => {
  tagOf(key, await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: mime, ContentMD5: contentMd5(body) })));
};

export const uploadFile = async (path: string, { client, bucket, key, mime }: Target, pool: BufferPool, warn: (fields: object, message: string) => void): Promise<void> => {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const parts = Math.max(1, Math.ceil(size / pool.bytes));
    if (parts > MAX_PARTS) throw new Refused('too_large', `${path} has ${size} bytes; an object may have ${MAX_PARTS * pool.bytes}`);

    /** Lends part `number` (from 1) to `use`. */
    const withPart = async <T>(number: number, use: (body: Buffer) => Promise<T>): Promise<T> => {
      const buffer = await pool.take();
      try {
        return await use(await fill(file, buffer, (number - 1) * pool.bytes, size));
      } finally {
        pool.give(buffer);
      }
    };
    if (parts === 1) {
      await withPart(1, (body) => putObject(body, { client, bucket, key, mime }));
      return;
    }

    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ContentType: mime }));
    const stop = new AbortController();
    const done: { PartNumber: number; ETag: string | undefined }[] = [];
    let next = 1;
    const worker = async (): Promise<void> => {
      while (next <= parts && !stop.signal.aborted) {
        const PartNumber = next++;
        await withPart(PartNumber, async (Body) => {
          const part = await client.send(new UploadPartCommand({ Bucket: bucket, Key: key, UploadId, PartNumber, Body, ContentMD5: contentMd5(Body) }), { abortSignal: stop.signal });
          done.push({ PartNumber, ETag: tagOf(key, part) });
        });
      }
    };
    try {
      const ended = await Promise.allSettled(
        Array.from({ length: PARTS_AT_ONCE }, () =>
          worker().catch((error: unknown) => {
            stop.abort();
            throw error;
          }),
        ),
      );
      // the first failure stopped the others: theirs only say so
      const failed = ended.filter((end) => end.status === 'rejected').map(({ reason }: { reason: unknown }) => reason);
      if (failed.length > 0) throw failed.find((reason) => !(reason instanceof Error && reason.name === 'AbortError')) ?? failed[0];
      const completed = await client.send(new CompleteMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId, MultipartUpload: { Parts: done.toSorted((a, b) => a.PartNumber - b.PartNumber) } }));
      // Ceph 16 completes without naming it; then the object itself is asked for.
      if (!completed.ETag) tagOf(key, await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key })));
    } catch (error) {
      // parts of an unfinished upload are kept, and paid for, until somebody says so
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId })).catch((cause: unknown) => warn({ key, uploadId: UploadId, error: messageOf(cause) }, 'an unfinished upload could not be removed from the object store'));
      throw error;
    }
  } finally {
    await file.close();
  }
};

const fill = async (file: FileHandle, buffer: Buffer, start: number, size: number): Promise<Buffer> => {
  const wanted = Math.min(buffer.length, size - start);
  for (let at = 0; at < wanted; ) {
    const { bytesRead } = await file.read(buffer, at, wanted - at, start + at);
    if (bytesRead === 0) throw new Error(`the file shrank to ${start + at} bytes while it was uploaded`);
    at += bytesRead;
  }
  return buffer.subarray(0, wanted);
};
