// A child of the bench: takes a file in as a recording (real timeline and media index), then cuts clips out of it as it is told:
// { what, from } → { bytes }. `what`: cut (mux and store), handles (the wider clip for trimming), verify, thumbnail (of the last cut).
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { liveMedia } from '../../scripts/live-media.ts';
import { crc32c } from '../../shared/crc32c.ts';
import { createFfmpegMediaTool } from '../adapters/media-tool.ffmpeg.ts';
import { createFolderStore } from '../adapters/object-store.folder.ts';
import { muxClip } from '../media/mux.ts';
import { HANDLE_MS } from '../pipeline/cut.ts';
import { createDecoder } from '../pipeline/decode.ts';
import { stretchAt } from '../pipeline/packets.ts';
import { createMediaIndex } from '../sessions/media-index.ts';
import { openTimeline } from '../sessions/timeline.ts';
import { findFfmpeg } from '../workers/ffmpeg.ts';
import { memoryLog } from './memory-log.ts';

type Order = { what: 'cut' | 'handles' | 'verify' | 'thumbnail'; fromMs: number };
const CLIP_MS = 30_000;
const [file, folder] = process.argv.slice(2) as [string, string]; // the bench gives both

const never = new AbortController().signal;
const tool = createFfmpegMediaTool(await findFfmpeg());
const store = await createFolderStore({ dir: join(folder, 'store') });
const log = await openTimeline({ dir: join(folder, 'session'), sessionId: 'bench', log: memoryLog(), indexCache: new LRUCache({ maxSize: 8 << 20, sizeCalculation: (index) => Math.max(1, index.byteLength) }) });
const index = await createMediaIndex({ dir: join(folder, 'session'), log: memoryLog() });
const media = await liveMedia(file, { slice: 'gop' });
let seq = 0;
for await (const { bytes, startMs, durationMs } of media.chunks) await log.append({ epoch: 1, seq: ++seq, crc: crc32c(bytes), startMs, durationMs, bytes });
media.close();
await log.finish();
const decoder = createDecoder({ log, index, fromMs: 0, scenes: false, onDamage: () => {}, onUnreadable: async (error) => { throw error; } });
for (let pulled = await decoder.next(never); pulled; pulled = await decoder.next(never)) await decoder.decode(pulled, never);

const target = join(folder, 'clip.mp4');
const cut = async (startMs: number, endMs: number): Promise<number> => {
  const { tracks, packets, free } = stretchAt({ log, index, startMs, endMs, kinds: 'all' }, never);
  const { bytes } = await muxClip({ tracks, packets, startMs, endMs, target }, never).finally(free);
  await store.putFile('bench/clip.mp4', target, 'video/mp4');
  return bytes;
};
const answer = async ({ what, fromMs }: Order): Promise<number> => {
  switch (what) {
    case 'cut': return cut(fromMs, fromMs + CLIP_MS);
    case 'handles': return cut(fromMs - HANDLE_MS, fromMs + CLIP_MS + HANDLE_MS);
    case 'verify': return (await tool.verify(target, { container: 'mp4' }, never)).videoFrames;
    case 'thumbnail': return (await tool.thumbnail(target, { container: 'mp4', atMs: 5_000, width: 480 }, never)).length;
    default: return what satisfies never;
  }
};
process.on('message', (order: Order) => void answer(order).then((bytes) => process.send?.({ bytes })));
process.on('disconnect', () => void rm(target, { force: true }).then(() => process.exit(0)));
process.send?.({ ready: true });
