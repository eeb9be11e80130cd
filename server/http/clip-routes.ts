import { z } from 'zod';
import type { ClipQuery } from '../ports.ts';
import { json, mediaReply } from './respond.ts';
import { NONE, route, type Route } from './route.ts';
import { clip, done, flag, id, idParams, noQuery, noParams, signed } from './schemas.ts';

const clipsQuery = z.strictObject({
  sessionId: id.optional(),
  before: id.optional().describe('id of the last clip of the page before'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  pinned: flag.optional(),
  minScore: z.coerce.number().min(0).max(1).optional(),
  text: z.string().max(200).optional().describe('words to look for'),
});
const mediaQuery = z.strictObject({ version: z.coerce.number().int().min(1).max(1_000_000).optional(), exact: flag.optional(), download: flag.optional(), ...signed });

/** `exactOptionalPropertyTypes`: what was not asked for must not be there at all. */
const present = ({ sessionId, before, limit, pinned, minScore, text }: z.output<typeof clipsQuery>): ClipQuery => ({
  limit,
  ...(sessionId === undefined ? {} : { sessionId }),
  ...(before === undefined ? {} : { before }),
  ...(pinned === undefined ? {} : { pinned }),
  ...(minScore === undefined ? {} : { minScore }),
  ...(text === undefined ? {} : { text }),
});

export const clipRoutes: Route[] = [
  route({
    method: 'GET', path: '/api/clips', action: 'clip.list', doc: 'Clips, newest first',
    params: noParams, query: clipsQuery, body: NONE, gives: z.object({ clips: z.array(clip) }),
    run: async ({ parts, query }) => json({ clips: await parts.sessions.clips(present(query)) }),
  }),
  route({
    method: 'GET', path: '/api/clips/:id', action: 'clip.read', doc: 'One clip with the evidence it was cut for',
    params: idParams, query: noQuery, body: NONE, gives: clip,
    run: async ({ parts, params }) => json(await parts.sessions.clip(params.id)),
  }),
  route({
    method: 'DELETE', path: '/api/clips/:id', action: 'clip.delete', doc: 'Deletes a clip and its media',
    params: idParams, query: noQuery, body: NONE, gives: done,
    run: async ({ parts, params }) => {
      await parts.sessions.deleteClip(params.id);
      return json({ done: true });
    },
  }),
  route({
    method: 'POST', path: '/api/clips/:id/pin', action: 'clip.pin', doc: 'Keeps a clip from expiring',
    params: idParams, query: noQuery, body: NONE, gives: clip,
    run: async ({ parts, params }) => json(await parts.sessions.pinClip(params.id, true)),
  }),
  route({
    method: 'POST', path: '/api/clips/:id/unpin', action: 'clip.pin', doc: 'Lets a clip expire again',
    params: idParams, query: noQuery, body: NONE, gives: clip,
    run: async ({ parts, params }) => json(await parts.sessions.pinClip(params.id, false)),
  }),
  route({
    method: 'GET', path: '/api/clips/:id/media', action: 'media.read', doc: 'The clip as a file; exact=1 re-encodes it for editors that ignore edit lists, download=1 offers it under its name',
    params: idParams, query: mediaQuery, body: NONE, gives: { mimes: ['video/mp4', 'video/webm'] },
    run: async ({ parts, request, params, query: { version, exact, download }, signal }) => {
      const media = await parts.sessions.clipMedia(params.id, { exact: exact ?? false, ...(version === undefined ? {} : { version }) }, signal);
      return mediaReply(request, media, { versioned: version !== undefined, download: download ?? false });
    },
  }),
  route({
    method: 'GET', path: '/api/clips/:id/thumbnail', action: 'media.read', doc: 'A picture of the clip',
    params: idParams, query: z.strictObject({ version: z.coerce.number().int().min(1).max(1_000_000).optional(), ...signed }), body: NONE, gives: { mimes: ['image/jpeg'] },
    run: async ({ parts, request, params, signal }) => mediaReply(request, await parts.sessions.clipThumbnail(params.id, signal), { versioned: false, download: false }),
  }),
];
