// A WebM file as packets come, by mediabunny.
import type { FileHandle } from 'node:fs/promises';
import { Output, StreamTarget, WebMOutputFormat } from 'mediabunny';
import type { ClipWriter } from './clip-writer.ts';
import type { Track } from './media.ts';
import { outputTrack } from './output-track.ts';
import type { OutputTrack } from './output-track.ts';

/** WebM is interleaved by time: a track that has been silent for longer is not waited for. */
const PATIENCE_MS = 30_000;
/** mediabunny gathers what it writes in pieces of this; its own 16 MiB are allocated twice for the smallest clip. */
const WRITE_BYTES = 1024 * 1024;

type Lane = { output: OutputTrack; lastMs: number; closed: boolean };

/** No packet is before `originMs`, the time where the file begins. */
export const openWebm = async ({ file, tracks, originMs }: { file: FileHandle; tracks: Track[]; originMs: number }): Promise<ClipWriter> => {
  // Not mediabunny's FilePathTarget: that one leaves its file open where finishing fails.
  const target = new StreamTarget(new WritableStream({ write: async ({ data, position }) => void (await file.write(data, 0, data.byteLength, position)) }), { chunked: true, chunkSize: WRITE_BYTES });
  const output = new Output({ format: new WebMOutputFormat(), target });
  const lanes = new Map(tracks.map((track): [number, Lane] => [track.number, { output: outputTrack(output, track), lastMs: originMs, closed: false }]));
  await output.start();
  let dropped = 0;

  const closeSilent = (nowMs: number): void => {
    for (const lane of lanes.values()) {
      if (lane.closed || nowMs - lane.lastMs < PATIENCE_MS) continue;
      lane.closed = true;
      lane.output.close();
    }
  };
  return {
    add: async (packet) => {
      const lane = lanes.get(packet.track);
      if (!lane) throw new RangeError(`track ${packet.track} is not of this clip`);
      if (lane.closed) dropped += 1;
      else await lane.output.add(packet, packet.startMs - originMs);
      lane.lastMs = packet.startMs;
      closeSilent(packet.startMs);
    },
    finish: async () => {
      await output.finalize();
      return { mime: await output.getMimeType(), bytes: (await file.stat()).size, dropped };
    },
    cancel: async () => {
      if (output.state === 'started') await output.cancel();
    },
  };
};
