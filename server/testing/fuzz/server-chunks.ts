// Target `server-chunks`: hostile media as recordings of a real server, several at once. Every recording ends, what cannot be read
// is set aside with a code, memory and files stay bounded, and afterwards a right recording gives its clips.
import { setTimeout as sleep } from 'node:timers/promises';
import { ulid } from 'ulid';
import { type ServerProcess, api } from '../../../scripts/server-process.ts';
import { streamFile } from '../../../scripts/stream.ts';
import { createClient } from '../../../shared/client.ts';
import { descriptors, rssBytes } from '../processes.ts';
import { chanceOf } from './chance.ts';
import { type Finding, type FuzzOptions, type FuzzReport, MAX_FINDINGS, tally } from './fuzz.ts';
import { hostileMedia, mediaBases } from './hostile-media.ts';

const AT_ONCE = 6;
/** a case is a chunk; so many make a recording, each from damaged media of its own */
const CHUNKS = 25;
const CHUNK_MS = 400;
const END_MS = 120_000;
const MAX_GROWTH_BYTES = 400e6;

type View = { session: { status: string; note: string }; deadLetters: { code: string; message: string }[] };

export const fuzzServerChunks = async (options: FuzzOptions & { server: ServerProcess; bystanderFile: string }): Promise<FuzzReport> => {
  const { server, seed } = options;
  const bases = await mediaBases();
  const findings: Finding[] = [];
  const outcomes = tally();
  // what a first recording loads is no growth
  const first = await streamFile({ file: options.bystanderFile, server: server.url, token: server.token, speed: 'max', slice: 'gop' });
  if (first.clips.length === 0) findings.push({ number: -1, what: 'a right recording gave no clips before the attack', input: '' });
  const before = { rss: rssBytes(server.pid), descriptors: descriptors(server.pid) };
  let most = before.rss;
  let [next, chunks] = [0, 0];
  const last = Math.ceil(options.runs / CHUNKS);
  const beganAt = performance.now();

  const one = async (number: number): Promise<void> => {
    const client = createClient({ url: server.url, token: server.token, client: 'fuzz', clientVersion: '0' });
    const { base, bytes } = hostileMedia(chanceOf(seed, number), bases);
    const found = (what: string): void => void findings.push({ number, what, input: `${base.name}, ${bytes.length} bytes` });
    try {
      const recording = client.record({ key: ulid(), title: `fuzz ${number}`, sourceUrl: '', mime: base.mime, video: null, mode: 'file' });
      const size = Math.ceil(Math.max(CHUNKS, bytes.length) / CHUNKS);
      for (let at = 0, n = 0; at < bytes.length; at += size, n += 1) {
        await recording.push({ startMs: n * CHUNK_MS, durationMs: CHUNK_MS, bytes: Uint8Array.from(bytes.subarray(at, at + size)) });
        chunks += 1;
      }
      const { id } = await recording.stop();
      for (const until = performance.now() + END_MS; ;) {
        const { session, deadLetters } = await api<View>(server, `/api/sessions/${id}`);
        if (session.status === 'closed') {
          for (const { code } of deadLetters) outcomes.add(`set aside: ${code}`);
          if (deadLetters.length === 0) outcomes.add('worked through');
          const odd = deadLetters.find(({ code }) => !/^(media|provider)_/.test(code));
          if (odd) found(`a dead letter ${odd.code}: ${odd.message}`);
          break;
        }
        if (session.status === 'failed' || performance.now() > until) {
          found(`${session.status}: ${session.note}`);
          break;
        }
        await sleep(100);
      }
      const gone = await fetch(`${server.url}/api/sessions/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${server.token}` } });
      if (!gone.ok) found(`it cannot be deleted: ${gone.status} ${await gone.text()}`);
    } catch (error) {
      found(String(error));
    } finally {
      client.close();
    }
  };
  const attacker = async (): Promise<void> => {
    while (next < last && findings.length < MAX_FINDINGS) {
      const number = options.only ?? next;
      next = options.only === undefined ? next + 1 : last;
      await one(number);
      most = Math.max(most, rssBytes(server.pid));
      if (number % 50 === 49) options.progress?.(`server-chunks: ${chunks} of ${options.runs}, RSS ${Math.round(rssBytes(server.pid) / 1e6)} MB`);
    }
  };
  await Promise.all(Array.from({ length: options.only === undefined ? AT_ONCE : 1 }, attacker));
  const seconds = (performance.now() - beganAt) / 1_000;
  if (most - before.rss > MAX_GROWTH_BYTES) findings.push({ number: -1, what: `memory grew from ${before.rss} to ${most} bytes`, input: '' });
  const after = await streamFile({ file: options.bystanderFile, server: server.url, token: server.token, speed: 'max', slice: 'gop' });
  if (after.clips.length !== first.clips.length) findings.push({ number: -1, what: `a right recording gave ${after.clips.length} clips after the attack, ${first.clips.length} before`, input: '' });
  return {
    target: 'server-chunks', seed, runs: chunks, findings,
    summary: `${last} recordings; ${outcomes.line()}; ${Math.round(chunks / seconds)} chunks a second; RSS ${Math.round(before.rss / 1e6)} → ${Math.round(rssBytes(server.pid) / 1e6)} MB, at most ${Math.round(most / 1e6)}; descriptors ${before.descriptors} → ${descriptors(server.pid)}`,
  };
};
