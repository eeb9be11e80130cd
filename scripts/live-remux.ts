// A file's packets, untouched, as a live byte stream: fragmented MP4 in fragments of at most about a second, or WebM/Matroska
// that is only ever appended to. Memory is bounded by a second of media.
import { AppendOnlyStreamTarget, EncodedAudioPacketSource, EncodedPacketSink, EncodedVideoPacketSource, MkvOutputFormat, Output, WebMOutputFormat } from 'mediabunny';
import type { AudioCodec, EncodedPacket, InputAudioTrack, InputVideoTrack, VideoCodec } from 'mediabunny';
import { MediaError } from '../server/errors.ts';
import { concat } from '../server/media/bytes.ts';
import { nalUnits } from '../server/media/nal.ts';
import { fragment, initSegment } from './live-fragments.ts';
import type { Sample, TrackHead } from './live-fragments.ts';

type LaneBase = { packets: AsyncGenerator<EncodedPacket>; first: EncodedPacket };
export type Lane = LaneBase &
  (
    | { kind: 'video'; track: InputVideoTrack; codec: VideoCodec; config: VideoDecoderConfig; /** how long a picture may wait to be shown */ reorderS: number }
    | { kind: 'audio'; track: InputAudioTrack; codec: AudioCodec; config: AudioDecoderConfig }
  );

const FRAGMENT_S = 1;
/** a keyframe begins a fragment, unless the one before would be shorter */
const FRAGMENT_MIN_S = 0.5;
/** H.264 and HEVC reorder at most 16 pictures */
const REORDER = 17;
const LATE_S = 1;

async function* chain(first: EncodedPacket[], rest: AsyncGenerator<EncodedPacket>): AsyncGenerator<EncodedPacket> {
  yield* first;
  yield* rest;
}

/** Sound that ends before zero (encoder priming) or begins after the edit is never presented; pictures are kept, others may need them. */
async function* presented(packets: AsyncGenerator<EncodedPacket>, endS: number): AsyncGenerator<EncodedPacket> {
  for await (const packet of packets) {
    if (packet.timestamp >= endS) return;
    if (packet.timestamp < 0 && packet.timestamp + packet.duration <= 1e-6) continue;
    yield packet;
  }
}

const missing = (what: string): MediaError => new MediaError('unsupported', `${what} has no decoder configuration; re-encode the file with FFmpeg first`);

export const videoLane = async (track: InputVideoTrack): Promise<Lane> => {
  const packets = new EncodedPacketSink(track).packets();
  const [codec, config] = [await track.getCodec(), await track.getDecoderConfig()];
  const ahead: EncodedPacket[] = [];
  for (let left = 2 * REORDER; left > 0; left--) {
    const next = await packets.next();
    if (next.done) break;
    ahead.push(next.value);
  }
  const [first] = ahead;
  if (!codec || !config || !first) throw missing('the video track');
  const shown = ahead.map(({ timestamp }) => timestamp).sort((a, b) => a - b);
  const reorderS = Math.max(0, ...ahead.slice(0, REORDER).map(({ timestamp }, at) => (shown[at] ?? timestamp) - timestamp));
  const [displayAspectWidth, displayAspectHeight] = [await track.getDisplayWidth(), await track.getDisplayHeight()];
  const turned = (await track.getRotation()) % 180 !== 0;
  const aspect = turned ? { displayAspectWidth: displayAspectHeight, displayAspectHeight: displayAspectWidth } : { displayAspectWidth, displayAspectHeight };
  return { kind: 'video', track, codec, config: { ...aspect, ...config }, packets: chain(ahead, packets), first, reorderS };
};

/** null: nothing of the track is presented */
export const audioLane = async (track: InputAudioTrack, endS: number): Promise<Lane | null> => {
  const packets = presented(new EncodedPacketSink(track).packets(), endS);
  const [codec, config, first] = [await track.getCodec(), await track.getDecoderConfig(), await packets.next()];
  if (first.done) return null;
  if (!codec || !config) throw missing('an audio track');
  return { kind: 'audio', track, codec, config, packets: chain([first.value], packets), first: first.value };
};

const annexBToPrefixed = (data: Uint8Array): Uint8Array =>
  concat(
    nalUnits(data).flatMap((unit) => {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, unit.length);
      return [length, unit];
    }),
  );

/** ISO/IEC 13818-7 §6.2: 7 bytes, 9 with a checksum */
const withoutAdts = (data: Uint8Array): Uint8Array => (data[0] === 0xff && ((data[1] ?? 0) & 0xf6) === 0xf0 ? data.subarray((data[1] ?? 0) & 1 ? 7 : 9) : data);

const payloadOf = (lane: Lane): ((data: Uint8Array) => Uint8Array) => {
  if (lane.config.description) return (data) => data;
  if (lane.codec === 'avc' || lane.codec === 'hevc') return annexBToPrefixed;
  return lane.codec === 'aac' ? withoutAdts : (data) => data;
};

/**
 * Decode times, so that no picture is shown before it is decoded: the presentation times in order, early by the reorder
 * delay, and never behind a picture still to come. (Signed offsets would need no delay, but FFmpeg shifts the picture by them.)
 */
async function* decodeTimes(lane: Lane, options: { timescale: number; shiftS: number }): AsyncGenerator<Omit<Sample, 'duration'> & { lastS: number }> {
  const payload = payloadOf(lane);
  const [depth, delay] = lane.kind === 'video' ? [REORDER, Math.round(lane.reorderS * options.timescale)] : [1, 0];
  const ahead: { packet: EncodedPacket; present: number }[] = [];
  const times: number[] = []; // ascending
  let last = 0;
  const next = (): (Omit<Sample, 'duration'> & { lastS: number }) | null => {
    const latest = Math.min(...ahead.map(({ present }) => present));
    const head = ahead.shift();
    if (!head) return null;
    const decode = (last = Math.max(last, Math.min((times.shift() ?? head.present) - delay, latest)));
    return { data: payload(head.packet.data), key: head.packet.type === 'key', decode, present: Math.max(decode, head.present), lastS: head.packet.duration };
  };
  for await (const packet of lane.packets) {
    const present = Math.round((packet.timestamp + options.shiftS) * options.timescale);
    ahead.push({ packet, present });
    let at = times.length;
    while (at > 0 && (times[at - 1] ?? 0) > present) at--;
    times.splice(at, 0, present);
    if (ahead.length > depth) yield next()!; // more than `depth` wait
  }
  for (let sample = next(); sample; sample = next()) yield sample;
}

/** A sample lasts until the next one is decoded. */
async function* samplesOf(lane: Lane, options: { timescale: number; shiftS: number }): AsyncGenerator<Sample> {
  let held: (Omit<Sample, 'duration'> & { lastS: number }) | null = null;
  for await (const sample of decodeTimes(lane, options)) {
    if (held) yield { ...held, duration: sample.decode - held.decode };
    held = sample;
  }
  if (held) yield { ...held, duration: Math.round(held.lastS * options.timescale) };
}

/** Nothing may begin below zero, neither hidden sound nor the decoding of the first picture; a stream that begins late (MPEG-TS) begins at zero. */
const shiftOf = (lanes: Lane[]): number => {
  const needed = Math.max(...lanes.map((lane) => (lane.kind === 'video' ? lane.reorderS : 0) - lane.first.timestamp));
  return needed > 0 || needed < -LATE_S ? needed : 0;
};

/** Fragmented MP4: a fragment per keyframe or second, whichever comes first. */
export async function* remuxMp4(lanes: Lane[]): AsyncGenerator<Uint8Array> {
  const shiftS = shiftOf(lanes);
  const sound = lanes.at(-1);
  const hidden = sound?.kind === 'audio' && sound.codec === 'aac' && sound.first.timestamp < 0 ? Math.round(-sound.first.timestamp * sound.config.sampleRate) : 0;
  const trackHeads = await Promise.all(
    lanes.map(async (lane): Promise<TrackHead> => {
      if (lane.kind === 'audio') return { kind: 'audio', codec: lane.codec, config: lane.config, first: lane.first };
      return { kind: 'video', codec: lane.codec, config: lane.config, rotation: await lane.track.getRotation(), first: lane.first };
    }),
  );
  const init = await initSegment(trackHeads, hidden);
  yield init.bytes;
  const streams = lanes.map((lane, at) => {
    const { id, timescale } = init.tracks[at] ?? { id: at + 1, timescale: 1000 };
    return { id, timescale, samples: samplesOf(lane, { timescale, shiftS }) };
  });
  const heads = await Promise.all(streams.map(({ samples }) => samples.next()));
  for (let sequence = 1; ; sequence++) {
    const due = streams.map(({ timescale }, at) => (heads[at]?.done === false ? heads[at].value.decode / timescale : Infinity));
    const startS = Math.min(...due);
    if (startS === Infinity) return;
    const batch: Sample[][] = streams.map(() => []);
    let endS = startS + FRAGMENT_S;
    for (const [at, { timescale, samples }] of streams.entries()) {
      for (let head = heads[at]; head && !head.done; head = heads[at] = await samples.next()) {
        const timeS = head.value.decode / timescale;
        const isKey = lanes[at]?.kind === 'video' && head.value.key && timeS - startS >= FRAGMENT_MIN_S;
        if (isKey) endS = Math.min(endS, timeS); // the other tracks end there too: video is the first
        if (timeS >= endS) break;
        batch[at]?.push(head.value);
      }
    }
    yield fragment(sequence, streams.map(({ id }, at) => ({ id, samples: batch[at] ?? [] })));
  }
}

type Feed = { add(packet: EncodedPacket, isFirst: boolean): Promise<void>; close(): void };

const sourceOf = (lane: Lane, output: Output): Feed => {
  if (lane.kind === 'video') {
    const source = new EncodedVideoPacketSource(lane.codec);
    output.addVideoTrack(source);
    return { add: (packet, isFirst) => source.add(packet, isFirst ? { decoderConfig: lane.config } : undefined), close: () => source.close() };
  }
  const source = new EncodedAudioPacketSource(lane.codec);
  output.addAudioTrack(source);
  return { add: (packet, isFirst) => source.add(packet, isFirst ? { decoderConfig: lane.config } : undefined), close: () => source.close() };
};

/** WebM or Matroska, appended block by block. */
export async function* remuxWebm(lanes: Lane[], container: 'webm' | 'mkv'): AsyncGenerator<Uint8Array> {
  let written: Uint8Array[] = [];
  const target = new AppendOnlyStreamTarget(new WritableStream<Uint8Array>({ write: (bytes) => void written.push(bytes.slice()) }));
  const output = new Output({ format: container === 'webm' ? new WebMOutputFormat({ appendOnly: true }) : new MkvOutputFormat({ appendOnly: true }), target });
  const taken = (): Uint8Array => {
    const bytes = concat(written);
    written = [];
    return bytes;
  };
  const shiftS = shiftOf(lanes);
  const feeds = lanes.map((lane) => ({ ...sourceOf(lane, output), packets: lane.packets, isFirst: true }));
  await output.start();
  const heads = await Promise.all(feeds.map(({ packets }) => packets.next()));
  for (;;) {
    const earliest = heads.reduce((best, head, at) => (head.done === false && (best < 0 || head.value.timestamp < (heads[best]?.value?.timestamp ?? Infinity)) ? at : best), -1);
    const [feed, head] = [feeds[earliest], heads[earliest]];
    if (!feed || !head || head.done) break;
    await feed.add(shiftS !== 0 ? head.value.clone({ timestamp: head.value.timestamp + shiftS }) : head.value, feed.isFirst);
    feed.isFirst = false;
    const next = (heads[earliest] = await feed.packets.next());
    if (next.done) feed.close(); // else the muxer waits for more of it
    if (written.length > 0) yield taken();
  }
  await output.finalize();
  yield taken();
}
