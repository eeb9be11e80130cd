// The default database: a real PostgreSQL as a child process, from the npm package's programs. They are driven here and not
// through the package's class, because that one takes over SIGINT/SIGTERM and exits the process, listens on TCP with a fixed
// password, reads readiness from a localised log, makes a user `postgres` and can neither recover a kill nor bound a stop.
import { spawn } from 'node:child_process';
import { chown, lchown, mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Clock } from '../clock.ts';
import { sleep, systemClock } from '../clock.ts';
import { codeOf, messageOf, StartError } from '../errors.ts';
import { lockFolder } from './folder-lock.ts';
import { endLeftovers, isListening } from './leftover-postgres.ts';
import { locateBinaries } from './postgres-binaries.ts';
import type { RunAs } from './run-as.ts';
import { databaseUser } from './run-as.ts';

type Write = (fields: object, message: string) => void;
export type EmbeddedLog = { debug: Write; info: Write; warn: Write; error: Write };

export type EmbeddedPostgres = {
  /** options for postgres.js */
  connection: { host: string; port: number; username: string; database: string; ssl: false };
  /** of the postmaster; 0 while it is being started again */
  pid(): number;
  stop(): Promise<void>;
};

const NAME = 'clippy';
const PORT = 5432; // only part of the socket's name
const SOCKET_PREFIX = 'clippy-pg-';
const READY_LIMIT_MS = 120_000; // recovery after a kill replays at most max_wal_size
const REMEDY = 'see the lines above, or set DATABASE_URL to a PostgreSQL server of your own';

// For two cores and tens of sessions: 70 MB in all. `log_min_messages=log` keeps statements, and with them transcripts, out of the log.
const SETTINGS = {
  listen_addresses: '', unix_socket_permissions: '0700', port: PORT, max_connections: 40,
  fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', wal_level: 'minimal', max_wal_senders: 0, max_wal_size: '256MB',
  shared_buffers: '48MB', work_mem: '4MB', maintenance_work_mem: '32MB', huge_pages: 'off', jit: 'off',
  io_method: 'sync', max_worker_processes: 0, max_parallel_workers: 0, autovacuum_max_workers: 1, autovacuum_worker_slots: 1, max_logical_replication_workers: 0,
  timezone: 'UTC', lc_messages: 'C', log_destination: 'stderr', logging_collector: 'off', log_line_prefix: '', log_min_messages: 'log',
  log_error_verbosity: 'terse', log_checkpoints: 'off', log_min_error_statement: 'panic',
};

type Ended = { code: number | null; signal: string | null; tail: string };
type Child = { pid: number; ended: Promise<Ended>; signal(name: NodeJS.Signals): void };

/** Starts a program as `user` with the cluster's folder as file descriptor 3. */
const start = async (program: string, args: string[], options: { user: RunAs; folder: string; input?: string; onLine?: (line: string) => void }): Promise<Child> => {
  const folder = await open(options.folder, 'r');
  try {
    // detached: Ctrl-C in a terminal reaches the whole process group, and PostgreSQL must outlive our own shutdown
    const child = spawn(program, args, { ...options.user.ids, cwd: '/', detached: true, env: { LC_ALL: 'C', PATH: process.env.PATH }, stdio: ['pipe', 'pipe', 'pipe', folder.fd] });
    let tail = '';
    const read = (text: string): void => {
      const lines = (tail.slice(tail.lastIndexOf('\n') + 1) + text).split('\n');
      for (const line of lines.slice(0, -1)) options.onLine?.(line);
      tail = (tail + text).slice(-4_000);
    };
    child.stdout?.setEncoding('utf8').on('data', read);
    child.stderr?.setEncoding('utf8').on('data', read);
    child.stdin?.on('error', () => undefined).end(options.input ?? ''); // EPIPE: it ended early, which `ended` reports
    const ended = new Promise<Ended>((resolve) => {
      child.once('error', (error) => resolve({ code: null, signal: null, tail: messageOf(error) }));
      child.once('close', (code, signal) => resolve({ code, signal, tail }));
    });
    return { pid: child.pid ?? 0, ended, signal: (name) => void child.kill(name) };
  } finally {
    await folder.close();
  }
};

/**
 * How `user` names the cluster's folder. Through the open descriptor it needs no permission on the folders above, so data may
 * lie under a 0700 home even though root had to hand the server to another user.
 */
const nameFor = async (user: RunAs, cluster: string): Promise<string> => {
  if (user.ids.uid === undefined) return cluster;
  if (await stat('/proc/self/fd').catch(() => null)) return '/proc/self/fd/3';
  return cluster;
};

const own = async (path: string, user: RunAs): Promise<void> => {
  const { uid, gid } = user.ids;
  if (uid === undefined || gid === undefined || (await stat(path)).uid === uid) return;
  await chown(path, uid, gid);
  for (const name of await readdir(path, { recursive: true })) await lchown(join(path, name), uid, gid);
};

const runToEnd = async (program: string, args: string[], options: { user: RunAs; folder: string; input?: string }): Promise<void> => {
  const { code, signal, tail } = await (await start(program, args, options)).ended;
  if (code !== 0) throw new StartError(`${program} ended with ${code ?? signal}:\n${tail.trim()}`, REMEDY);
};

/**
 * What to put before a command so that it is shut down when this process dies, however it dies. Without it (no util-linux) a
 * killed Clippy leaves its server running until the next start ends it.
 */
const tiedToUs = async (user: RunAs): Promise<string[]> => {
  const prefix = ['setpriv', '--pdeathsig', 'INT', '--'];
  const [program = '', ...args] = [...prefix, 'true'];
  return (await (await start(program, args, { user, folder: '/' })).ended).code === 0 ? prefix : [];
};

/** Made beside its place and renamed when whole, so a kill in between leaves nothing half-made. */
const makeCluster = async (cluster: string, programs: { initdb: string; postgres: string }, user: RunAs): Promise<void> => {
  const draft = `${cluster}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await own(draft, user);
  const options = { user, folder: draft };
  const name = await nameFor(user, draft);
  await runToEnd(programs.initdb, ['-D', name, '-U', NAME, '--auth=trust', '--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'], options);
  await runToEnd(programs.postgres, ['--single', '-D', name, 'template1'], { ...options, input: `create database ${NAME}\n` });
  await rename(draft, cluster);
  const parent = await open(join(cluster, '..'), 'r');
  await parent.sync().finally(() => parent.close());
};

/** A new 0700 folder that `user` can reach, with a path short enough for a socket (104 bytes on macOS, 108 on Linux). */
const socketFolder = async (user: RunAs): Promise<string> => {
  for (const parent of [tmpdir(), '/tmp', '/var/tmp', '/run', '/dev/shm']) {
    const folder = await mkdtemp(join(parent, SOCKET_PREFIX)).catch(() => null);
    if (!folder) continue;
    await own(folder, user);
    const { code } = await (await start('test', ['-w', folder], { user, folder })).ended;
    if (code === 0 && folder.length + '/.s.PGSQL.5432.lock'.length < 104) return folder;
    await rm(folder, { recursive: true });
  }
  throw new StartError(`no folder for PostgreSQL's socket that user ${user.name} can reach (tried ${tmpdir()}, /tmp, /var/tmp, /run, /dev/shm)`, 'set TMPDIR to a short path with mode 1777');
};

/** `dir` is made if missing; the server's log goes to `log`. Throws StartError. */
export const startEmbeddedPostgres = async ({ dir, log, clock = systemClock }: { dir: string; log: EmbeddedLog; clock?: Clock }): Promise<EmbeddedPostgres> => {
  const lock = await mkdir(dir, { recursive: true, mode: 0o700 })
    .then(() => lockFolder(dir, 'stop it first, or give this one another CLIPPY_DATA_DIR'))
    .catch((cause: unknown) => {
      throw cause instanceof StartError ? cause : new StartError(`${dir} cannot be written (${messageOf(cause)})`, `give it to the user that runs Clippy (uid ${process.getuid?.()}), or set another CLIPPY_DATA_DIR`, { cause });
    });
  const cleanups = [lock.release];
  const cleanUp = async (): Promise<void> => {
    for (const run of cleanups.splice(0).toReversed()) await run();
  };
  try {
    const user = await databaseUser(dir, (message) => log.info({}, message));
    const [programs, tie] = await Promise.all([locateBinaries(user, user.ids.uid === undefined ? join(dir, 'programs') : '/var/lib/clippy'), tiedToUs(user)]);
    const cluster = join(await realpath(dir), 'cluster');
    const left = await endLeftovers(cluster, clock);
    if (left.processes > 0) log.warn(left, 'ended the PostgreSQL that an earlier Clippy left behind');
    if (basename(left.socketFolder).startsWith(SOCKET_PREFIX) && !(await isListening(left.socketFolder))) {
      await rm(left.socketFolder, { recursive: true, force: true }).catch((error: unknown) => log.debug({ error: messageOf(error) }, 'a socket folder of an earlier run stays'));
    }

    const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw new StartError(`${cluster} cannot be read (${messageOf(error)})`, `give it to this user: chown -R ${user.name} ${dir}`, { cause: error });
    });
    if (version === null) await makeCluster(cluster, programs, user);
    else if (version.trim() !== programs.major)
      throw new StartError(`${cluster} was made by PostgreSQL ${version.trim()}, this Clippy brings ${programs.major}`, 'go back to the Clippy that made it, or dump it with that PostgreSQL and set DATABASE_URL to a server that has the dump');
    await own(cluster, user);

    const sockets = await socketFolder(user);
    cleanups.push(() => rm(sockets, { recursive: true, force: true }));
    const [program = '', ...args] = [...tie, programs.postgres, '-D', await nameFor(user, cluster), '-k', sockets, ...Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])];

    const launch = async (): Promise<Child> => {
      const ready = Promise.withResolvers<'ready'>();
      const child = await start(program, args, {
        user,
        folder: cluster,
        onLine: (line) => {
          if (/^(FATAL|PANIC)/.test(line)) log.error({ postgres: line }, 'PostgreSQL');
          else log.debug({ postgres: line }, 'PostgreSQL');
          if (line.includes('ready to accept connections')) ready.resolve('ready');
        },
      });
      const late = Promise.withResolvers<'late'>();
      const cancel = clock.after(READY_LIMIT_MS, () => late.resolve('late'));
      const first = await Promise.race([ready.promise, late.promise, child.ended]);
      cancel();
      if (first === 'ready') return child;
      child.signal('SIGKILL');
      throw new StartError(`PostgreSQL ${first === 'late' ? `was not ready after ${READY_LIMIT_MS / 1000} s` : 'ended while starting'}:\n${(await child.ended).tail.trim()}`, REMEDY);
    };

    const halt = new AbortController();
    let server: Child | null = await launch();
    // A server that dies is started again for ever, on the same socket: queries fail meanwhile and /readyz says so.
    const supervise = async (): Promise<void> => {
      for (let pauseMs = 50; !halt.signal.aborted; pauseMs = Math.min(pauseMs * 2, 5_000)) {
        try {
          if (!server) {
            await endLeftovers(cluster, clock);
            server = await launch();
            if (halt.signal.aborted) server.signal('SIGINT');
            log.warn({ pid: server.pid }, 'PostgreSQL runs again');
          }
          const startedAt = clock.now();
          const { code, signal } = await server.ended;
          server = null;
          if (halt.signal.aborted) return;
          log.error({ code, signal }, 'PostgreSQL ended by itself; starting it again');
          if (clock.now() - startedAt > 60_000) pauseMs = 50;
        } catch (error) {
          log.error({ error: messageOf(error) }, 'PostgreSQL could not be started again');
        }
        await sleep(clock, pauseMs, halt.signal).catch(() => undefined);
      }
    };
    const supervised = supervise();
    const onExit = (): void => server?.signal('SIGINT'); // process.exit() without stop()
    process.once('exit', onExit);
    cleanups.push(async () => void process.removeListener('exit', onExit));

    const stop = async (): Promise<void> => {
      halt.abort();
      server?.signal('SIGINT'); // fast shutdown
      // SIGQUIT ends it at once and leaves recovery to the next start: the caller has 5 s in all (S3)
      const cancels = [clock.after(2_500, () => server?.signal('SIGQUIT')), clock.after(4_000, () => server?.signal('SIGKILL'))];
      await supervised;
      for (const cancel of cancels) cancel();
      await cleanUp();
    };
    let stopped: Promise<void> | null = null;
    return {
      connection: { host: sockets, port: PORT, username: NAME, database: NAME, ssl: false },
      pid: () => server?.pid ?? 0,
      stop: () => (stopped ??= stop()),
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
};
