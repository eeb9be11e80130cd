// Every setting of the server: environment variable, default, unit and trade-off, in one table. README's table is kept
// equal to it by a test. All mistakes are reported together.
import { z } from 'zod';
import { StartError } from './errors.ts';

type Setting<T> = { env: string; schema: z.ZodType<T>; default: string; unit: string; doc: string };

const text = z.string();
const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const amount = (min: number, max: number) => z.coerce.number().min(min).max(max);
const list = text.transform((value) => value.split(',').map((one) => one.trim()).filter(Boolean));
const flag = z.enum(['on', 'off']).transform((value) => value === 'on');
const url = z.union([z.literal(''), z.url({ protocol: /^https?$/ })]);
const define = <S extends z.ZodType>(env: string, schema: S, fallback: string, unit: string, doc: string): Setting<z.infer<S>> => ({
  env, schema: schema as z.ZodType<z.infer<S>>, default: fallback, unit, doc,
});

export const SETTINGS = {
  host: define('CLIPPY_HOST', text, '127.0.0.1', 'address', 'Where to listen. `0.0.0.0` opens it to the network: put TLS in front.'),
  port: define('CLIPPY_PORT', integer(0, 65535), '7070', 'port', 'One port for dashboard, API and WebSocket. 0 picks a free one.'),
  dataDir: define('CLIPPY_DATA_DIR', text, './data', 'folder', 'Everything durable: recordings, embedded database, objects, models.'),
  adminToken: define('CLIPPY_ADMIN_TOKEN', z.union([z.literal(''), text.min(16)]), '', 'at least 16 characters', 'The admin token. Empty: one is made at first start and printed once.'),
  origins: define('CLIPPY_ORIGINS', list, '', 'comma-separated origins', 'Web origins besides our own whose pages may open the WebSocket and call the API.'),
  transport: define('CLIPPY_TRANSPORT', z.enum(['auto', 'uws', 'portable']), 'auto', '', '`auto` takes uWebSockets.js where its binary loads and node:http + ws elsewhere.'),
  logLevel: define('CLIPPY_LOG_LEVEL', z.enum(['debug', 'info', 'warn', 'error', 'fatal', 'silent']), 'info', '', 'Lowest level that is logged (JSON lines on stdout).'),
  metricsPublic: define('CLIPPY_METRICS_PUBLIC', flag, 'off', 'on/off', '`on` lets anyone read /metrics; otherwise the token or loopback is needed.'),

  databaseUrl: define('DATABASE_URL', z.union([z.literal(''), text.regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')]), '', 'postgres:// URL', 'A PostgreSQL of yours. Empty: the embedded one, inside the data folder.'),
  s3Endpoint: define('CLIPPY_S3_ENDPOINT', url, '', 'URL', 'S3-compatible store for media. Empty (with no bucket): a folder inside the data folder.'),
  s3Bucket: define('CLIPPY_S3_BUCKET', text, '', 'name', 'Bucket; setting it switches media to S3. Created when missing and allowed.'),
  s3Region: define('CLIPPY_S3_REGION', text, 'auto', 'name', 'Region the requests are signed for.'),
  s3AccessKey: define('CLIPPY_S3_ACCESS_KEY', text, '', '', 'Access key id.'),
  s3SecretKey: define('CLIPPY_S3_SECRET_KEY', text, '', '', 'Secret key.'),

  tier: define('CLIPPY_TIER', z.enum(['free', 'plus', 'pro']), 'plus', '', 'Tier of new recordings: decides retention and provider priority.'),
  retentionFreeHours: define('CLIPPY_RETENTION_FREE_HOURS', amount(0.01, 8760), '12', 'hours', 'How long recordings and clips of tier free are kept. Pinned ones never expire.'),
  retentionPlusHours: define('CLIPPY_RETENTION_PLUS_HOURS', amount(0.01, 8760), '48', 'hours', 'The same for tier plus.'),
  retentionProHours: define('CLIPPY_RETENTION_PRO_HOURS', amount(0.01, 8760), '168', 'hours', 'The same for tier pro.'),
  resumeMinutes: define('CLIPPY_RESUME_MINUTES', amount(0.01, 1440), '30', 'minutes', 'How long an interrupted recording waits for its client before it is closed.'),
  hotMinutes: define('CLIPPY_HOT_MINUTES', amount(0, 10080), '60', 'minutes', 'How long sealed segments stay on local disk after they are in the object store.'),
  segmentBytes: define('CLIPPY_SEGMENT_MB', amount(0.1, 1024), '32', 'MB', 'Size at which a timeline segment is sealed. Smaller: earlier in the object store, more objects.'),
  maxSessions: define('CLIPPY_MAX_SESSIONS', integer(1, 100_000), '500', 'recordings', 'Recordings at once; one more is refused with `quota`.'),
  maxChunkBytes: define('CLIPPY_MAX_CHUNK_MB', amount(0.01, 64), '8', 'MB', 'Largest chunk a client may send.'),
  creditChunks: define('CLIPPY_CREDIT_CHUNKS', integer(1, 65_536), '256', 'chunks', 'Chunks a recording may have in flight. Larger: better on slow links, more memory.'),
  creditBytes: define('CLIPPY_CREDIT_MB', amount(0.1, 512), '16', 'MB', 'Bytes a recording may have in flight.'),
  inFlightBytes: define('CLIPPY_IN_FLIGHT_MB', amount(1, 65_536), '512', 'MB', 'Bytes all recordings together may have in flight. Many share it equally, down to one largest chunk or two chunks each.'),
  diskReserve: define('CLIPPY_DISK_RESERVE_MB', amount(0, 1e6), '1024', 'MB', 'Free space below which recording pauses (credits go to zero).'),
  diskSoft: define('CLIPPY_DISK_SOFT_MB', amount(0, 1e6), '3072', 'MB', 'Free space below which credits start to shrink and cold segments are dropped sooner.'),
  maxRangeMinutes: define('CLIPPY_MAX_RANGE_MINUTES', amount(0.1, 1440), '60', 'minutes', 'Longest time range that is cut out of a recording on request.'),
  cacheBytes: define('CLIPPY_CACHE_MB', amount(1, 65_536), '64', 'MB', 'Memory for decoded indexes and thumbnails.'),

  pipelineCapacity: define('CLIPPY_PIPELINE_CAPACITY', integer(1, 256), '8', 'items', 'Items a stage may hold. Larger: smoother, more memory.'),
  workers: define('CLIPPY_WORKERS', integer(0, 64), '0', 'threads', 'Media worker threads; 0 takes one less than the cores.'),
  ffmpegPath: define('FFMPEG_PATH', text, '', 'file', 'FFmpeg to use; otherwise PATH, otherwise the one from the registry (2018).'),
  features: define('CLIPPY_FEATURES', flag, 'on', 'on/off', '`off` decodes no sound, for the least CPU: no loudness, voice or onsets, so moments come only from spoken orders ("clip that"), and need transcription or a recorder that transcribes. Transcribers get all sound that is not silence.'),
  scenes: define('CLIPPY_SCENES', flag, 'on', 'on/off', 'Look at keyframes for scene changes (one small FFmpeg per recording).'),
  vadModel: define('CLIPPY_VAD_MODEL', text, '', 'file', 'Silero VAD model; empty looks into the models folder, then an energy gate is used.'),
  taggingModel: define('CLIPPY_TAGGING_MODEL', text, '', 'folder', 'Audio tagging model for laughter and cheers; empty looks into the models folder.'),
  phrasesFile: define('CLIPPY_PHRASES_FILE', text, '', 'file', 'JSON list of {text, weight} that replaces the built-in trigger phrases.'),

  groqApiKey: define('GROQ_API_KEY', text, '', '', 'Turns on transcription and judging by Groq.'),
  groqBaseUrl: define('GROQ_BASE_URL', url, '', 'URL', 'Another address for Groq (a proxy).'),
  groqModels: define('CLIPPY_GROQ_MODEL', list, 'whisper-large-v3-turbo,whisper-large-v3', 'models', 'Groq speech models, best first; one that is gone falls back to the next.'),
  groqJudgeModels: define('CLIPPY_GROQ_JUDGE_MODEL', list, 'openai/gpt-oss-20b', 'models', 'Groq models that judge candidates, best first. Empty: none.'),
  openaiApiKey: define('OPENAI_API_KEY', text, '', '', 'Turns on transcription and judging by OpenAI or a compatible server.'),
  openaiBaseUrl: define('OPENAI_BASE_URL', url, '', 'URL', 'A compatible server, e.g. a local one.'),
  openaiModels: define('CLIPPY_OPENAI_MODEL', list, 'whisper-1', 'models', 'OpenAI speech models, best first.'),
  openaiJudgeModels: define('CLIPPY_OPENAI_JUDGE_MODEL', list, 'gpt-5-mini', 'models', 'OpenAI models that judge candidates, best first. Empty: none.'),
  speechModel: define('CLIPPY_SPEECH_MODEL', text, '', 'name or folder', 'Local speech model: a name from `npm run model`, or a folder. Empty: none.'),
  language: define('CLIPPY_LANGUAGE', text, '', 'ISO 639-1', 'Language spoken; empty lets the engine find out.'),
  requestsPerMinute: define('CLIPPY_PROVIDER_RPM', integer(1, 100_000), '20', 'requests/min', 'Requests per minute to each provider (Groq free tier: 20).'),
  requestsPerDay: define('CLIPPY_PROVIDER_RPD', integer(1, 10_000_000), '2000', 'requests/day', 'Requests per day to each provider.'),
  providerTimeoutS: define('CLIPPY_PROVIDER_TIMEOUT_S', amount(1, 600), '30', 's', 'Longest one request to a provider may take.'),
  audioSecondsPerHour: define('CLIPPY_PROVIDER_AUDIO_SPH', integer(10, 10_000_000), '7200', 'audio s/h', 'Seconds of audio per hour to each provider.'),
  budgetHour: define('CLIPPY_BUDGET_HOUR_USD', amount(0, 1e6), '1', 'US $', 'Most that providers may cost per hour, then transcription waits. 0: nothing is spent.'),
  budgetDay: define('CLIPPY_BUDGET_DAY_USD', amount(0, 1e6), '5', 'US $', 'Most that providers may cost per day.'),
} satisfies Record<string, Setting<unknown>>;

export type Config = { [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never };

/** Throws one `StartError` that names every setting at fault, its value and what is allowed. */
export const parseConfig = (env: Record<string, string | undefined>): Config => {
  const problems: string[] = [];
  const entries = Object.entries(SETTINGS).map(([name, setting]) => {
    const raw = env[setting.env] ?? setting.default;
    const parsed = setting.schema.safeParse(raw);
    if (!parsed.success) problems.push(`${setting.env}=${/KEY|TOKEN/.test(setting.env) ? '…' : JSON.stringify(raw)}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`);
    return [name, parsed.data];
  });
  const known = new Set(Object.values(SETTINGS).map((setting) => setting.env));
  const others = new Set(['CLIPPY_TOKEN', 'CLIPPY_MODEL_URL']);
  for (const name of Object.keys(env)) {
    if (name.startsWith('CLIPPY_') && !known.has(name) && !others.has(name) && !name.startsWith('CLIPPY_TEST_')) problems.push(`${name}: no such setting`);
  }
  if (problems.length === 0 && (env['CLIPPY_S3_ENDPOINT'] ?? '') !== '' && (env['CLIPPY_S3_BUCKET'] ?? '') === '') problems.push('CLIPPY_S3_ENDPOINT is set but CLIPPY_S3_BUCKET is not');
  if (problems.length > 0) throw new StartError(`${problems.length} setting(s) cannot be used:\n  ${problems.join('\n  ')}`, 'correct the environment and start again; README lists every setting');
  return Object.fromEntries(entries) as Config;
};
