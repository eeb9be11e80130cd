// The whole server at work on one recording, speech recognition off: everything it runs counts (threads, PostgreSQL, FFmpeg).
// A server is started once and takes the same recording first, so that start-up and most compiling are not measured; then each
// round is a recording at thirty times the pace of life, fast enough to be short and slow enough that the pipeline keeps up, as it
// does live. Idling is not subtracted.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ALL_FORMATS, EncodedPacketSink, FilePathSource, Input } from 'mediabunny';
import { OpusDecoder } from 'opus-decoder';
import { allPieces } from '../scripts/live-media.ts';
import { type ServerProcess, startServer } from '../scripts/server-process.ts';
import { streamFile } from '../scripts/stream.ts';
import { startChild } from './child.ts';
import { ffmpegPath, material } from './material.ts';
import { cpuByPlace, cpuOf, cpuSeconds } from './processor-time.ts';
import type { Contender, Scenario } from './scenario.ts';

const CHUNK_S = 2;
const PACE = 30;

const ours = (name: string, env: Record<string, string>, { file, folder, perHour }: { file: string; folder: string; perHour: number }): Contender & { close(): Promise<void> } => {
  let started: ServerProcess | null = null;
  const send = (server: ServerProcess, path: string) => streamFile({ file: path, server: server.url, token: server.token, speed: PACE, slice: 'gop' });
  const warm = async (): Promise<ServerProcess> => {
    started = await startServer({ dataDir: join(folder, name), env });
    await send(started, file);
    return started;
  };
  return {
    name,
    run: async () => {
      const server = started ?? (await warm());
      const before = cpuByPlace(server.pid);
      await send(server, file);
      const after = cpuByPlace(server.pid);
      return Object.fromEntries(Object.entries(after).map(([metric, value]) => [metric, (value - before[metric as keyof typeof before]) * perHour]));
    },
    close: async () => void (await started?.kill('SIGTERM')),
  };
};

/** The same sound by libopus in WASM to 16 kHz, which any loudness of decoded sound pays first. */
const decodeOnly = async (file: string, perHour: number): Promise<Contender> => {
  const input = new Input({ source: new FilePathSource(file), formats: ALL_FORMATS });
  const track = await input.getPrimaryAudioTrack();
  if (!track) throw new Error(`${file} has no sound`);
  const packets: Uint8Array[] = [];
  for await (const packet of new EncodedPacketSink(track).packets()) packets.push(packet.data);
  return {
    name: 'decodeOnly',
    run: async () => {
      const decoder = new OpusDecoder({ sampleRate: 16_000, channels: 2 });
      await decoder.ready;
      const before = process.cpuUsage();
      for (const packet of packets) decoder.decodeFrame(packet);
      const { user, system } = process.cpuUsage(before);
      decoder.free();
      return { cpuS: ((user + system) / 1e6) * perHour };
    },
  };
};

const storeOnly = async (file: string, folder: string, perHour: number): Promise<Contender & { close(): Promise<void> }> => {
  const { pieces } = await allPieces(file);
  const { child, first: port } = await startChild<number>(resolve(import.meta.dirname, 'store-floor.ts'), [folder], 0);
  return {
    name: 'storeOnly',
    run: async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const before = cpuSeconds(child.pid);
      for (const { bytes } of pieces) {
        const head = Buffer.alloc(4);
        head.writeUInt32LE(bytes.length);
        socket.write(head);
        socket.write(bytes);
        await once(socket, 'data');
      }
      const cpuS = (cpuSeconds(child.pid) - before) * perHour;
      socket.destroy();
      return { cpuS };
    },
    close: () => child.end(),
  };
};

export const pipeline: Scenario = {
  name: 'pipeline',
  question: 'How many CPU-seconds does an hour of stream cost, without speech recognition?',
  prepare: async (scale) => {
    const seconds = scale === 'quick' ? 120 : 600;
    const file = material(seconds);
    const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
    const perHour = 3600 / seconds;
    const at = { file, folder, perHour };
    const servers = [
      ours('features', { CLIPPY_SCENES: 'off' }, at),
      ours('featuresOff', { CLIPPY_SCENES: 'off', CLIPPY_FEATURES: 'off' }, at),
      ours('withScenes', { CLIPPY_SCENES: 'on' }, at),
    ];
    const floor = await storeOnly(file, folder, perHour);
    const copy = async () => ({ cpuS: (await cpuOf(ffmpegPath(), ['-v', 'error', '-y', '-i', file, '-c', 'copy', join(folder, 'copy.mp4')])) * perHour });
    const spawns = async () => {
      let spawned = 0;
      // A tenth of the chunks is enough to know the rest: each spawn costs the same.
      const sampled = Math.max(3, Math.floor(seconds / CHUNK_S / 10));
      for (let chunk = 0; chunk < sampled; chunk += 1) {
        spawned += await cpuOf(ffmpegPath(), ['-v', 'error', '-y', '-ss', String(chunk * CHUNK_S), '-t', String(CHUNK_S), '-i', file, '-vn', '-ac', '1', '-ar', '16000', '-f', 'wav', join(folder, 'chunk.wav')]);
      }
      return { cpuS: (spawned / sampled) * (3600 / CHUNK_S) };
    };
    return {
      rounds: scale === 'quick' ? 3 : 7,
      contenders: [...servers, { name: 'copy', run: copy }, { name: 'spawns', run: spawns }, await decodeOnly(file, perHour), floor],
      ratios: [
        { name: 'featuresToCopy', of: 'features.cpuS', to: 'copy.cpuS' },
        { name: 'featuresOffToCopy', of: 'featuresOff.cpuS', to: 'copy.cpuS' },
        { name: 'withScenesToCopy', of: 'withScenes.cpuS', to: 'copy.cpuS' },
        { name: 'featuresToDecodeOnly', of: 'features.cpuS', to: 'decodeOnly.cpuS' },
        { name: 'featuresOffToStoreOnly', of: 'featuresOff.cpuS', to: 'storeOnly.cpuS' },
        { name: 'storeOnlyToCopy', of: 'storeOnly.cpuS', to: 'copy.cpuS' },
        { name: 'featuresToSpawns', of: 'features.cpuS', to: 'spawns.cpuS' },
      ],
      goals: [{ name: 'featuresToCopy', atMost: 1.5 }, { name: 'featuresOffToCopy', atMost: 0.6 }],
      units: { cpuS: 'CPU-s per hour', mainS: 'CPU-s per hour', threadsS: 'CPU-s per hour', childrenS: 'CPU-s per hour' },
      close: async () => {
        await Promise.all([...servers, floor].map((contender) => contender.close()));
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};
