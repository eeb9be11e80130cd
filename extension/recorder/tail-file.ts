// Packets into a file. MP4 hides what lies before 0 by an edit list; WebM has none, so nothing before 0 may come.
import { BufferTarget, EncodedAudioPacketSource, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, Output, StreamTarget, WebMOutputFormat } from 'mediabunny';
import type { InputAudioTrack, InputVideoTrack, StreamTargetChunk, Target } from 'mediabunny';
import { ExtensionError } from '../messages.ts';
import type { Timed } from './tail-packets.ts';

export type Lane = { track: InputVideoTrack | InputAudioTrack; packets: AsyncGenerator<Timed> };

type Open = { packets: AsyncGenerator<Timed>; next: Timed; add(packet: EncodedPacket): Promise<void>; close(): void };

/** In the order of their times, so that no track waits for another in memory. */
const drain = async (open: Open[], signal: AbortSignal): Promise<void> => {
  const lanes = [...open];
  while (lanes.length > 0) {
    signal.throwIfAborted();
    const lane = lanes.reduce((least, other) => (other.next.at < least.next.at ? other : least));
    const { packet, at, duration } = lane.next;
    await lane.add(packet.clone({ timestamp: at, duration }));
    const next = await lane.packets.next();
    if (!next.done) lane.next = next.value;
    else {
      lane.close();
      lanes.splice(lanes.indexOf(lane), 1);
    }
  }
};

const openLane = async ({ track, packets }: Lane, output: Output): Promise<Open | null> => {
  const first = await packets.next();
  if (first.done) return null;
  let fresh = true;
  if (track.isVideoTrack()) {
    const [codec, decoderConfig, rotation] = [await track.getCodec(), await track.getDecoderConfig(), await track.getRotation()];
    if (!codec || !decoderConfig) throw new ExtensionError('media', 'the recorded picture has a codec this browser does not know; update the browser');
    const source = new EncodedVideoPacketSource(codec);
    output.addVideoTrack(source, { rotation });
    return { packets, next: first.value, close: () => source.close(), add: (packet) => source.add(packet, fresh ? ((fresh = false), { decoderConfig }) : undefined) };
  }
  const [codec, decoderConfig] = [await track.getCodec(), await track.getDecoderConfig()];
  if (!codec || !decoderConfig) throw new ExtensionError('media', 'the recorded sound has a codec this browser does not know; update the browser');
  const source = new EncodedAudioPacketSource(codec);
  output.addAudioTrack(source);
  return { packets, next: first.value, close: () => source.close(), add: (packet) => source.add(packet, fresh ? ((fresh = false), { decoderConfig }) : undefined) };
};

type Sink = { target: Target; blob(): Blob };

/** MP4 comes in order, so that it is in memory once and not twice; WebM goes back to fill in sizes. */
const sinkFor = (container: 'mp4' | 'webm'): Sink => {
  const type = `video/${container}`;
  if (container === 'webm') {
    const target = new BufferTarget();
    return { target, blob: () => new Blob([target.buffer ?? new ArrayBuffer(0)], { type }) };
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  return { target: new StreamTarget(new WritableStream<StreamTargetChunk>({ write: ({ data }) => void parts.push(data.slice()) })), blob: () => new Blob(parts, { type }) };
};

export const writeTail = async (lanes: Lane[], container: 'mp4' | 'webm', signal: AbortSignal): Promise<Blob> => {
  const { target, blob } = sinkFor(container);
  const output = new Output({ format: container === 'mp4' ? new Mp4OutputFormat({ fastStart: 'in-memory' }) : new WebMOutputFormat(), target });
  try {
    const open: Open[] = [];
    for (const lane of lanes) {
      const opened = await openLane(lane, output); // one after the other: the picture is the first track
      if (opened) open.push(opened);
    }
    await output.start();
    await drain(open, signal);
    await output.finalize();
    return blob();
  } catch (error) {
    if (output.state === 'started') await output.cancel();
    throw error;
  }
};
