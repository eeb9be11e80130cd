// A client joined to a fake server by queues, on a clock the test owns.
import { createClient } from '../client.ts';
import type { Client, ClientOptions } from '../client.ts';
import { ClientError } from '../client-error.ts';
import type { ConnectionStatus } from '../connection.ts';
import type { Recording, RecordingOptions } from '../recording.ts';
import { FakeServer } from './fake-server.ts';
import { KEY } from './frames.ts';
import { settle, virtualClock } from './virtual-clock.ts';
import type { VirtualClock } from './virtual-clock.ts';

export type Bench = { server: FakeServer; clock: VirtualClock; client: Client; statuses: ConnectionStatus[]; turn: (times?: number) => Promise<void> };

export const bench = (options: Partial<ClientOptions> = {}): Bench => {
  const server = new FakeServer();
  const clock = virtualClock();
  const statuses: ConnectionStatus[] = [];
  const client = createClient({
    url: 'http://test', token: 'secret', client: 'test', clientVersion: '1', socket: server.connect, clock, random: () => 0.5, onStatus: (status) => statuses.push(status), ...options,
  });
  const turn = async (times = 4): Promise<void> => {
    for (; times > 0; times--) {
      await settle();
      server.flush();
    }
    await settle();
  };
  return { server, clock, client, statuses, turn };
};
export const options = (patch: Partial<RecordingOptions> = {}): RecordingOptions => ({ key: KEY, title: 'T', sourceUrl: '', mime: 'video/webm', video: null, mode: 'live', ...patch });
export const chunk = (at: number, size = 100): { startMs: number; durationMs: number; bytes: Uint8Array } => ({ startMs: at * 1000, durationMs: 1000, bytes: new Uint8Array(size).fill(at) });
export const pushMany = async (recording: Recording, count: number, size?: number): Promise<void> => {
  for (let at = 0; at < count; at++) await recording.push(chunk(at, size));
};
export const errorOf = (promise: Promise<unknown>): Promise<ClientError> =>
  promise.then(
    () => Promise.reject(new Error('it resolved')),
    (error: unknown) => (error instanceof ClientError ? error : Promise.reject(error)),
  );
export const stored = (server: FakeServer): (number | 'gap')[] => server.sessions.get(KEY)!.durable.map((item) => (item === 'gap' ? item : item.bytes[0]!));
