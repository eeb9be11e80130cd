import { z } from 'zod';
import { Refused } from '../errors.ts';
import { json, textReply } from './respond.ts';
import { NONE, route, type Route } from './route.ts';
import { deadLetter, done, id, idParams, noParams, noQuery, provider } from './schemas.ts';

/** How long a signed media URL opens, s: a long clip watched with pauses. */
const MEDIA_URL_S = 4 * 3_600;
/** The paths `media.read` guards, in the form they are signed. */
const MEDIA_PATH = /^\/api\/(sessions\/[A-Za-z0-9_-]{1,64}\/recording|clips\/[A-Za-z0-9_-]{1,64}\/(media|thumbnail))(\?[^#\s]*)?$/;

export const systemRoutes: Route[] = [
  route({
    method: 'GET', path: '/api/dead-letters', action: 'deadLetter.read', doc: 'Inputs set aside after failing a stage three times',
    params: noParams, query: z.strictObject({ sessionId: id.optional() }), body: NONE, gives: z.object({ deadLetters: z.array(deadLetter) }),
    run: async ({ parts, query }) => json({ deadLetters: await parts.sessions.deadLetters(query.sessionId) }),
  }),
  route({
    method: 'POST', path: '/api/dead-letters/:id/retry', action: 'deadLetter.retry', doc: 'Tries a dead letter again',
    params: idParams, query: noQuery, body: NONE, gives: done,
    run: async ({ parts, params }) => {
      await parts.sessions.retryDeadLetter(params.id);
      return json({ done: true });
    },
  }),
  route({
    method: 'GET', path: '/api/providers', action: 'provider.read', doc: 'Transcription and judging engines, with money spent and budgets',
    params: noParams, query: noQuery, body: NONE, gives: z.object({ providers: z.array(provider) }),
    run: ({ parts }) => Promise.resolve(json({ providers: parts.sessions.providers() })),
  }),
  route({
    method: 'GET', path: '/api/status', action: 'status.read', doc: 'What this server is and how it does',
    params: noParams, query: noQuery, body: NONE, gives: z.record(z.string(), z.unknown()),
    run: async ({ parts }) => json(await parts.status()),
  }),
  route({
    method: 'POST', path: '/api/media-url', action: 'media.sign', doc: 'Signs a media path for a player that cannot send headers; valid for four hours',
    params: noParams, query: noQuery, body: z.strictObject({ path: z.string().max(500) }), gives: z.object({ url: z.string(), expiresAt: z.number() }),
    run: ({ parts, body: { path } }) => {
      if (!MEDIA_PATH.test(path)) throw new Refused('bad_request', `${path} is not a media path (/api/clips/ID/media, /api/clips/ID/thumbnail, /api/sessions/ID/recording)`);
      return Promise.resolve(json({ url: parts.auth.signPath(path, MEDIA_URL_S), expiresAt: parts.clock.now() + MEDIA_URL_S * 1_000 }));
    },
  }),
  route({
    method: 'GET', path: '/livez', action: 'health.read', doc: 'The process answers',
    params: noParams, query: z.looseObject({}), body: NONE, gives: z.object({ status: z.literal('ok') }),
    run: () => Promise.resolve(json({ status: 'ok' })),
  }),
  route({
    method: 'GET', path: '/readyz', action: 'health.read', doc: 'Everything the server needs works; 503 names what does not',
    params: noParams, query: z.looseObject({}), body: NONE, gives: z.object({ status: z.enum(['ok', 'failing']), checks: z.array(z.object({ name: z.string(), ok: z.boolean() })) }),
    run: async ({ parts }) => {
      const checks = await parts.readiness();
      const ready = checks.every(({ ok }) => ok);
      return json({ status: ready ? 'ok' : 'failing', checks }, ready ? 200 : 503);
    },
  }),
  route({
    method: 'GET', path: '/metrics', action: 'metrics.read', doc: 'Prometheus metrics; without a token only from the same machine, or where CLIPPY_METRICS_PUBLIC is set',
    params: noParams, query: z.looseObject({}), body: NONE, gives: { mimes: ['text/plain; version=0.0.4; charset=utf-8'] },
    run: async ({ parts }) => {
      const { mime, text } = await parts.metrics.render();
      return textReply(text, mime);
    },
  }),
];
