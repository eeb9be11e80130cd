// What must hold once the faults are over: every recording ends, is served byte for byte as it was sent, counts what it holds, and
// every moment found has its clip or a reason why not, which a retry takes away.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { SessionView } from '../../../shared/model.ts';
import { createFfmpegMediaTool } from '../../adapters/media-tool.ffmpeg.ts';
import { ffmpegBinary } from '../test-media.ts';
import type { Recorded } from './streams.ts';
import type { World } from './world.ts';

type Server = World['server'];
const tool = createFfmpegMediaTool(ffmpegBinary);

/** The reply's body; null where it was cut off or refused, with why. */
export const fetchMedia = async (server: Server, path: string): Promise<{ bytes: Buffer } | { why: string; status: number }> => {
  try {
    const reply = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${server.token}` }, signal: AbortSignal.timeout(60_000) });
    if (!reply.ok) return { why: `${reply.status} ${(await reply.text()).slice(0, 200)}`, status: reply.status };
    return { bytes: Buffer.from(await reply.arrayBuffer()) };
  } catch (error) {
    return { why: String(error), status: 0 };
  }
};

export const call = async <T>(server: Server, path: string, method = 'GET'): Promise<T> => {
  const reply = await fetch(`${server.url}${path}`, { method, headers: { authorization: `Bearer ${server.token}` }, signal: AbortSignal.timeout(60_000) });
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${(await reply.text()).slice(0, 300)}`);
  return (await reply.json()) as T; // our own server's answer, checked by its schema
};

/** Tries until it succeeds: what was away a moment ago may take a few seconds to be asked again. */
export const eventually = async <T>(what: string, ms: number, work: () => Promise<T>): Promise<T> => {
  for (const until = Date.now() + ms; ; await wait(200)) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > until) throw new Error(`${what} within ${ms / 1000} s: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
};

const viewOf = (server: Server, sessionId: string): Promise<SessionView> => call<SessionView>(server, `/api/sessions/${sessionId}`);

export type Audited = Recorded & { view: SessionView; /** retried by hand */ deadLetters: number; restarts: number };

/** Resolves when it is worked through; what was given up is tried once more, as an operator would. */
const workedThrough = async (server: Server, { sessionId }: Recorded, endsMs: number): Promise<Pick<Audited, 'view' | 'deadLetters' | 'restarts'>> => {
  let deadLetters = 0;
  let restarts = 0;
  const closed = (): Promise<SessionView> =>
    eventually(`recording ${sessionId} is worked through`, endsMs, async () => {
      const view = await viewOf(server, sessionId);
      if (view.session.status === 'closed') return view;
      if (view.session.status === 'failed') {
        if (view.session.note === '') throw new Error('it failed without a reason');
        restarts += 1;
        await call(server, `/api/sessions/${sessionId}/restart`, 'POST');
      }
      throw new Error(`it is ${view.session.status}: ${JSON.stringify(Object.fromEntries(Object.entries(view.stages).map(([name, stage]) => [name, `${stage.status} ${stage.depth} ${stage.note}`.trim()])))}`);
    });
  let view = await closed();
  for (let round = 0; view.deadLetters.length > 0; round++) {
    if (round === 3) throw new Error(`${sessionId}: dead letters stay although nothing fails: ${view.deadLetters.map(({ stage, code, message }) => `${stage} ${code} ${message}`).join('; ')}`);
    deadLetters += view.deadLetters.length;
    for (const { id, message } of view.deadLetters) {
      if (message === '') throw new Error(`${sessionId}: dead letter ${id} gives no reason`);
      await call(server, `/api/dead-letters/${id}/retry`, 'POST');
    }
    view = await closed();
  }
  return { view, deadLetters, restarts };
};

/** Throws what does not hold. */
export const audit = async (world: World, recorded: Recorded, { endsMs, decode }: { endsMs: number; decode: boolean }): Promise<Audited> => {
  const { server } = world;
  const { sessionId, source } = recorded;
  const worked = await workedThrough(server, recorded, endsMs);
  const { session, clips, highlights, gaps } = worked.view;
  const counted = { chunks: session.chunks, lastSequence: session.lastSequence, missing: session.missing, bytes: session.bytes, gaps: gaps.length };
  const sent = { chunks: recorded.chunks, lastSequence: recorded.chunks, missing: 0, bytes: source.bytes.length, gaps: 0 };
  if (JSON.stringify(counted) !== JSON.stringify(sent)) throw new Error(`${sessionId}: ${JSON.stringify(counted)} instead of ${JSON.stringify(sent)}`);
  const served = await eventually(`recording ${sessionId} is served`, 30_000, async () => {
    const reply = await fetchMedia(server, `/api/sessions/${sessionId}/recording`);
    if ('why' in reply) throw new Error(reply.why);
    return reply.bytes;
  });
  if (!served.equals(source.bytes)) throw new Error(`${sessionId}: ${served.length} bytes served differ from the ${source.bytes.length} sent, first at ${served.findIndex((byte, at) => byte !== source.bytes[at])}`);
  for (const { id, version, state } of highlights) {
    const clip = clips.find((each) => each.id === id);
    if (state === 'vetoed' ? clip !== undefined : clip === undefined || clip.version < version) throw new Error(`${sessionId}: highlight ${id} v${version} (${state}) has ${clip ? `clip v${clip.version}` : 'no clip'}`);
  }
  if (new Set(clips.map(({ id }) => id)).size !== clips.length) throw new Error(`${sessionId}: a clip is listed twice`);
  for (const clip of decode ? clips.slice(0, 1) : []) {
    const errors = await decodes(await clipBytes(server, clip.id), clip.mime);
    if (errors.length > 0) throw new Error(`${sessionId}: clip ${clip.id} does not decode: ${errors[0]}`);
  }
  return { ...recorded, ...worked };
};

export const clipBytes = (server: Server, clipId: string, what: 'media' | 'thumbnail' = 'media'): Promise<Buffer> =>
  eventually(`clip ${clipId} is served`, 30_000, async () => {
    const reply = await fetchMedia(server, `/api/clips/${clipId}/${what}`);
    if ('why' in reply) throw new Error(reply.why);
    return reply.bytes;
  });

/** what FFmpeg says is wrong with it */
export const decodes = async (bytes: Uint8Array, mime: string): Promise<string[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'clippy-audit-'));
  try {
    const file = join(folder, 'clip');
    await writeFile(file, bytes);
    const found = await tool.verify(file, { container: mime.includes('mp4') ? 'mp4' : 'webm' }, AbortSignal.timeout(60_000));
    return found.videoFrames > 0 ? found.errors : ['no picture', ...found.errors];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
