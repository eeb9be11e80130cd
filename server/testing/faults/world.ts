// A real server with everything it depends on, each dependency behind something that can fail on demand. Two worlds:
//   `services`: PostgreSQL behind a proxy of ours, an S3 server of ours       `one disk`: embedded PostgreSQL and folder store, all on one small disk
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ServerProcess, startServer } from '../../../scripts/server-process.ts';
import type { Word } from '../../../shared/model.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../adapters/embedded-postgres.ts';
import { hasSherpa } from '../testdata.ts';
import { type ScriptedProvider, startScriptedProvider } from '../scripted-provider.ts';
import { ffmpegBinary } from '../test-media.ts';
import { writeToneModel } from '../tone-model.ts';
import { type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts';
import { descendants } from '../processes.ts';
import { type S3Server, startS3Server } from './s3-server.ts';
import { type SmallDisk, mountSmallDisk } from './small-disk.ts';
import { type Workers, openWorkers } from './worker-faults.ts';

export type WorldName = 'services' | 'one disk';

export type World = {
  name: WorldName;
  server: ServerProcess;
  provider: ScriptedProvider;
  database: { proxy: DatabaseProxy; postgres: EmbeddedPostgres } | null;
  store: S3Server | null;
  disk: SmallDisk | null;
  workers: Workers;
  /** how FFmpeg children started from now on behave; empty: as FFmpeg does */
  ffmpeg(mode: '' | 'fails' | 'garbage' | 'silent' | 'loops' | 'endless'): void;
  /** the server and, in `one disk`, its own database: not those of the services, which are ours */
  postgresPids(): number[];
  /** what the server logged that it must never log */
  defects: string[];
  /** media workers that have ended */
  workerDeaths(): number;
  restart(between: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
};

/** Lines that tell of a defect, whatever failed around the server. */
const DEFECT = /a defect, please report|rolling hash of the recording differs|"level":60|FATAL ERROR|Waiting for the debugger|MaxListenersExceeded/;

const WRAPPER = `#!/bin/sh
case "$(cat "$0.mode" 2>/dev/null)" in
  fails) echo 'failing on demand' >&2; exit 1;;
  garbage) head -c 20000 /dev/urandom; exit 0;;
  silent) exit 0;;
  loops) while :; do :; done;;
  endless) exec yes '0, 0, 0, 1, 1, 0x00000001';;
  *) exec "FFMPEG" "$@";;
esac
`;
const DISK_BYTES = 400e6;
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const WORDS: Word[] = Array.from({ length: 90 }, (_, second) => ({ startMs: second * 1_000 + 100, endMs: second * 1_000 + 500, text: `word${second}`, confidence: 0.9 }));

/** null where this machine cannot make it (mounting is not allowed). Everything lies below `folder`. */
export const openWorld = async (name: WorldName, { folder, random }: { folder: string; random: () => number }): Promise<World | null> => {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755); // PostgreSQL runs as another user where we are root
  const disk = name === 'one disk' ? mountSmallDisk(join(folder, 'disk'), DISK_BYTES) : null;
  if (name === 'one disk' && !disk) return null;
  const dataDir = join(disk?.path ?? folder, 'data');
  const wrapper = join(folder, 'ffmpeg-faulty');
  writeFileSync(wrapper, WRAPPER.replace('FFMPEG', ffmpegBinary.path), { mode: 0o755 });
  const ffmpeg: World['ffmpeg'] = (mode) => (mode === '' ? rmSync(`${wrapper}.mode`, { force: true }) : writeFileSync(`${wrapper}.mode`, mode));

  const provider = await startScriptedProvider({ words: WORDS });
  if (hasSherpa) await writeToneModel(join(dataDir, 'models', 'tones'));
  const env: Record<string, string> = {
    FFMPEG_PATH: wrapper, NODE_OPTIONS: '--inspect=127.0.0.1:0 --max-old-space-size=256', CLIPPY_SEGMENT_MB: '0.3', CLIPPY_HOT_MINUTES: '0', CLIPPY_RESUME_MINUTES: '10',
    OPENAI_API_KEY: 'scripted', OPENAI_BASE_URL: provider.url, CLIPPY_OPENAI_JUDGE_MODEL: '', CLIPPY_PROVIDER_RPM: '10000', CLIPPY_PROVIDER_AUDIO_SPH: '1000000', CLIPPY_PROVIDER_TIMEOUT_S: '2', CLIPPY_BUDGET_HOUR_USD: '1000', CLIPPY_BUDGET_DAY_USD: '1000',
    DATABASE_URL: '', CLIPPY_S3_BUCKET: '', CLIPPY_S3_ENDPOINT: '',
    ...(hasSherpa ? { CLIPPY_SPEECH_MODEL: 'tones' } : {}),
  };
  let database: World['database'] = null;
  let store: S3Server | null = null;
  if (name === 'services') {
    const postgres = await startEmbeddedPostgres({ dir: join(folder, 'postgres'), log: quiet });
    const { host, port, username, database: base } = postgres.connection;
    const proxy = await startDatabaseProxy({ path: `${host}/.s.PGSQL.${port}` });
    database = { proxy, postgres };
    store = await startS3Server({ dir: join(folder, 'store'), random });
    Object.assign(env, { DATABASE_URL: `postgres://${username}@127.0.0.1:${proxy.port}/${base}`, CLIPPY_S3_ENDPOINT: store.url, CLIPPY_S3_BUCKET: 'clippy', CLIPPY_S3_ACCESS_KEY: 'key', CLIPPY_S3_SECRET_KEY: 'secret' });
  }

  const defects: string[] = [];
  let workerDeaths = 0;
  const onLine = (line: string): void => {
    if (DEFECT.test(line)) defects.push(line);
    if (line.includes('a media worker ended')) workerDeaths += 1;
  };
  const start = async (port?: number): Promise<{ server: ServerProcess; workers: Workers }> => {
    const server = await startServer({ dataDir, env, onLine, ...(port === undefined ? {} : { port }) });
    return { server, workers: await openWorkers(server.log()) };
  };
  const first = await start();
  const world: World = {
    name, ...first, provider, database, store, disk, ffmpeg, defects, workerDeaths: () => workerDeaths,
    postgresPids: () => {
      const roots = database ? [database.postgres.pid()] : descendants(world.server.pid).filter(({ name: program, parent }) => program === 'postgres' && parent === world.server.pid).map(({ pid }) => pid);
      return roots.flatMap((pid) => (pid === 0 ? [] : [pid, ...descendants(pid).map((child) => child.pid)]));
    },
    restart: async (between) => {
      const startedAt = Date.now();
      world.workers.close();
      const code = await world.server.kill('SIGTERM');
      if (code !== 0 || Date.now() - startedAt > 6_000) throw new Error(`the server ended with ${code} after ${Date.now() - startedAt} ms:\n${world.server.log().slice(-10).join('\n')}`);
      await between();
      Object.assign(world, await start(Number(new URL(world.server.url).port)));
    },
    close: async () => {
      open.delete(world);
      world.workers.close();
      await world.server.kill('SIGKILL');
      await Promise.all([provider.close(), database?.proxy.close(), store?.close()]);
      await database?.postgres.stop();
      for (const pid of name === 'one disk' ? world.postgresPids() : []) process.kill(pid, 'SIGKILL');
      disk?.remove();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  open.add(world);
  return world;
};

const open = new Set<World>();
/** For a campaign that is ended from outside: its mount and its servers go with it. */
export const endWorlds = async (): Promise<void> => {
  await Promise.all([...open].map((world) => world.close()));
};
