// `npm run soak -- [--minutes 60] [--sessions 20] [--warmup 10] [--session-minutes 10] [--megabits 2.5] [--seed S] [--json FILE]
// [--heap FOLDER]`: the real server under many streamers and viewers for a long time. Is its memory flat, and what it holds open?
// `--heap` takes a heap snapshot after the warm-up and one at the end and prints what grew; memory is then not judged.
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ServerProcess, api, startServer, temporaryFolder } from '../scripts/server-process.ts';
import { seededRandom } from '../shared/testing/random.ts';
import { heapGrowth, takeSnapshot } from './soak/heap.ts';
import { type Counts, startLoad } from './soak/load.ts';
import { material } from './soak/material.ts';
import { descriptorKinds, held, series } from './soak/process.ts';
import { type Trend, trend } from './soak/trend.ts';

type Options = { minutes: number; warmup: number; sessions: number; sessionMinutes: number; megabits: number; seed: number; json: string; heap: string | null };

const options = (): Options => {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '60' }, sessions: { type: 'string', default: '20' }, warmup: { type: 'string' }, 'session-minutes': { type: 'string' },
      megabits: { type: 'string', default: '2.5' }, seed: { type: 'string' }, json: { type: 'string', default: join(tmpdir(), 'clippy-soak.json') }, heap: { type: 'string' },
    },
  });
  const minutes = Number(values.minutes);
  return {
    minutes, warmup: Number(values.warmup ?? Math.min(10, minutes / 4)), sessions: Number(values.sessions), sessionMinutes: Number(values['session-minutes'] ?? Math.min(10, minutes / 2)),
    megabits: Number(values.megabits), seed: Number(values.seed ?? process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9), json: values.json, heap: values.heap ?? null,
  };
};

const SAMPLE_MS = 10_000;
const MB = 1e6;
const GOAL_MB_PER_H = 1;
/** A shorter stretch says nothing about an hour. */
const JUDGED_MIN = 30;
/** Descriptors come and go with recordings; so few more are no rise. */
const DESCRIPTOR_SLACK = 6;
/** A server that has worked keeps ten connections to its database, keep-alive connections and pipes of its workers. */
const WARM_DESCRIPTORS = 24;
const SETTLE_MS = 180_000;

type Sample = {
  atS: number; rssMb: number; heapMb: number; externalMb: number; postgresMb: number; descriptors: number; threads: number; ffmpegs: number;
  loopP99Ms: number; depth: number; lagS: number; live: number; connections: number; diskMb: number;
};

const round = (value: number): number => Math.round(value * 100) / 100;
const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

const look = async (server: ServerProcess, beganAt: number): Promise<Sample> => {
  const text = await (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.token}` } })).text();
  const { rssBytes, postgresBytes, diskBytes, descriptors, threads, ffmpegs } = held(server.pid, server.dataDir);
  return {
    atS: round((performance.now() - beganAt) / 1_000), rssMb: round(rssBytes / MB), postgresMb: round(postgresBytes / MB), diskMb: round(diskBytes / MB), descriptors, threads, ffmpegs,
    heapMb: round(sum(series(text, 'clippy_nodejs_heap_size_used_bytes')) / MB), externalMb: round(sum(series(text, 'clippy_nodejs_external_memory_bytes')) / MB),
    loopP99Ms: round(sum(series(text, 'clippy_nodejs_eventloop_lag_p99_seconds')) * 1_000), depth: sum(series(text, 'clippy_stage_depth')), lagS: round(Math.max(...series(text, 'clippy_stage_lag_seconds'))),
    live: sum(series(text, 'clippy_sessions')), connections: sum(series(text, 'clippy_ws_connections')),
  };
};

/** Waits until nothing of any recording runs. */
const settle = async (server: ServerProcess, idle: Sample, beganAt: number): Promise<{ last: Sample; settled: boolean }> => {
  for (const until = performance.now() + SETTLE_MS; ;) {
    const { sessions } = await api<{ sessions: { status: string }[] }>(server, '/api/sessions');
    const last = await look(server, beganAt);
    const settled = sessions.every(({ status }) => status === 'closed') && last.depth === 0 && last.live === 0 && last.ffmpegs === 0 && last.connections === 0 && last.descriptors <= idle.descriptors + WARM_DESCRIPTORS;
    if (settled || performance.now() > until) return { last, settled };
    await sleep(2_000);
  }
};

type Verdict = { ok: boolean; problems: string[]; rss: Trend; descriptors: Trend; loop: Trend };

const judge = (measured: readonly Sample[], { idle, last, settled, counts, judged }: { idle: Sample; last: Sample; settled: boolean; counts: Counts; judged: boolean }): Verdict => {
  const of = (field: keyof Sample): Trend => trend(measured.map((sample) => ({ atS: sample.atS, value: sample[field] })));
  const [rss, descriptors, loop] = [of('rssMb'), of('descriptors'), of('loopP99Ms')];
  const hours = ((measured.at(-1)?.atS ?? 0) - (measured[0]?.atS ?? 0)) / 3_600;
  const problems = [
    ...(judged && rss.slope - rss.uncertainty >= GOAL_MB_PER_H ? [`memory rises by ${rss.slope.toFixed(1)} MB/h`] : []),
    ...(judged && descriptors.slope > descriptors.uncertainty && descriptors.slope * hours > DESCRIPTOR_SLACK ? [`descriptors rise by ${descriptors.slope.toFixed(1)}/h`] : []),
    ...(settled ? [] : [`not settled: ${JSON.stringify(last)}`]),
    ...(last.descriptors > idle.descriptors + WARM_DESCRIPTORS ? [`${last.descriptors} descriptors are open at the end, ${idle.descriptors} were before the first recording`] : []),
    ...(last.threads > idle.threads + DESCRIPTOR_SLACK ? [`${last.threads} threads at the end, ${idle.threads} before the first recording`] : []),
    ...(counts.lost > 0 ? [`${counts.lost} chunks were lost`] : []),
    ...counts.failures,
  ];
  return { ok: problems.length === 0, problems, rss, descriptors, loop };
};

const shown = ({ slope, uncertainty }: Trend): string => `${slope >= 0 ? '+' : ''}${slope.toFixed(2)} ± ${uncertainty.toFixed(2)}`;

const run = async (): Promise<boolean> => {
  const asked = options();
  const { minutes, warmup, sessions, sessionMinutes, megabits, seed, heap } = asked;
  const { mime, pieces } = await material(sessionMinutes * 60 + 5, megabits);
  const folder = await temporaryFolder('soak');
  if (heap !== null) await mkdir(heap, { recursive: true });
  const server = await startServer({
    dataDir: join(folder.path, 'data'),
    // Retention so short that recordings are deleted while others run: the disk must stop growing.
    env: {
      CLIPPY_RETENTION_PLUS_HOURS: String(Math.max(0.01, sessionMinutes / 120)), CLIPPY_HOT_MINUTES: '1', CLIPPY_SEGMENT_MB: '8', CLIPPY_RESUME_MINUTES: '0.5',
      ...(heap === null ? {} : { NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${heap}` }),
    },
  });
  try {
    const beganAt = performance.now();
    const idle = await look(server, beganAt);
    const ending = new AbortController();
    const load = startLoad({ server, material: { mime, pieces }, sessions, sessionMs: sessionMinutes * 60_000, random: seededRandom(seed), signal: ending.signal });
    const samples: Sample[] = [];
    let warm: Awaited<ReturnType<typeof takeSnapshot>> | null = null;
    for (let at = SAMPLE_MS; at <= minutes * 60_000; at += SAMPLE_MS) {
      await sleep(Math.max(0, beganAt + at - performance.now()));
      const sample = await look(server, beganAt);
      samples.push(sample);
      if (samples.length % 6 === 0) process.stderr.write(`${JSON.stringify({ ...sample, ...load.counts, failures: load.counts.failures.length })}\n`);
      if (heap !== null && warm === null && at >= warmup * 60_000) warm = await takeSnapshot(server.pid, heap);
    }
    const grown = heap !== null && warm !== null ? heapGrowth(warm, await takeSnapshot(server.pid, heap)) : [];
    ending.abort(new Error('the soak is over'));
    await load.finished;
    const { last, settled } = await settle(server, idle, beganAt);
    const measured = samples.filter(({ atS }) => atS >= warmup * 60);
    const judged = heap === null && minutes - warmup >= JUDGED_MIN;
    const verdict = judge(measured, { idle, last, settled, counts: load.counts, judged });
    await writeFile(asked.json, JSON.stringify({ asked, counts: load.counts, idle, samples, last, ...verdict }, null, 1));
    const { rss, descriptors, loop } = verdict;
    if (!verdict.ok) console.error(JSON.stringify({ held: descriptorKinds(server.pid) }));
    const { counts } = load;
    console.log(
      `soak: ${minutes} min (${warmup} warm-up), ${sessions} recordings at ${megabits} Mbit/s: ${counts.begun} begun, ${counts.stopped} stopped, ${counts.vanished} vanished, ${counts.disconnects} disconnects, ${counts.clips} clips seen, ${counts.requests} requests (${counts.cut} cut off), ${counts.lost} chunks lost; ` +
      `RSS ${rss.mean.toFixed(0)} MB, slope ${shown(rss)} MB/h${judged ? '' : ' (not judged: too short)'}; descriptors ${descriptors.mean.toFixed(0)}, slope ${shown(descriptors)} /h, idle ${idle.descriptors} → ${last.descriptors}; ` +
      `loop delay p99 ${loop.mean.toFixed(1)} ms; disk at most ${Math.max(...samples.map(({ diskMb }) => diskMb)).toFixed(0)} MB; seed ${seed}; ${verdict.ok ? 'held' : `FAILED: ${verdict.problems.join('; ')}`}`,
    );
    for (const line of grown) console.log(line);
    return verdict.ok;
  } finally {
    await server.kill('SIGTERM');
    await folder.remove();
  }
};

process.exitCode = (await run()) ? 0 : 1;
