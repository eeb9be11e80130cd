// Recorders that never stop: each streams one piece of media after another, faster than it plays, over the client the product has.
import { setTimeout as wait } from 'node:timers/promises';
import { ulid } from 'ulid';
import { type LivePiece, allPieces } from '../../../scripts/live-media.ts';
import { type Client, createClient } from '../../../shared/client.ts';

export type Source = { name: string; mime: string; pieces: LivePiece[]; bytes: Buffer };
export type Recorded = { sessionId: string; source: Source; chunks: number };

export const loadSource = async (name: string, file: string): Promise<Source> => {
  const { mime, pieces } = await allPieces(file);
  return { name, mime, pieces, bytes: Buffer.concat(pieces.map(({ bytes }) => bytes)) };
};

export type Recorders = {
  /** since the last call; those under way are not among them */
  taken(): Recorded[];
  /** Ends what is being recorded and begins nothing more; rejects when a recording cannot be ended in time. */
  rest(ms: number): Promise<void>;
  go(): void;
  /** chunks acknowledged so far */
  acked(): number;
  close(): void;
};

export type RecorderOptions = { url: string; token: string; sources: Source[]; count: number; speed: number; random: () => number };

export const startRecorders = ({ url, token, sources, count, speed, random }: RecorderOptions): Recorders => {
  const clients: Client[] = [];
  let done: Recorded[] = [];
  let acked = 0;
  let running: Promise<void>[] = [];
  let resting = false;
  let closed = false;

  const record = async (client: Client): Promise<void> => {
    const source = sources[Math.floor(random() * sources.length)]!; // never empty
    const { mime, pieces } = source;
    const recording = client.record({ key: ulid(), title: source.name, sourceUrl: '', mime, video: null, mode: 'file' });
    const startedAt = Date.now();
    for (const piece of pieces) {
      const dueMs = (piece.startMs + piece.durationMs) / speed - (Date.now() - startedAt);
      if (dueMs > 0 && !resting) await wait(dueMs);
      await recording.push(piece);
    }
    await recording.stop();
    const { pushed, lastAcked, lost, session } = recording.status;
    if (lastAcked !== pushed || lost > 0 || pushed !== pieces.length) throw new Error(`${session}: ${pushed} chunks pushed of ${pieces.length}, ${lastAcked} acknowledged, ${lost} lost`);
    acked += lastAcked;
    done.push({ sessionId: await recording.session, source, chunks: pushed });
  };
  const recorder = async (client: Client): Promise<void> => {
    while (!resting && !closed) await record(client);
  };
  const go = (): void => {
    resting = false;
    running = clients.map(recorder);
    for (const each of running) each.catch(() => {}); // told by rest()
  };

  for (let at = 0; at < count; at++) clients.push(createClient({ url, token, client: 'cli', clientVersion: '1' }));
  go();
  return {
    taken: () => {
      const taken = done;
      done = [];
      return taken;
    },
    rest: async (ms) => {
      resting = true;
      const late = new Promise<never>((_, reject) => { setTimeout(() => reject(new Error(`a recording did not end within ${ms / 1000} s of the last fault`)), ms).unref(); });
      await Promise.race([Promise.all(running), late]);
    },
    go,
    acked: () => acked,
    close: () => {
      closed = true;
      for (const client of clients) client.close();
    },
  };
};
