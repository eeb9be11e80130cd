// One row of the route table: what it is, who may, what it takes, what it does.
import { z } from 'zod';
import { Refused } from '../errors.ts';
import type { Sessions } from '../ports.ts';
import type { Reply, Request } from '../transport/transport.ts';
import type { Action, Auth } from './auth.ts';
import type { Devices } from './devices.ts';
import type { GuessLimit } from './guess-limit.ts';
import type { PairingCodes } from './pairing-codes.ts';
import type { Metrics } from '../metrics.ts';
import type { Clock } from '../clock.ts';

export type Method = 'GET' | 'POST' | 'DELETE';

/** Something that must work for this server to take sessions. */
export type Check = { name: string; check(): Promise<void> };

export type HttpParts = {
  sessions: Sessions;
  auth: Auth;
  devices: Devices;
  pairingCodes: PairingCodes;
  /** counts wrong pairing codes */
  codeLimit: GuessLimit;
  /** web origins besides our own whose pages may call the API */
  origins: readonly string[];
  metrics: Metrics;
  clock: Clock;
  /** what /readyz asks; its last outcome */
  readiness(): Promise<{ name: string; ok: boolean }[]>;
  /** free-form facts for /api/status: version, transport, uptime, settings in force */
  status(): Promise<Record<string, unknown>>;
};

export type Context<P, Q, B> = { parts: HttpParts; request: Request; params: P; query: Q; body: B; signal: AbortSignal };

type Spec<P, Q, B> = {
  method: Method;
  /** find-my-way syntax */
  path: string;
  action: Action;
  /** one line for people */
  doc: string;
  params: z.ZodType<P>;
  query: z.ZodType<Q>;
  /** JSON; NONE where none is taken */
  body: z.ZodType<B>;
  /** what 200 holds: JSON of a schema, or bytes of one of these types */
  gives: z.ZodType | { mimes: readonly string[] };
  run(context: Context<P, Q, B>): Promise<Reply>;
};

export type Route = Omit<Spec<unknown, unknown, unknown>, 'run'> & {
  run(parts: HttpParts, request: Request, params: Record<string, string | undefined>, signal: AbortSignal): Promise<Reply>;
};

/** body of a route that takes none */
export const NONE = z.undefined();
export const takesBody = (row: { body: z.ZodType }): boolean => row.body !== NONE;

/** Largest JSON body of any route, bytes. */
const MAX_JSON_BYTES = 16 * 1024;

/** Types a row: its handler gets what its schemas promise. */
export const route = <P, Q, B>(spec: Spec<P, Q, B>): Route => ({
  ...spec,
  run: async (parts, request, rawParams, signal) => {
    const params = parse(spec.params, rawParams, 'path');
    const query = parse(spec.query, queryOf(request), 'query');
    const body = parse(spec.body, takesBody(spec) ? await readJson(request, signal) : undefined, 'body');
    return spec.run({ parts, request, params, query, body, signal });
  },
});

const parse = <T>(schema: z.ZodType<T>, value: unknown, where: string): T => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${[where, ...path.map(String)].join('.')}: ${message}`);
  throw new Refused('bad_request', issues.join('; ').slice(0, 1_000));
};

/** An empty value counts as absent: forms and URL builders send `?text=&limit=`. */
const queryOf = (request: Request): Record<string, string> => Object.fromEntries(Array.from(request.query).filter(([, value]) => value !== ''));

const readJson = async (request: Request, signal: AbortSignal): Promise<unknown> => {
  const bytes = await request.body(MAX_JSON_BYTES, signal);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Refused('bad_request', 'the body is not JSON in UTF-8', { cause });
  }
};
