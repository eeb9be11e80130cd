// Bits that turn over at rest, in any file of a recording, while the server is down. Afterwards what is served is what was sent, or
// it lacks exactly what was damaged; a damaged clip is cut anew. Wrong bytes are never served.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Audited, clipBytes, decodes, eventually, fetchMedia } from './audit.ts';
import { flipped } from './s3-server.ts';
import type { World } from './world.ts';

type Target = { what: string; file: string };

const filesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return []; // it has none
  }
};

/** All that is stored of a recording. */
const targetsOf = (world: World, sessionId: string): Target[] => {
  const local = filesIn(join(world.server.dataDir, 'sessions', sessionId));
  const prefix = `sessions/${sessionId}/`;
  const objects = world.store ? world.store.keys(prefix).map((key) => ({ key, file: world.store?.fileOf(key) ?? '' })) : filesIn(join(world.server.dataDir, 'objects/objects', prefix)).map((file) => ({ key: file.slice(file.indexOf(prefix)), file }));
  return [
    ...local.map((file) => ({ what: file.endsWith('media.index') ? 'media index' : file.endsWith('.index') ? 'segment index' : 'segment', file })),
    ...objects.map(({ key, file }) => ({ what: key.includes('/segments/') ? 'cold segment' : key.endsWith('.jpg') ? 'thumbnail' : key.includes('.handles.') ? 'handles' : 'clip', file })),
  ];
};

/** true: what was sent, without some whole chunks, at most as many as were damaged */
const isSentWithout = (served: Buffer, pieces: Uint8Array[], most: number): boolean => {
  let at = 0;
  let missing = 0;
  for (const piece of pieces) {
    if (served.subarray(at, at + piece.length).equals(piece)) at += piece.length;
    else missing += 1;
  }
  return at === served.length && missing <= most;
};

/** Flips up to `count` bits in as many files; returns what was hit. Throws what does not hold afterwards. */
export const flipRound = async (world: World, recorded: Audited[], count: number, random: () => number): Promise<string[]> => {
  if (count === 0 || recorded.length === 0) return [];
  const clips = recorded.flatMap(({ view }) => view.clips.slice(0, 2));
  const before = new Map<string, Buffer>();
  for (const { id } of clips) before.set(id, await clipBytes(world.server, id));
  const hit = new Map<string, string[]>();
  await world.restart(async () => {
    for (let at = 0; at < count; at++) {
      const { sessionId } = recorded[Math.floor(random() * recorded.length)]!; // not empty
      const targets = targetsOf(world, sessionId);
      const kinds = [...new Set(targets.map(({ what }) => what))];
      const kind = kinds[Math.floor(random() * kinds.length)];
      const of = targets.filter(({ what }) => what === kind);
      const target = of[Math.floor(random() * of.length)];
      if (!target) throw new Error(`nothing is stored of ${sessionId}`);
      writeFileSync(target.file, flipped(readFileSync(target.file), random));
      hit.set(sessionId, [...(hit.get(sessionId) ?? []), target.what]);
    }
  });
  for (const { sessionId, source } of recorded) {
    const damage = hit.get(sessionId) ?? [];
    const segments = damage.filter((what) => what.endsWith('segment')).length;
    const served = await eventually(`recording ${sessionId} (damaged: ${damage.join(', ') || 'nothing'}) is served`, 30_000, async () => {
      const reply = await fetchMedia(world.server, `/api/sessions/${sessionId}/recording`);
      if ('why' in reply) throw new Error(reply.why);
      return reply.bytes;
    });
    if (!isSentWithout(served, source.pieces.map(({ bytes }) => bytes), segments)) throw new Error(`${sessionId} (damaged: ${damage.join(', ')}): served ${served.length} of ${source.bytes.length} bytes, which are not what was sent`);
  }
  for (const { id, mime, sessionId } of clips) {
    const damage = hit.get(sessionId) ?? [];
    // A clip and what it was cut from may both be damaged: then it says so, and nothing of it is served.
    const mayBeLost = damage.includes('clip') && damage.some((what) => what.endsWith('segment'));
    const bytes = await clipBytes(world.server, id).catch((error: unknown) => {
      if (mayBeLost && String(error).includes('422 {"error":{"code":"media"')) return null;
      throw error;
    });
    if (bytes === null) continue;
    if (bytes.equals(before.get(id) ?? Buffer.alloc(0))) continue;
    if (!damage.includes('clip')) throw new Error(`clip ${id} has changed although nothing of it was damaged`);
    const errors = await decodes(bytes, mime);
    if (errors.length > 0) throw new Error(`clip ${id} is served damaged: ${errors[0]}`);
  }
  return [...hit.values()].flat().map((what) => `bit flip: ${what}`);
};
