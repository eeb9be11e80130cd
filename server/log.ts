// JSON logs on standard output. Session ids travel as fields; tokens, signatures and what people say never do.
import { pino, stdTimeFunctions, type DestinationStream } from 'pino';
import type { Clock } from './clock.ts';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent';

type Write = (fields: object, message: string) => void;
/** What parts of the server need of a logger; pino's is one. */
export type Log = { error: Write; warn: Write; info: Write; debug: Write; child(fields: object): Log };

const SECRET = ['token', 'authorization', 'password', 'secret', 'apiKey', 'cookie', 'sig'];
const SPOKEN = ['words', 'text', 'transcript', 'prompt', 'quote'];
const hidden = [...SECRET, ...SPOKEN].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Secrets inside messages and URLs, which no field name gives away. */
const scrub = (line: string): string => line.replaceAll(/(Bearer\s+)[^\s"\\]+/gi, '$1[hidden]').replaceAll(/([?&](?:sig|token|X-Amz-Signature)=)[^&\s"\\]+/gi, '$1[hidden]');

export const createLog = (options: { level: LogLevel; destination?: DestinationStream }): Log =>
  pino(
    {
      level: options.level,
      base: { app: 'clippy' },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: hidden, censor: '[hidden]' },
      hooks: { streamWrite: scrub },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );

/** Cannot hold more keys than this: a key is a kind of drop, not a client. */
const MAX_KEYS = 256;

/**
 * For what happens in floods: each `key` is written at most once a second, the next line says how many were left out.
 */
export const oncePerSecond = (write: Write, clock: Clock): ((key: string, fields: object, message: string) => void) => {
  const last = new Map<string, { at: number; suppressed: number }>();
  return (key, fields, message) => {
    const now = clock.monotonic();
    const entry = last.get(key);
    if (entry && now - entry.at < 1_000) {
      entry.suppressed++;
      return;
    }
    if (!entry && last.size >= MAX_KEYS) last.clear();
    last.set(key, { at: now, suppressed: 0 });
    write(entry && entry.suppressed > 0 ? { ...fields, suppressed: entry.suppressed } : fields, message);
  };
};
