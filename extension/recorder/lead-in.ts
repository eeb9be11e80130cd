// WebM has no edit list. To begin between keyframes, the pictures from the cut to the next keyframe are encoded anew (2 s at most
// in our recordings), and everything behind is copied: VP8 and VP9 decoders take a keyframe anywhere.
import { EncodedPacket, VideoSampleSink } from 'mediabunny';
import type { Tail, Timed } from './tail-packets.ts';

type Video = NonNullable<Tail['video']>;

const KEEP_UP_BITS_PER_PIXEL = 0.25;
const BUSY = 8;

const encodeLead = async (video: Video, start: number, until: number, signal: AbortSignal): Promise<Timed[]> => {
  const config = await video.track.getDecoderConfig();
  const [width, height] = [await video.track.getCodedWidth(), await video.track.getCodedHeight()];
  const made: Timed[] = [];
  let failure: DOMException | null = null;
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const packet = EncodedPacket.fromEncodedChunk(chunk);
      made.push({ packet, at: packet.timestamp, duration: packet.duration });
    },
    error: (error) => (failure = error),
  });
  try {
    encoder.configure({ codec: config?.codec ?? 'vp8', width, height, bitrate: Math.round(width * height * 30 * KEEP_UP_BITS_PER_PIXEL), latencyMode: 'quality' });
    for await (const sample of new VideoSampleSink(video.track).samples(start, until)) {
      signal.throwIfAborted();
      const from = Math.max(start, sample.timestamp);
      const frame = sample.toVideoFrame();
      const timed = new VideoFrame(frame, { timestamp: Math.round((from - start) * 1e6), duration: Math.round((Math.min(until, sample.timestamp + (sample.duration || until)) - from) * 1e6) });
      encoder.encode(timed); // the first one is a keyframe
      for (const each of [timed, frame, sample]) each.close();
      while (encoder.encodeQueueSize > BUSY && !failure) await new Promise((resolve) => setTimeout(resolve, 5)); // a failed encoder dequeues nothing
    }
    await encoder.flush();
    if (failure) throw failure;
    return made;
  } finally {
    if (encoder.state !== 'closed') encoder.close();
  }
};

/** Pictures of [start, end): the lead anew where the cut is not on a keyframe, the rest as recorded. */
export const cutPictures = async function* (video: Video, start: number, signal: AbortSignal): AsyncGenerator<Timed> {
  const next = video.key.timestamp < start ? await video.sink.getNextKeyPacket(video.key) : null;
  const copied = video.key.timestamp < start ? (next ? next.timestamp - start : Infinity) : 0;
  if (copied > 0) yield* await encodeLead(video, start, next?.timestamp ?? Infinity, signal);
  for await (const timed of video.packets('cut')) if (timed.at >= copied - 1e-6) yield timed;
};
