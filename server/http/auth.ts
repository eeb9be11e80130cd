// Who may do what. Every way in asks the one `authorize` below: HTTP routes, WebSocket frames, watched topics, media URLs.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { Refused } from '../errors.ts';
import type { ClientFrame, Topic } from '../../shared/protocol.ts';
import { isKnownOrigin } from './cors.ts';
import type { Devices } from './devices.ts';
import type { Request } from '../transport/transport.ts';

export type Action =
  | 'connect' | 'page.read' | 'health.read' | 'api.describe' | 'metrics.read' | 'status.read' | 'provider.read'
  | 'session.record' | 'session.list' | 'session.read' | 'session.control' | 'session.pin' | 'session.delete'
  | 'clip.list' | 'clip.read' | 'clip.pin' | 'clip.delete' | 'media.read' | 'media.sign'
  | 'topic.watch' | 'deadLetter.read' | 'deadLetter.retry'
  | 'pair' | 'device.pair' | 'device.list' | 'device.revoke';

/**
 * device: paired, with the scope "recorder"; what it records belongs to `user`. `why` tells an anonymous caller what was wrong
 * with what it showed. `local`: asks from this machine, not through a proxy.
 */
export type Subject = { kind: 'admin' } | { kind: 'device'; id: string; user: string } | { kind: 'link'; path: string } | { kind: 'anonymous'; local: boolean; why: string };

/** What is acted on; rules that do not look at it let any of them pass. */
export type AccessObject = { path?: string; topic?: Topic; sessionId?: string };

/** admin: only with the token. device: also a paired device. link: also by a signed URL of that very path. local: also from this machine. anyone: all. */
type Rule = 'admin' | 'device' | 'link' | 'local' | 'anyone';

export const RULES: Record<Action, Rule> = {
  connect: 'anyone',
  'page.read': 'anyone',
  'health.read': 'anyone',
  'api.describe': 'anyone',
  'metrics.read': 'local',
  'status.read': 'admin',
  'provider.read': 'admin',
  'session.record': 'device',
  'session.list': 'device',
  'session.read': 'device',
  'session.control': 'admin',
  'session.pin': 'admin',
  'session.delete': 'admin',
  'clip.list': 'device',
  'clip.read': 'device',
  'clip.pin': 'admin',
  'clip.delete': 'admin',
  'media.read': 'link',
  'media.sign': 'device',
  'topic.watch': 'device',
  'deadLetter.read': 'admin',
  'deadLetter.retry': 'admin',
  pair: 'anyone', // with a code
  'device.pair': 'admin',
  'device.list': 'admin',
  'device.revoke': 'admin',
};

export const FRAME_ACTIONS: Record<ClientFrame['t'], Action> = {
  hello: 'connect',
  start: 'session.record',
  chunk: 'session.record',
  gap: 'session.record',
  region: 'session.record',
  page: 'session.record',
  words: 'session.record',
  stop: 'session.record',
  watch: 'topic.watch',
  unwatch: 'topic.watch',
  ping: 'connect',
  pong: 'connect',
};

export type Auth = {
  /** constant time */
  verifyToken(token: string): boolean;
  /** `path?exp=…&sig=…`: opens GET of exactly this path (any further query) for `ttlS` seconds */
  signPath(path: string, ttlS: number): string;
  subjectOf(request: Pick<Request, 'method' | 'path' | 'query' | 'header' | 'remote'>): Subject;
  subjectOfToken(token: string): Subject;
  /** Throws `Refused` unauthorized (shows nothing, or something void) or forbidden. */
  authorize(subject: Subject, action: Action, object: AccessObject): void;
};

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');

const equal = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/**
 * `tokenHash`: SHA-256 of the admin token, hex (the token is random, so a fast hash does). `secret` signs media URLs.
 * `deviceOf` finds a paired device by its token. `metricsPublic` opens /metrics to everyone.
 */
export const createAuth = (options: { tokenHash: string; secret: Uint8Array; clock: Clock; deviceOf: Devices['of']; metricsPublic?: boolean }): Auth => {
  const { tokenHash, secret, clock, deviceOf } = options;
  const signature = (path: string, exp: string): string => createHmac('sha256', secret).update(`clippy-media-1\n${path}\n${exp}`).digest('base64url');
  const verifyToken = (token: string): boolean => equal(hashToken(token), tokenHash);

  const fromToken = (token: string, local: boolean): Subject => {
    if (verifyToken(token)) return { kind: 'admin' };
    const device = deviceOf(token);
    if (device) return { kind: 'device', id: device.id, user: device.owner };
    return { kind: 'anonymous', local, why: 'the token is neither the admin token of this server (CLIPPY_ADMIN_TOKEN) nor that of a paired device; pair again where it was revoked' };
  };

  const fromLink = (path: string, exp: string, sig: string): Subject | string => {
    if (!/^\d{1,12}$/.test(exp) || !equal(signature(path, exp), sig)) return 'the signature of this media URL is not for this path';
    if (Number(exp) * 1_000 <= clock.now()) return 'this media URL has expired: ask for a new one with POST /api/media-url';
    return { kind: 'link', path };
  };

  return {
    verifyToken,
    signPath: (path, ttlS) => {
      const bare = path.split('?')[0] ?? path;
      const query = new URLSearchParams(path.slice(bare.length + 1));
      const exp = String(Math.ceil(clock.now() / 1_000) + ttlS);
      query.set('exp', exp);
      query.set('sig', signature(bare, exp));
      return `${bare}?${query.toString()}`;
    },
    subjectOf: (request) => {
      const local = isLocal(request.remote, request.header);
      const authorization = request.header('authorization');
      if (authorization !== '') {
        const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
        if (token === undefined) return { kind: 'anonymous', local, why: 'the Authorization header is not of the form "Bearer TOKEN"' };
        return fromToken(token, local);
      }
      const sig = request.query.get('sig');
      if (sig === null) return { kind: 'anonymous', local, why: 'send a token as "Authorization: Bearer TOKEN"' };
      if (request.method !== 'GET' && request.method !== 'HEAD') return { kind: 'anonymous', local, why: 'a signed URL is for reading only' };
      const found = fromLink(request.path, request.query.get('exp') ?? '', sig);
      return typeof found === 'string' ? { kind: 'anonymous', local, why: found } : found;
    },
    subjectOfToken: (token) => fromToken(token, false),
    authorize: (subject, action, object) => {
      const rule = RULES[action];
      if (rule === 'anyone' || subject.kind === 'admin') return;
      if (rule === 'device' && subject.kind === 'device' && (action !== 'topic.watch' || object.topic?.startsWith('session:'))) return;
      if (rule === 'link' && subject.kind === 'link' && subject.path === object.path) return;
      if (action === 'metrics.read' && options.metricsPublic) return;
      if (rule === 'local' && subject.kind === 'anonymous' && subject.local) return;
      if (subject.kind === 'anonymous') throw new Refused('unauthorized', `${action} needs a login: ${subject.why}`);
      if (subject.kind === 'device') throw new Refused('forbidden', `a paired device may record, and see recordings and clips (media by POST /api/media-url); ${action} needs the admin token`);
      throw new Refused('forbidden', `a signed media URL does not allow ${action}`);
    },
  };
};

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1)$/;
const LOCAL_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/** A proxy on this machine forwards strangers, and a page may resolve its own name to 127.0.0.1: neither counts as local. */
const isLocal = (remote: string, header: Request['header']): boolean =>
  LOOPBACK.test(remote) && LOCAL_HOST.test(header('host')) && ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'].every((name) => header(name) === '');

/**
 * May a page of this origin open a WebSocket here? Programs send no Origin; browsers always do. Allowed: the same host, our
 * kind of extension, and the configured list (exact origins).
 */
export const allowedOrigin = (origin: string, host: string, allowList: readonly string[]): boolean => {
  if (origin === '' || isKnownOrigin(origin, allowList)) return true;
  const { protocol, host: own } = URL.canParse(origin) ? new URL(origin) : { protocol: '', host: '' };
  if (protocol !== 'http:' && protocol !== 'https:') return false;
  return URL.canParse(`${protocol}//${host}`) && new URL(`${protocol}//${host}`).host === own;
};
