// What the API takes and gives, as schemas: checked on the way in, documented by /api/openapi.json, held to by tests.
import { z } from 'zod';
import { SIGNALS, STAGES, type Clip, type DeadLetter, type Device, type Page, type ProviderState, type Reason, type Region, type SessionSummary, type SessionView, type SignalBin, type StageState, type SystemView, type Word } from '../../shared/model.ts';

export const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'not an id (letters, digits, - and _, at most 64)');
export const idParams = z.strictObject({ id });
export const noQuery = z.strictObject({});
export const noParams = z.strictObject({});
/** what a signed URL carries, on top of a route's own query */
export const signed = { exp: z.string().max(12).optional(), sig: z.string().max(64).optional() };
export const flag = z.enum(['0', '1', 'true', 'false']).transform((value) => value === '1' || value === 'true');
export const ms = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const reason: z.ZodType<Reason> = z.object({ signal: z.enum([...SIGNALS, 'judge']), value: z.number(), percentile: z.number(), atMs: z.number(), text: z.string() });
const tier = z.enum(['free', 'plus', 'pro']);

export const session: z.ZodType<SessionSummary> = z.object({
  id: z.string(), title: z.string(), sourceUrl: z.string(), mime: z.string(),
  status: z.enum(['live', 'interrupted', 'draining', 'closed', 'failed']), tier,
  startedAt: z.number(), endedAt: z.number().nullable(), durationMs: z.number(), bytes: z.number(), chunks: z.number(), missing: z.number(),
  lastSequence: z.number(), pinned: z.boolean(), clips: z.number(), deadLetters: z.number(), note: z.string(),
});

export const clip: z.ZodType<Clip> = z.object({
  id: z.string(), sessionId: z.string(), version: z.number(), state: z.enum(['provisional', 'refined']),
  startMs: z.number(), endMs: z.number(), handleBeforeMs: z.number(), handleAfterMs: z.number(), score: z.number(), title: z.string(),
  reasons: z.array(reason), mime: z.string(), bytes: z.number(), width: z.number(), height: z.number(), pinned: z.boolean(),
  createdAt: z.number(), expiresAt: z.number().nullable(), mediaUrl: z.string(), thumbnailUrl: z.string(),
});

export const deadLetter: z.ZodType<DeadLetter> = z.object({
  id: z.string(), sessionId: z.string(), stage: z.enum(STAGES), startMs: z.number(), endMs: z.number(),
  code: z.string(), message: z.string(), attempts: z.number(), createdAt: z.number(),
});

export const provider: z.ZodType<ProviderState> = z.object({
  name: z.string(), status: z.enum(['ok', 'throttled', 'open', 'budget', 'off']), note: z.string(),
  spentHour: z.number(), spentDay: z.number(), budgetHour: z.number(), budgetDay: z.number(),
});

export const word: z.ZodType<Word> = z.object({ startMs: z.number(), endMs: z.number(), text: z.string(), confidence: z.number() });
export const bin: z.ZodType<SignalBin> = z.object({ second: z.number(), values: z.array(z.number()), speech: z.number() });

const rectangle = z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() });
export const region: z.ZodType<Region> = z.object({ atMs: z.number(), rect: rectangle.nullable().describe('null: the video is not in the picture') });
export const page: z.ZodType<Page> = z.object({ atMs: z.number(), title: z.string(), sourceUrl: z.string(), playing: z.boolean().nullable().describe('null: no video is seen') }).describe('an empty title or address is unknown');

export const device: z.ZodType<Device> = z.object({ id: z.string(), name: z.string(), scope: z.literal('recorder'), createdAt: z.number(), lastUsedAt: z.number().nullable() });

const stage: z.ZodType<StageState> = z.object({
  status: z.enum(['idle', 'running', 'waiting', 'off', 'failing']), depth: z.number(), capacity: z.number(), done: z.number(),
  untilMs: z.number(), lagMs: z.number(), note: z.string(),
});

export const system: z.ZodType<SystemView> = z.object({ sessions: z.array(session), providers: z.array(provider) });

export const view: z.ZodType<SessionView> = z.object({
  session,
  stages: z.record(z.enum(STAGES), stage),
  words: z.array(word),
  bins: z.array(bin),
  gaps: z.array(z.object({ fromSequence: z.number(), toSequence: z.number(), startMs: z.number(), endMs: z.number(), reason: z.string() })),
  highlights: z.array(z.object({
    id: z.string(), sessionId: z.string(), version: z.number(), state: z.enum(['provisional', 'refined', 'vetoed']),
    startMs: z.number(), endMs: z.number(), peakMs: z.number(), score: z.number(), title: z.string(), reasons: z.array(reason),
  })),
  clips: z.array(clip),
  deadLetters: z.array(deadLetter),
});

export const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
export const done = z.object({ done: z.literal(true) });
