// From a request to a reply: route, authorize, run, count. Whatever goes wrong becomes `{error: {code, message}}`.
import findMyWay from 'find-my-way';
import type { Clock } from '../clock.ts';
import { Refused, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Sessions } from '../ports.ts';
import { isMedia } from '../transport/exchange.ts';
import type { Handle, Reply, Request } from '../transport/transport.ts';
import type { Auth, Subject } from './auth.ts';
import { preflight, withCors } from './cors.ts';
import type { Devices } from './devices.ts';
import { createCodeLimit, guesserOf } from './guess-limit.ts';
import { createPairingCodes } from './pairing-codes.ts';
import { createReadiness } from './readiness.ts';
import { json, refusal } from './respond.ts';
import type { Check, HttpParts, Method, Route } from './route.ts';
import { ROUTES } from './routes.ts';
import { createStaticFiles } from './static-files.ts';

export type HttpOptions = {
  sessions: Sessions;
  auth: Auth;
  devices: Devices;
  /** Counts who shows wrong tokens; throws `Refused too_many`. */
  tokenLimit: (subject: Subject, guesser: string) => Promise<void>;
  /** web origins besides our own whose pages may call the API */
  origins: readonly string[];
  metrics: Metrics;
  ready: readonly Check[];
  /** folder of the built dashboard; may be missing */
  staticDir: string;
  log: Log;
  clock: Clock;
  status(): Promise<Record<string, unknown>>;
  /** true for what passes by itself: storage that is away or busy */
  isTransient: (error: unknown) => boolean;
};

const AWAY = new Refused('unavailable', 'the database, the object store or the disk is away or busy; ask again in a moment', { retryAfterS: 2 });
const METHODS: readonly Method[] = ['GET', 'POST', 'DELETE'];

export const createHttp = (options: HttpOptions): Handle => {
  const { sessions, auth, devices, origins, metrics, clock, log } = options;
  const parts: HttpParts = {
    sessions, auth, devices, origins, metrics, clock, codeLimit: createCodeLimit(), pairingCodes: createPairingCodes({ clock }), status: options.status, readiness: createReadiness(options.ready, clock, log),
  };
  const staticFiles = createStaticFiles(options.staticDir);
  const find = createRouter();

  const subjectOf = async (request: Request): Promise<Subject> => {
    const subject = auth.subjectOf(request);
    if (request.header('authorization') !== '') await options.tokenLimit(subject, guesserOf(request.remote, request.header('x-forwarded-for')));
    return subject;
  };

  /** null for a defect, which only the log may tell of */
  const answerTo = (error: unknown): Reply | null => {
    const said = refusal(error);
    if (said || !options.isTransient(error)) return said;
    log.warn({ error: messageOf(error) }, 'storage is away or busy: whoever asked is told to come back');
    return refusal(AWAY);
  };
  /** What the first read of media throws is answered alike. */
  const readableOrNot = (reply: Reply, request: Request): Reply => {
    if (!isMedia(reply.body)) return reply;
    const refuse = (error: unknown): Reply | null => {
      const said = answerTo(error);
      return said && withCors(said, request, origins);
    };
    return { ...reply, body: { ...reply.body, refusal: refuse } };
  };

  const dispatch = async (request: Request, signal: AbortSignal): Promise<{ label: string; reply: Reply }> => {
    const method = METHODS.find((each) => each === (request.method === 'HEAD' ? 'GET' : request.method));
    const found = method && find(method, request.path);
    const label = found ? found.route.path : method === 'GET' ? 'static' : 'none';
    try {
      const asked = preflight(request, origins);
      if (asked) return { label: 'preflight', reply: asked };
      if (found) {
        auth.authorize(await subjectOf(request), found.route.action, { path: request.path });
        return { label, reply: await found.route.run(parts, request, found.params, signal) };
      }
      const allowed = METHODS.filter((each) => find(each, request.path));
      if (allowed.length > 0) return { label, reply: notAllowed(request, allowed) };
      if (method !== 'GET' || request.path.startsWith('/api/')) throw new Refused('not_found', `there is no ${request.method} ${request.path}; GET /api/openapi.json lists what there is`);
      auth.authorize(await subjectOf(request), 'page.read', { path: request.path });
      return { label, reply: await staticFiles(request) };
    } catch (error) {
      const reply = answerTo(error);
      if (reply) return { label, reply };
      if (!signal.aborted) log.error({ err: error, method: request.method, path: request.path }, 'a request failed');
      return { label, reply: json({ error: { code: 'internal', message: 'the server could not answer this request; its log says why' } }, 500) };
    }
  };

  return async (request, signal) => {
    const began = clock.monotonic();
    const { label, reply } = await dispatch(request, signal);
    metrics.request(label, METHODS.some((each) => each === request.method) ? request.method : 'other', reply.status, (clock.monotonic() - began) / 1_000);
    return { ...withCors(readableOrNot(reply, request), request, origins), head: request.method === 'HEAD' };
  };
};

type Found = { route: Route; params: Record<string, string | undefined> };

const createRouter = (): ((method: Method, path: string) => Found | null) => {
  const router = findMyWay();
  for (const row of ROUTES) router.on(row.method, row.path, () => undefined, row);
  return (method, path) => {
    const found = router.find(method, path);
    return found && { route: found.store, params: found.params };
  };
};

const notAllowed = (request: Request, allowed: readonly Method[]): Reply => {
  const names = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  const reply = json({ error: { code: 'bad_request', message: `${request.method} ${request.path} is not possible; possible here: ${names}` } }, 405);
  return { ...reply, headers: { ...reply.headers, allow: names } };
};
