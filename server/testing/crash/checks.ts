// What must be true of a recording that has ended, however often its servers died, and of the store as a whole.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import postgres from 'postgres';
import type { Clip, DeadLetter, Page, Region, SessionView, Word } from '../../../shared/model.ts';
import { createFfmpegMediaTool } from '../../adapters/media-tool.ffmpeg.ts';
import { findFfmpeg } from '../../workers/ffmpeg.ts';
import { type Expected, sha256 } from './traffic.ts';

/** An answer is waited for this long, through any number of dying servers. */
const PATIENCE_MS = 300_000;
const AGAIN_MS = 40;

/** What the clips of an undisturbed recording are: those of the others are equal to them. */
export type Reference = { startMs: number; endMs: number; state: Clip['state']; media: string }[];
/** An MP4 without the times at which it was made. */
const undated = (bytes: Uint8Array): Uint8Array => {
  const copy = Buffer.from(bytes);
  for (const box of ['mvhd', 'tkhd', 'mdhd']) for (let at = copy.indexOf(box); at >= 0; at = copy.indexOf(box, at + 4)) copy.fill(0, at + 8, at + 16);
  return copy;
};

export type Checks = ReturnType<typeof createChecks>;

/** Aborted: nothing is waited for any more. */
export const createChecks = ({ url, token, signal }: { url: string; token: string; signal: AbortSignal }) => {
  let decoded = 0;
  const once = async (path: string, method: string): Promise<{ status: number; bytes: Uint8Array }> => {
    const reply = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(20_000) });
    return { status: reply.status, bytes: new Uint8Array(await reply.arrayBuffer()) };
  };
  /** Tried again while no server answers, or one that is not well. */
  const ask = async (path: string, method = 'GET'): Promise<{ status: number; bytes: Uint8Array }> => {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      signal.throwIfAborted();
      const reply = await once(path, method).catch((error: unknown) => String(error));
      if (typeof reply !== 'string' && reply.status < 500) return reply;
      assert(Date.now() < until, `${method} ${path} was not answered in ${PATIENCE_MS} ms: ${typeof reply === 'string' ? reply : Buffer.from(reply.bytes).toString()}`);
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  };
  const read = async <T>(path: string): Promise<T> => {
    const { status, bytes } = await ask(path);
    assert.equal(status, 200, `${path}: ${Buffer.from(bytes).toString()}`);
    return JSON.parse(Buffer.from(bytes).toString()) as T; // our own server's answer, checked by its schema
  };
  const fetchMedia = async (path: string): Promise<Uint8Array> => {
    const { status, bytes } = await ask(path);
    assert.equal(status, 200, path);
    return bytes;
  };
  const drained = async (sessionId: string): Promise<SessionView> => {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      signal.throwIfAborted();
      const view = await read<SessionView>(`/api/sessions/${sessionId}`);
      if (view.session.status === 'closed') return view;
      assert(view.session.status !== 'failed', `recording ${sessionId} failed: ${view.session.note}`);
      assert(Date.now() < until, `recording ${sessionId} is still ${view.session.status} after ${PATIENCE_MS} ms: ${JSON.stringify(view.stages)}`);
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  };
  const decode = async (bytes: Uint8Array): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'clippy-crash-look-'));
    try {
      const file = join(folder, 'media');
      await writeFile(file, bytes);
      const found = await createFfmpegMediaTool(await findFfmpeg()).verify(file, { container: 'mp4' }, AbortSignal.timeout(60_000));
      assert.deepEqual(found.errors, []);
      assert(found.videoFrames > 0 && found.audioSamples > 0, 'no pictures or no sound');
      decoded += 1;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  const clipsOf = async (sessionId: string): Promise<Clip[]> => (await read<{ clips: Clip[] }>(`/api/clips?sessionId=${sessionId}&limit=200`)).clips.toSorted((a, b) => a.startMs - b.startMs);

  const gone = async (path: string): Promise<void> => {
    const deleted = await ask(path, 'DELETE');
    assert([200, 404].includes(deleted.status), `${path} was not deleted: ${deleted.status} ${Buffer.from(deleted.bytes).toString()}`); // 404: an attempt whose answer was lost had done it
    const { status } = await ask(path);
    assert.equal(status, 404, `${path} is still there after its deletion was answered with ${deleted.status}`);
  };

  const checkClips = async (clips: Clip[], reference: Reference | null, looks: boolean): Promise<Reference> => {
    const found: Reference = [];
    for (const [at, clip] of clips.entries()) {
      for (const other of clips.slice(at + 1)) {
        const overlap = Math.min(clip.endMs, other.endMs) - Math.max(clip.startMs, other.startMs);
        assert(overlap / Math.min(clip.endMs - clip.startMs, other.endMs - other.startMs) < 0.5, `two clips of one moment: ${clip.id} ${clip.startMs}–${clip.endMs}, ${other.id} ${other.startMs}–${other.endMs}`);
      }
      const media = await fetchMedia(`/api/clips/${clip.id}/media`);
      assert.equal(media.length, clip.bytes, `clip ${clip.id} has other bytes than its row says`);
      const thumbnail = await fetchMedia(`/api/clips/${clip.id}/thumbnail`);
      assert(thumbnail[0] === 0xff && thumbnail[1] === 0xd8 && thumbnail.at(-2) === 0xff && thumbnail.at(-1) === 0xd9, `the thumbnail of clip ${clip.id} is no whole JPEG`);
      if (looks || !reference) await decode(media);
      found.push({ startMs: clip.startMs, endMs: clip.endMs, state: clip.state, media: sha256(undated(media)) });
    }
    if (reference) assert.deepEqual(found, reference, 'the clips differ from those of an undisturbed recording');
    return found;
  };

  return {
    get decoded() {
      return decoded;
    },
    /** `reference` null: this is the undisturbed one. Returns its clips. */
    recording: async (expected: Expected, reference: Reference | null, looks = false): Promise<{ clips: Clip[]; reference: Reference }> => {
      const { sessionId, kind, pieces, lost } = expected;
      const { session, gaps, bins } = await drained(sessionId);
      const served = await fetchMedia(`/api/sessions/${sessionId}/recording`);
      assert.equal(sha256(served), expected.sha256, `${kind} recording ${sessionId}: ${served.length} bytes are served, other than the ${expected.bytes} that were sent`);
      assert.deepEqual({ bytes: session.bytes, chunks: session.chunks, lastSequence: session.lastSequence, missing: session.missing }, { bytes: expected.bytes, chunks: pieces - lost, lastSequence: pieces, missing: lost }, `totals of ${sessionId}`);
      assert.equal(gaps.reduce((sum, gap) => sum + gap.toSequence - gap.fromSequence + 1, 0), lost, `gaps of ${sessionId}: ${JSON.stringify(gaps)}`);
      const seconds = bins.map(({ second }) => second);
      assert.equal(new Set(seconds).size, seconds.length);
      const { words } = await read<{ words: Word[] }>(`/api/sessions/${sessionId}/transcript.json`);
      assert.deepEqual(words, expected.words, `words of ${sessionId}`);
      const regions = await read<Region[]>(`/api/sessions/${sessionId}/regions`);
      assert(regions.every((region) => expected.regions.some(({ atMs, rect }) => atMs === region.atMs && rect?.x === region.rect?.x)), `regions of ${sessionId}`);
      assert.deepEqual(regions.at(-1), expected.regions.at(-1), `the last region of ${sessionId}`);
      assert.deepEqual((await read<Page[]>(`/api/sessions/${sessionId}/pages`)).at(-1), expected.pages.at(-1), `the last page of ${sessionId}`);
      const { deadLetters } = await read<{ deadLetters: DeadLetter[] }>(`/api/dead-letters?sessionId=${sessionId}`);
      assert.equal(deadLetters.length, kind === 'noise' ? 1 : 0, `dead letters of ${sessionId}: ${JSON.stringify(deadLetters)}`);
      const clips = await clipsOf(sessionId);
      if (looks && kind === 'moments') await decode(served);
      if (kind !== 'moments') return { clips, reference: [] };
      assert(clips.length > 0, `recording ${sessionId} has no clips`);
      return { clips, reference: await checkClips(clips, reference, looks) };
    },
    pin: async (clip: Clip): Promise<void> => {
      assert.equal((await ask(`/api/clips/${clip.id}/pin`, 'POST')).status, 200);
      assert.equal((await ask(`/api/clips/${clip.id}/unpin`, 'POST')).status, 200);
    },
    deleteClip: async (clip: Clip): Promise<void> => {
      await gone(`/api/clips/${clip.id}`);
    },
    deleteSession: async (sessionId: string): Promise<void> => {
      await gone(`/api/sessions/${sessionId}`);
    },
    /** Every row has its object, every object and folder its row. */
    orphans: async (options: { database: string; dataDir: string }): Promise<void> => {
      const sql = postgres({ max: 1, onnotice: () => undefined, username: 'clippy', database: 'clippy', host: options.database, connection: { search_path: 'clippy' } });
      try {
        const objects = join(options.dataDir, 'objects', 'objects');
        const entries = await readdir(objects, { recursive: true, withFileTypes: true });
        const keys = entries.filter((entry) => entry.isFile()).map((entry) => relative(objects, join(entry.parentPath, entry.name)));
        const named = (await sql<{ key: string; must: boolean }[]>`
          select o.object_key as key, o.object_key in (c.media_key, c.thumbnail_key) as must from clip_objects o join clips c on c.id = o.clip_id
          union select object_key, true from cold_segments`).filter(({ key }) => key !== '');
        for (const { key, must } of named) if (must) assert(keys.includes(key), `the object ${key} of a row is missing`);
        const clips = new Set((await sql<{ id: string }[]>`select id from clips`).map(({ id }) => id));
        const rows = new Set(named.map(({ key }) => key));
        const orphaned = keys.filter((key) => !rows.has(key) && !clips.has(/\/clips\/([^/]+)\//.exec(key)?.[1] ?? ''));
        assert.deepEqual(orphaned, [], 'objects without a row');
        const sessions = new Set((await sql<{ id: string }[]>`select id from sessions`).map(({ id }) => id));
        const folders = await readdir(join(options.dataDir, 'sessions'));
        assert.deepEqual(folders.filter((id) => !sessions.has(id)), [], 'folders of recordings without a row');
      } finally {
        await sql.end();
      }
    },
  };
};
