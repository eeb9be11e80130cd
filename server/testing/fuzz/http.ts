// Target `http`: every route of the table with hostile paths, queries, ranges, headers, bodies, methods and tokens against a real
// server that holds a recording with a hostile title. Nothing but typed refusals, no stack, nothing from outside, no header of ours.
import { connect } from 'node:net';
import { z } from 'zod';
import { type ServerProcess, api } from '../../../scripts/server-process.ts';
import { streamFile } from '../../../scripts/stream.ts';
import { ROUTES } from '../../http/routes.ts';
import { failure } from '../../http/schemas.ts';
import { type Chance, chanceOf } from './chance.ts';
import { type Finding, type FuzzOptions, type FuzzReport, MAX_FINDINGS, numbers, tally } from './fuzz.ts';

const AT_ONCE = 12;
const PATIENCE_MS = 10_000;
const MAX_READ = 3_000_000;
/** what a route does to the recording every other case needs */
const ENDS_IT = /^(DELETE|POST .*\/(restart|end))/;

type Attack = { method: string; target: string; headers: [string, string][]; body: string; authorised: boolean };
type Answer = { status: number; headers: Map<string, string[]>; body: string };

const TEXTS = ['', '..', '%2e%2e%2f%2e%2e%2fetc%2fpasswd', '../../../../etc/passwd', '..%5c..%5cwindows', '%00', '%0d%0aSet-Cookie:%20fuzz=1', '%E2%80%AE', '%ff%fe', '%', '%zz', "'%20or%201=1--", '%3Cscript%3Ealert(1)%3C/script%3E', '__proto__', 'constructor', 'NaN', '-1', '0', '1e308', '99999999999999999999', 'a'.repeat(300), '%F0%9F%82%A1', '{{7*7}}', ';ls', '%7B%5Can8%7D', '*', '..%00.ts', '.env', 'index.html%00', '+', 'true', 'null'];
const QUERIES = ['startMs', 'endMs', 'limit', 'before', 'text', 'version', 'download', 'sig', 'exp', 'sessionId', 'pinned', 'minScore', 'fuzz', '__proto__', 'constructor'];
const RANGES = ['bytes=0-10', 'bytes=-1', 'bytes=5-2', 'bytes=999999999-', 'bytes=0-0,1-1,2-2', `bytes=${'0-1,'.repeat(400)}0-1`, 'bytes=-0', 'bytes=', 'bytes=a-b', 'items=0-1', 'bytes=0-99999999999999999999', 'bytes=-99999999999999999999'];
const BODIES = ['', '{}', '[]', 'null', '{"path":"/api/clips/x/media"}', '{"path":"/etc/passwd"}', '{"path":"/api/clips/../../x/media"}', '{"path":1e400}', '{"code":"AAAAAAAA","name":"x"}', '{"name":"\\u0000"}', '{"__proto__":{"path":"x"}}', '{', '\uFEFF{}', '"'.repeat(2_000), `{"path":${'['.repeat(5_000)}`, 'x'.repeat(20_000)];
const METHODS = ['GET', 'HEAD', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'get'];

const attackOf = (chance: Chance, known: { token: string; session: string; clips: readonly string[] }): Attack => {
  const row = chance.pick(ROUTES);
  const method = chance.often(0.7) ? row.method : chance.pick(METHODS);
  const kept = ENDS_IT.test(`${method} ${row.path}`);
  const id = (): string => (kept || chance.often(0.4) ? chance.pick(TEXTS) : row.path.includes('clips') && known.clips.length > 0 ? chance.pick(known.clips) : known.session);
  let path = row.path.replace(':id', id).replace(':format', () => chance.pick(['json', 'vtt', 'srt', ...TEXTS]));
  if (chance.often(0.15)) path = `/${Array.from({ length: 1 + chance.below(4) }, () => chance.pick(TEXTS)).join('/')}`;
  if (chance.often(0.05)) path += chance.pick(TEXTS);
  const query = Array.from({ length: chance.below(4) }, () => `${chance.pick(QUERIES)}=${chance.often(0.5) ? chance.pick(TEXTS) : chance.pick(['1', '0', '1000', '5000', '20000'])}`).join('&');
  const authorised = chance.often(0.8);
  const headers: [string, string][] = [['host', chance.often(0.95) ? 'fuzz' : chance.pick(['', 'evil.example', 'a'.repeat(500)])]];
  if (authorised) headers.push(['authorization', `Bearer ${known.token}`]);
  // wrong tokens come from many addresses: who shows thirty in a minute is held up
  else if (chance.often(0.7)) headers.push(['authorization', chance.pick(['Bearer ', 'Bearer wrong', `Basic ${known.token}`, `bearer  ${known.token}x`, `Bearer ${known.token.slice(0, -1)}`, `Bearer ${'a'.repeat(2_000)}`])], ['x-forwarded-for', `10.${chance.below(256)}.${chance.below(256)}.${chance.below(256)}`]);
  if (chance.often(0.3)) headers.push(['range', chance.pick(RANGES)]);
  if (chance.often(0.1)) headers.push(['if-none-match', chance.pick(['*', '"x"', 'W/"x"', ',,,', '"'.repeat(100)])]);
  if (chance.often(0.1)) headers.push(['if-range', chance.pick(['"x"', 'yesterday', ''])]);
  if (chance.often(0.2)) headers.push(['origin', chance.pick(['null', 'https://evil.example', 'chrome-extension://abc', 'http://fuzz', 'x'.repeat(300)])]);
  if (chance.often(0.1)) headers.push(['access-control-request-method', chance.pick(METHODS)], ['access-control-request-headers', chance.pick(['authorization', '*', 'x'.repeat(200)])]);
  const body = method === 'POST' || method === 'PUT' || chance.often(0.05) ? chance.pick(BODIES) : '';
  if (body !== '' || method === 'POST') headers.push(['content-length', String(Buffer.byteLength(body))], ['content-type', chance.pick(['application/json', 'text/plain', 'multipart/form-data', 'x'])]);
  headers.push(['connection', 'close']);
  return { method, target: `${path.startsWith('/') ? path : `/${path}`}${query === '' ? '' : `?${query}`}`.replaceAll(/\s/g, '%20'), headers, body, authorised };
};

const written = ({ method, target, headers, body }: Attack): Buffer => Buffer.from(`${method} ${target} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);

/** null: no answer in time; status 0: closed without one. */
const exchange = (port: number, attack: Attack): Promise<Answer | null> =>
  new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    const socket = connect(port, '127.0.0.1', () => socket.write(written(attack)));
    const finish = (answer: Answer | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(null), PATIENCE_MS);
    const read = (closed: boolean): void => {
      const whole = Buffer.concat(parts);
      const split = whole.indexOf('\r\n\r\n');
      if (split < 0) return closed ? finish({ status: 0, headers: new Map(), body: '' }) : undefined;
      const [first = '', ...lines] = whole.subarray(0, split).toString('latin1').split('\r\n');
      const headers = new Map<string, string[]>();
      for (const line of lines) {
        const [name = '', ...value] = line.split(':');
        headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value.join(':').trim()]);
      }
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0);
      const expected = attack.method === 'HEAD' || status === 304 || status === 204 ? 0 : Number(headers.get('content-length')?.[0] ?? Infinity);
      const body = whole.subarray(split + 4);
      if (closed || body.length >= expected || length > MAX_READ) finish({ status, headers, body: body.toString('latin1') });
    };
    socket.on('data', (chunk: Buffer) => {
      parts.push(chunk);
      length += chunk.length;
      if (length < 20_000 || length > MAX_READ) read(false);
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => read(true));
  });

const OURS = new Set(['openapi.json', 'livez', 'readyz', 'metrics']);

const answerFault = (attack: Attack, answer: Answer | null, dataDir: string): string | undefined => {
  if (answer === null) return `no answer in ${PATIENCE_MS} ms`;
  const { status, headers, body } = answer;
  if (status === 0) return 'closed without an answer';
  if (status >= 500 && status !== 503 && !(status === 505 || status === 501)) return `status ${status}: ${body.slice(0, 300)}`;
  for (const name of ['set-cookie', 'x-fuzz', 'location']) if (headers.has(name)) return `a header ${name}: ${headers.get(name)?.join()}`;
  for (const [name, values] of headers) if (values.some((value) => /[^\t\x20-\x7e]/.test(value))) return `header ${name} holds ${JSON.stringify(values)}`;
  if (/root:x:0|BEGIN [A-Z ]*PRIVATE KEY/.test(body)) return `a file of the machine: ${body.slice(0, 200)}`;
  const type = headers.get('content-type')?.[0] ?? '';
  const owed = status < 300 && attack.authorised; // /api/status tells its owner where FFmpeg is
  if (!owed && /json|text/.test(type) && (/\n\s+at .+:\d+:\d+/.test(body) || body.includes(dataDir) || body.includes('node_modules'))) return `the inside of the server: ${body.slice(0, 300)}`;
  const [path = ''] = attack.target.split('?');
  if (status < 300 && !attack.authorised && path.startsWith('/api/') && attack.method !== 'OPTIONS' && !OURS.has(path.split('/').at(-1) ?? '')) return `${status} without a token`;
  // Node's own parser refuses a method in small letters before the server sees it
  const unseen = status === 400 && body === '' && attack.method !== attack.method.toUpperCase();
  if (status >= 400 && attack.method !== 'HEAD' && !unseen) {
    const parsed = z.string().transform((text, context) => { try { return JSON.parse(Buffer.from(text, 'latin1').toString()) as unknown; } catch { context.addIssue('no JSON'); return null; } }).pipe(failure).safeParse(body);
    if (!parsed.success) return `status ${status} without a typed error: ${JSON.stringify(body.slice(0, 200))}`;
  }
  if (type.includes('html') && status !== 206 && !/^<!doctype html/i.test(body) && attack.method !== 'HEAD' && body !== '') return `HTML that is not the dashboard: ${body.slice(0, 200)}`;
  return undefined;
};

export const fuzzHttp = async (options: FuzzOptions & { server: ServerProcess; bystanderFile: string }): Promise<FuzzReport> => {
  const { server, seed } = options;
  const port = Number(new URL(server.url).port);
  const { sessionId } = await streamFile({ file: options.bystanderFile, server: server.url, token: server.token, speed: 'max', slice: 'gop', title: '"\r\nX-Fuzz: 1\r\n\r\n<script>alert(1)</script>/../..\u202E\uD800;filename=evil.exe' });
  const { clips } = await api<{ clips: { id: string }[] }>(server, '/api/clips');
  const known = { token: server.token, session: sessionId, clips: clips.map(({ id }) => id) };
  const findings: Finding[] = [];
  const outcomes = tally();
  const queue = numbers(options);
  let done = 0;
  const beganAt = performance.now();
  const attacker = async (): Promise<void> => {
    for (const number of queue) {
      const attack = attackOf(chanceOf(seed, number), known);
      const answer = await exchange(port, attack);
      outcomes.add(String(answer?.status ?? 'none'));
      const wrong = answerFault(attack, answer, server.dataDir);
      if (wrong !== undefined) findings.push({ number, what: wrong, input: written(attack).toString('latin1').slice(0, 600).replaceAll(server.token, 'TOKEN') });
      done += 1;
      if (done % 10_000 === 0) options.progress?.(`http: ${done} of ${options.runs}`);
      if (findings.length >= MAX_FINDINGS) return;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, attacker));
  const left = await api<{ clips: unknown[] }>(server, '/api/clips').catch((error: unknown) => error);
  if (left instanceof Error) findings.push({ number: -1, what: `afterwards: ${left.message}`, input: '' });
  return { target: 'http', seed, runs: done, findings, summary: `${ROUTES.length} routes; ${outcomes.line()}; ${Math.round(done / ((performance.now() - beganAt) / 1_000))} a second` };
};
