// Target `server-frames`: the same hostile frames against a real server over a few connections, thousands a second. What its
// decoder takes must leave the connection open, what it refuses must close it with a typed error, and neither may cost the
// server memory, recordings, or the recording of somebody who streams meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { ulid } from 'ulid';
import { type ServerProcess, api } from '../../../scripts/server-process.ts';
import { streamFile } from '../../../scripts/stream.ts';
import { encodeFrame } from '../../../shared/codec.ts';
import { CLOSE_BAD_FRAME, PROTOCOL_VERSION } from '../../../shared/protocol.ts';
import { rssBytes } from '../processes.ts';
import { type Chance, chanceOf } from './chance.ts';
import { decodeFault } from './frames.ts';
import { type Finding, type FuzzOptions, type FuzzReport, MAX_FINDINGS, hex, numbers, tally } from './fuzz.ts';
import { type Known, hostileFrame } from './hostile-frame.ts';
import { type Wire, message, openWire } from './wire.ts';

const CONNECTIONS = 12;
/** frames poured out before the last is waited for */
const BATCH = 24;
const HANG_MS = 10_000;
/** broken framing may leave the server waiting for the rest of a message that never comes */
const BROKEN_MS = 100;
const KEYS = 8;
/** bytes that break the framing itself, not only what is in it */
const BROKEN_FRAMING = 0.01;

type Shot = { number: number; bytes: Uint8Array; /** what goes over the wire where that is no proper message */ raw: Buffer | null; taken: boolean };

const helloOf = (token: string): Buffer => message(encodeFrame({ t: 'hello', version: PROTOCOL_VERSION, token, client: 'fuzz', clientVersion: '0' }));
const startOf = (key: string): Buffer => message(encodeFrame({ t: 'start', key, title: 'fuzz', sourceUrl: '', mime: 'video/webm', video: null, resume: true, transcript: 'server' }));

const brokenFraming = (chance: Chance, payload: Uint8Array): Buffer => {
  const right = message(payload, chance.pick([0, 1, 2, 3, 8, 9, 10, 15]));
  for (let flips = chance.below(4); flips > 0; flips -= 1) right[chance.below(Math.min(14, right.length))] = chance.below(256);
  return right;
};

const shotOf = (number: number, seed: number, known: Known): Shot => {
  const chance = chanceOf(seed, number);
  const bytes = hostileFrame(chance, known);
  const raw = chance.often(BROKEN_FRAMING) ? brokenFraming(chance, bytes) : null;
  // A second hello ends the connection although it is a right frame.
  return { number, bytes, raw, taken: raw === null && bytes.length < 8_032_768 && /^taken (?!hello)/.test(decodeFault(bytes).outcome) };
};

/** Opens the recordings the attack knows of. */
const openSessions = async (port: number, token: string, keys: readonly string[]): Promise<string[]> => {
  const sessions: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const wire = openWire(port, Buffer.concat([helloOf(token), ...keys.map(startOf)]), {
      frame: (frame) => {
        if (frame.t === 'error') reject(new Error(frame.message));
        if (frame.t === 'ready') sessions.push(frame.session);
        if (sessions.length === keys.length) {
          wire.destroy();
          resolve();
        }
      },
      closed: (code) => reject(new Error(`closed with ${code}`)),
    });
  });
  return sessions;
};

export const fuzzServerFrames = async (options: FuzzOptions & { server: ServerProcess; bystanderFile: string }): Promise<FuzzReport> => {
  const { server, seed } = options;
  const port = Number(new URL(server.url).port);
  const keys = Array.from({ length: KEYS }, () => ulid());
  const known: Known = { token: server.token, keys, sessions: await openSessions(port, server.token, keys) };
  const findings: Finding[] = [];
  const outcomes = tally();
  const queue = numbers(options);
  const rss = { before: rssBytes(server.pid), most: 0 };
  let [done, slowestMs, connections] = [0, 0, 0];
  const beganAt = performance.now();
  let ended = false;

  const found = ({ number, bytes, raw }: Shot, what: string): void => void findings.push({ number, what, input: hex(raw ?? bytes) });

  /** Shoots until the queue is empty: taken frames one behind the other, a refused one ends the connection. */
  const attacker = async (): Promise<void> => {
    let wire: Wire | null = null;
    let waiting: { last: Shot | null; batch: Shot[]; settle: (how: { closed: number | null } | 'pong') => void } | null = null;
    let errors: string[] = [];
    let pingId = 0;
    const open = (first: Uint8Array): Wire => {
      connections += 1;
      errors = [];
      const mine: Wire = openWire(port, first, {
        frame: (frame) => {
          if (wire !== mine) return;
          if (frame.t === 'error') errors.push(frame.code);
          if (frame.t === 'pong' && frame.id === pingId) waiting?.settle('pong');
        },
        closed: (code) => {
          if (wire !== mine) return;
          wire = null;
          waiting?.settle({ closed: code });
        },
      });
      return mine;
    };
    while (findings.length < MAX_FINDINGS) {
      const batch: Shot[] = [];
      while (batch.length < BATCH && batch.every(({ taken }) => taken)) {
        const { value, done: empty } = queue.next();
        if (empty) break;
        batch.push(shotOf(value, seed, known));
      }
      const last = batch.at(-1);
      if (!last) break;
      // above what hostile frames draw for their own pings
      pingId = 2 ** 31 + (done % 2 ** 30);
      const poured = Buffer.concat([...batch.map(({ bytes, raw }) => raw ?? message(bytes)), message(encodeFrame({ t: 'ping', id: pingId }))]);
      const began = performance.now();
      const chance = chanceOf(seed ^ 0x5eed, last.number);
      const how = await new Promise<{ closed: number | null } | 'pong' | 'hung'>((resolve) => {
        const timer = setTimeout(() => resolve('hung'), last.raw === null ? HANG_MS : BROKEN_MS);
        waiting = { last, batch, settle: (outcome) => { clearTimeout(timer); resolve(outcome); } };
        if (wire === null) wire = open(Buffer.concat([helloOf(server.token), ...(chance.often(0.2) ? [startOf(chance.pick(keys))] : []), poured]));
        else wire.write(poured);
      });
      waiting = null;
      slowestMs = Math.max(slowestMs, performance.now() - began);
      for (const shot of batch.slice(0, -1)) outcomes.add(shot.taken ? 'taken' : 'refused');
      outcomes.add(how === 'hung' ? 'hung' : how === 'pong' ? 'taken' : `closed ${how.closed}`);
      if (how === 'hung') {
        if (last.raw === null) found(last, `no answer in ${HANG_MS} ms`);
        (wire as Wire | null)?.destroy();
        wire = null;
      } else if (last.raw === null && how === 'pong' && !last.taken) found(last, 'the decoder refuses it, the server took it');
      else if (last.raw === null && how !== 'pong' && last.taken) found(last, `the decoder takes it, the server closed with ${how.closed} (${errors.join(', ')})`);
      else if (last.raw === null && how !== 'pong' && !(how.closed === CLOSE_BAD_FRAME && errors.length > 0)) found(last, `closed with ${how.closed} and ${errors.length === 0 ? 'no error' : errors.join(', ')}`);
      done += batch.length;
      if (Math.floor(done / 20_000) !== Math.floor((done - batch.length) / 20_000)) {
        rss.most = Math.max(rss.most, rssBytes(server.pid));
        options.progress?.(`server-frames: ${done} of ${options.runs}, ${Math.round(done / ((performance.now() - beganAt) / 1_000))} a second, RSS ${Math.round(rssBytes(server.pid) / 1e6)} MB`);
      }
    }
    (wire as Wire | null)?.destroy();
  };

  /** Somebody streams meanwhile, again and again, and loses nothing. */
  const bystander = async (): Promise<number> => {
    for (let whole = 0; ; whole += 1) {
      if (ended && whole > 0) return whole;
      const { chunks, acked, gaps } = await streamFile({ file: options.bystanderFile, server: server.url, token: server.token, speed: 16, slice: 'gop', awaitDrained: false });
      if (acked !== chunks || gaps.length > 0) findings.push({ number: -1, what: `the bystander sent ${chunks} chunks, ${acked} were acknowledged, ${gaps.length} gaps`, input: '' });
    }
  };
  const watching = bystander();
  await Promise.all(Array.from({ length: CONNECTIONS }, attacker));
  const seconds = (performance.now() - beganAt) / 1_000;
  ended = true;
  const whole = await watching;
  const left = await leftOver(server, known);
  if (left !== null) findings.push({ number: -1, what: left, input: '' });
  rss.most = Math.max(rss.most, rssBytes(server.pid));
  return {
    target: 'server-frames', seed, runs: done, findings,
    summary: `${outcomes.line()}; ${connections} connections, ${Math.round(done / seconds)} frames a second, slowest batch ${Math.round(slowestMs)} ms; RSS ${Math.round(rss.before / 1e6)} → ${Math.round(rssBytes(server.pid) / 1e6)} MB, at most ${Math.round(rss.most / 1e6)}; bystander whole ${whole} times`,
  };
};

/** What the attack left behind: recordings nobody started, or ones that cannot be ended. */
const leftOver = async (server: ServerProcess, { sessions: known }: Known): Promise<string | null> => {
  const { sessions } = await api<{ sessions: { id: string; title: string }[] }>(server, '/api/sessions');
  const strange = sessions.filter(({ id, title }) => !known.includes(id) && title === 'fuzz');
  if (strange.length > 0) return `${strange.length} recordings nobody knows of`;
  for (const id of known) {
    const reply = await fetch(`${server.url}/api/sessions/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${server.token}` } });
    if (!reply.ok) return `recording ${id} cannot be deleted: ${reply.status} ${await reply.text()}`;
  }
  await sleep(1_000);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const open = Number(/^clippy_ws_connections (\d+)/m.exec(metrics)?.[1] ?? -1);
  return open === 0 ? null : `${open} connections are still open`;
};
