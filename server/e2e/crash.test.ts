// SIGKILL at random moments while two clients stream: nothing acknowledged is missing or doubled, recordings are whole, clips
// are not duplicated. The embedded PostgreSQL is killed with the server in half the rounds.
import { seededRandom } from '../../shared/testing/random.ts';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Clip } from '../../shared/model.ts';
import { streamFile } from '../../scripts/stream.ts';
import { type ServerProcess, api, startServer, temporaryFolder } from '../../scripts/server-process.ts';
import { look, lookAt } from './support.ts';

const ROUNDS = Number(process.env['CLIPPY_TEST_CRASH_ROUNDS'] ?? 3);
const SEED = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
const demo = join(import.meta.dirname, '../../scripts/demo.mp4');

/** postmasters whose data lies in the folder, or was started for it */
const postmasters = (server: number): number[] => {
  const out = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' });
  const rows = out.trim().split('\n').map((line) => line.trim().split(/\s+/));
  return rows.filter(([, parent, name]) => Number(parent) === server && name === 'postgres').map(([pid]) => Number(pid));
};

describe(`SIGKILL × ${ROUNDS} while two clients stream (seed ${SEED})`, () => {
  const servers: ServerProcess[] = [];
  afterAll(() => Promise.all(servers.map((server) => server.kill('SIGKILL'))));

  it('[T1][P4][S4] loses and doubles nothing', { timeout: 60_000 + ROUNDS * 30_000 }, async () => {
    const random = seededRandom(SEED);
    const folder = await temporaryFolder('crash');
    let server = await startServer({ dataDir: folder.path });
    servers.push(server);
    const port = Number(new URL(server.url).port);
    const { url, token } = server;
    const source = await look(demo);
    let rounds = 0;
    const stream = () => streamFile({ file: demo, server: url, token, speed: 4, slice: 'gop', awaitDrained: false, connectMs: 600_000 }); // a server that dies every second may be missed many times
    const finished: string[] = [];
    let over = false;
    const killer = async (): Promise<void> => {
      for (; rounds < ROUNDS; rounds += 1) {
        await new Promise((resolve) => setTimeout(resolve, 300 + random() * 1_700));
        const withDatabase = rounds % 2 === 0 ? postmasters(server.pid) : [];
        process.kill(server.pid, 'SIGKILL');
        for (const pid of withDatabase) try { process.kill(pid, 'SIGKILL'); } catch { /* it went with its parent */ }
        await server.kill('SIGKILL');
        server = await startServer({ dataDir: folder.path, port });
        servers.push(server);
      }
      over = true;
    };
    const client = async (): Promise<void> => {
      for (let more = true; more; more = !over) finished.push((await stream()).sessionId);
    };
    await Promise.all([killer(), client(), client()]);

    for (const sessionId of finished) {
      await expect.poll(async () => (await api<{ session: { status: string } }>(server, `/api/sessions/${sessionId}`)).session.status, { timeout: 60_000, interval: 200 }).toBe('closed');
      const served = await lookAt(server, `/api/sessions/${sessionId}/recording`);
      expect({ frames: served.videoFrames, samples: served.audioSamples, errors: served.errors }).toEqual({ frames: source.videoFrames, samples: source.audioSamples, errors: [] });
      const { session } = await api<{ session: { missing: number; lastSequence: number; chunks: number } }>(server, `/api/sessions/${sessionId}`);
      expect(session.missing).toBe(0);
      expect(session.chunks).toBe(session.lastSequence);
      const { clips } = await api<{ clips: Clip[] }>(server, `/api/clips?sessionId=${sessionId}`);
      expect(clips.length).toBeGreaterThan(0);
      for (const [at, clip] of clips.entries()) {
        for (const other of clips.slice(at + 1)) {
          const overlap = Math.min(clip.endMs, other.endMs) - Math.max(clip.startMs, other.startMs);
          expect(overlap / Math.min(clip.endMs - clip.startMs, other.endMs - other.startMs)).toBeLessThan(0.5);
        }
      }
    }
    await folder.remove();
  });
});
