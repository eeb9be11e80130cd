// What many streamers and viewers do to a server: recordings at the speed of their media that end and begin again, connections that
// break, clients that vanish without a stop, people who look at recordings, clips and the dashboard.
import { setTimeout as sleep } from 'node:timers/promises';
import { ulid } from 'ulid';
import type { ServerProcess } from '../../scripts/server-process.ts';
import { type Client, createClient } from '../../shared/client.ts';
import type { Clip } from '../../shared/model.ts';
import { type Socket, webSocket } from '../../shared/socket.ts';
import type { Material } from './material.ts';

export type Counts = {
  begun: number;
  stopped: number;
  vanished: number;
  disconnects: number;
  chunks: number;
  lost: number;
  /** clips announced to viewers */
  clips: number;
  requests: number;
  /** answers that ended early: the server lets go of who reads too slowly, as this process does where the machine is full */
  cut: number;
  failures: string[];
};

export type Load = {
  counts: Counts;
  /** resolves when every recording has ended */
  finished: Promise<void>;
  /** recordings that run now */
  live(): string[];
};

export type LoadOptions = { server: ServerProcess; material: Material; sessions: number; sessionMs: number; random: () => number; signal: AbortSignal };

const BREAK_EVERY_MS = 20_000;
const LOOK_EVERY_MS = 2_000;
const VANISH_SHARE = 0.1;
const KEPT_FAILURES = 20;

type Lane = { client: Client; breakOff: () => void; session: string | null; watching: (() => void) | null };

/** Ends by the signal without an error. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(Math.max(0, ms), undefined, { signal }).catch(() => undefined);

export const startLoad = ({ server, material, sessions, sessionMs, random, signal }: LoadOptions): Load => {
  const counts: Counts = { begun: 0, stopped: 0, vanished: 0, disconnects: 0, chunks: 0, lost: 0, clips: 0, requests: 0, cut: 0, failures: [] };
  const failed = (what: string, error: unknown): void => {
    if (counts.failures.length < KEPT_FAILURES) counts.failures.push(`${what}: ${String(error)}`);
  };

  const openLane = (): Lane => {
    let socket: Socket | null = null;
    const client = createClient({
      url: server.url, token: server.token, client: 'soak', clientVersion: '1',
      socket: (url, events) => (socket = webSocket(url, events)),
    });
    return { client, breakOff: () => socket?.close(4000, 'the network went'), session: null, watching: null };
  };
  const lanes = Array.from({ length: sessions }, openLane);

  /** One recording from begin to end. */
  const record = async (lane: Lane, number: number, forMs: number): Promise<void> => {
    const recording = lane.client.record({ key: ulid(), title: `soak ${number}`, sourceUrl: 'https://example.org/live', mime: material.mime, video: null, mode: 'live' });
    counts.begun += 1;
    const session = (lane.session = await recording.session);
    lane.watching = number % 2 === 0 ? lane.client.watch(`session:${session}`, { onState: () => undefined, onEvent: ({ type }) => void (type === 'clip' && counts.clips++) }) : null;
    const beganAt = performance.now();
    for (const piece of material.pieces) {
      const endMs = piece.startMs + piece.durationMs;
      await pause(beganAt + endMs - performance.now(), signal);
      if (signal.aborted || endMs > forMs) break;
      await recording.push(piece);
      counts.chunks += 1;
    }
    if (!signal.aborted && random() < VANISH_SHARE) {
      recording.abandon();
      lane.breakOff();
      counts.vanished += 1;
    } else {
      await recording.stop();
      counts.stopped += 1;
    }
    counts.lost += recording.status.lost;
  };

  const run = async (lane: Lane, index: number): Promise<void> => {
    await pause((index / sessions) * 1_000, signal);
    // The first ones last unevenly long, so that later ends are spread over time.
    for (let round = 0; !signal.aborted; round += 1) {
      const forMs = round === 0 ? (sessionMs * (index + 1)) / sessions : sessionMs;
      await record(lane, index + round * sessions, forMs).catch((error: unknown) => failed(`recording ${index}.${round}`, error));
      lane.watching?.();
      lane.session = null;
    }
    lane.client.close();
  };

  const live = (): string[] => lanes.flatMap(({ session }) => session ?? []);

  const breakConnections = async (): Promise<void> => {
    for (;;) {
      await pause(BREAK_EVERY_MS, signal);
      if (signal.aborted) return;
      lanes[Math.floor(random() * lanes.length)]?.breakOff();
      counts.disconnects += 1;
    }
  };

  /** GETs and reads all of the answer; deleted meanwhile is no failure. */
  const get = async (path: string, headers: Record<string, string> = {}): Promise<Response | null> => {
    const reply = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${server.token}`, ...headers }, signal: AbortSignal.any([signal, AbortSignal.timeout(60_000)]) });
    counts.requests += 1;
    if (reply.status >= 500) failed(path, `${reply.status} ${(await reply.text()).slice(0, 200)}`);
    if (reply.ok) return reply;
    await reply.arrayBuffer();
    return null;
  };
  const read = async (path: string, headers?: Record<string, string>): Promise<void> => void (await (await get(path, headers))?.arrayBuffer());

  const look = async (): Promise<void> => {
    await read('/api/sessions');
    const ids = live();
    const id = ids[Math.floor(random() * ids.length)];
    if (id !== undefined) {
      await read(`/api/sessions/${id}`);
      await read(`/api/sessions/${id}/signals`);
      await read(`/api/sessions/${id}/transcript.vtt`);
      if (random() < 0.2) await read(`/api/sessions/${id}/recording?startMs=0&endMs=5000`);
      await read(`/api/sessions/${id}/recording`, { range: 'bytes=0-2000000' });
    }
    const clips = await get('/api/clips?limit=20');
    const known = clips === null ? [] : ((await clips.json()) as { clips: Clip[] }).clips; // our own server's answer
    const clip = known[Math.floor(random() * known.length)];
    if (clip) {
      await read(`/api/clips/${clip.id}/thumbnail`);
      await read(`/api/clips/${clip.id}/media`);
    }
    await read('/api/dead-letters');
  };
  const watchPages = async (): Promise<void> => {
    const viewer = createClient({ url: server.url, token: server.token, client: 'soak', clientVersion: '1' });
    viewer.watch('system', { onState: () => undefined, onEvent: () => undefined });
    while (!signal.aborted) {
      await look().catch((error: unknown) => {
        if (signal.aborted) return;
        if (error instanceof TypeError && error.message === 'terminated') counts.cut += 1;
        else failed('a look', error);
      });
      await pause(LOOK_EVERY_MS, signal);
    }
    viewer.close();
  };

  const finished = Promise.all([...lanes.map(run), breakConnections(), watchPages()]).then(() => undefined);
  return { counts, finished, live };
};
