import { z } from 'zod';
import { SIGNALS } from '../../shared/model.ts';
import { Refused } from '../errors.ts';
import { attachment } from './attachment.ts';
import { srt, vtt } from './captions.ts';
import { json, mediaReply, textReply } from './respond.ts';
import { NONE, route, type Route } from './route.ts';
import { bin, done, flag, id, idParams, ms, noParams, noQuery, page, region, session, signed, view } from './schemas.ts';

const recordingQuery = z.strictObject({ startMs: ms.optional(), endMs: ms.optional(), download: flag.optional(), ...signed });
const TRANSCRIPTS = { json: 'application/json', vtt: 'text/vtt; charset=utf-8', srt: 'application/x-subrip; charset=utf-8' } as const;

export const sessionRoutes: Route[] = [
  route({
    method: 'GET', path: '/api/sessions', action: 'session.list', doc: 'All sessions, newest first',
    params: noParams, query: noQuery, body: NONE, gives: z.object({ sessions: z.array(session) }),
    run: async ({ parts }) => json({ sessions: (await parts.sessions.system()).sessions }),
  }),
  route({
    method: 'GET', path: '/api/sessions/:id', action: 'session.read', doc: 'One session with its words, signals, gaps, highlights, clips and dead letters',
    params: idParams, query: noQuery, body: NONE, gives: view,
    run: async ({ parts, params }) => json(await parts.sessions.view(params.id)),
  }),
  route({
    method: 'DELETE', path: '/api/sessions/:id', action: 'session.delete', doc: 'Deletes a session with everything that is its',
    params: idParams, query: noQuery, body: NONE, gives: done,
    run: async ({ parts, params }) => {
      await parts.sessions.deleteSession(params.id);
      return json({ done: true });
    },
  }),
  route({
    method: 'POST', path: '/api/sessions/:id/end', action: 'session.control', doc: 'Closes a live or interrupted session',
    params: idParams, query: noQuery, body: NONE, gives: session,
    run: async ({ parts, params }) => json(await parts.sessions.endSession(params.id)),
  }),
  route({
    method: 'POST', path: '/api/sessions/:id/restart', action: 'session.control', doc: 'Restarts the pipeline of a failed session from its saved cursor',
    params: idParams, query: noQuery, body: NONE, gives: session,
    run: async ({ parts, params }) => json(await parts.sessions.restartSession(params.id)),
  }),
  route({
    method: 'POST', path: '/api/sessions/:id/pin', action: 'session.pin', doc: 'Keeps a session and its recording from expiring',
    params: idParams, query: noQuery, body: NONE, gives: session,
    run: async ({ parts, params }) => json(await parts.sessions.pinSession(params.id, true)),
  }),
  route({
    method: 'POST', path: '/api/sessions/:id/unpin', action: 'session.pin', doc: 'Lets a session expire again',
    params: idParams, query: noQuery, body: NONE, gives: session,
    run: async ({ parts, params }) => json(await parts.sessions.pinSession(params.id, false)),
  }),
  route({
    method: 'GET', path: '/api/sessions/:id/recording', action: 'media.read', doc: 'The recording, whole or of a time range, also while it is live; Range and conditional requests are honoured',
    params: idParams, query: recordingQuery, body: NONE, gives: { mimes: ['video/mp4', 'video/webm'] },
    run: async ({ parts, request, params, query, signal }) => {
      const media = await parts.sessions.recording(params.id, rangeOf(query.startMs, query.endMs), signal);
      return mediaReply(request, media, { versioned: false, download: query.download ?? false });
    },
  }),
  route({
    method: 'GET', path: '/api/sessions/:id/transcript.:format', action: 'session.read', doc: 'The committed words as JSON, or as subtitles',
    params: z.strictObject({ id, format: z.enum(['json', 'vtt', 'srt']) }), query: z.strictObject({ download: flag.optional() }), body: NONE,
    gives: { mimes: Object.values(TRANSCRIPTS) },
    run: async ({ parts, params: { id: sessionId, format }, query }) => {
      const words = await parts.sessions.words(sessionId);
      const extra = query.download ? { 'content-disposition': attachment(`${sessionId}.${format}`) } : {};
      if (format === 'json') {
        const reply = json({ sessionId, words });
        return { ...reply, headers: { ...reply.headers, ...extra } };
      }
      return textReply(format === 'vtt' ? vtt(words) : srt(words), TRANSCRIPTS[format], extra);
    },
  }),
  route({
    method: 'GET', path: '/api/sessions/:id/signals', action: 'session.read', doc: 'The signals of each second; the values of a bin follow the order of `signals`',
    params: idParams, query: noQuery, body: NONE, gives: z.object({ sessionId: z.string(), signals: z.array(z.string()), bins: z.array(bin) }),
    run: async ({ parts, params }) => json({ sessionId: params.id, signals: SIGNALS, bins: await parts.sessions.bins(params.id) }),
  }),
  route({
    method: 'GET', path: '/api/sessions/:id/regions', action: 'session.read', doc: 'Where the watched video lies in the recorded picture, each from its time on',
    params: idParams, query: noQuery, body: NONE, gives: z.array(region),
    run: async ({ parts, params }) => json(await parts.sessions.regions(params.id)),
  }),
  route({
    method: 'GET', path: '/api/sessions/:id/pages', action: 'session.read', doc: 'What the recorded page was and whether its video played, each from its time on',
    params: idParams, query: noQuery, body: NONE, gives: z.array(page),
    run: async ({ parts, params }) => json(await parts.sessions.pages(params.id)),
  }),
];

const rangeOf = (startMs: number | undefined, endMs: number | undefined): { startMs: number; endMs: number } | null => {
  if (startMs === undefined && endMs === undefined) return null;
  if (startMs === undefined || endMs === undefined || endMs <= startMs) throw new Refused('bad_request', `startMs=${startMs ?? ''} endMs=${endMs ?? ''}: give both, in milliseconds of the session, endMs above startMs`);
  return { startMs, endMs };
};
