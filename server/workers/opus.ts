// Opus packets to 16 kHz PCM by libopus in WASM: sandboxed, so that untrusted packets cannot hurt the process.
import { OpusDecoder } from 'opus-decoder';
import { MediaError } from '../errors.ts';
import type { Track } from '../media/media.ts';
import { OPUS_RATE, opusHead, opusSamples } from '../media/opus.ts';
import { PCM_RATE, type PcmBlock } from '../media/pcm-frames.ts';
import type { PackedPacket } from './media-messages.ts';

/** RFC 7845 §5.1. Pre-skip in 48 kHz samples. */
type OpusHead = { channels: number; preSkip: number; gainDb: number; streams: number; coupled: number; mapping: number[] };

const MAX_CHANNELS = 8;

/** Throws `MediaError` unsupported (more than 8 channels) or malformed (a mapping that names no stream). */
export const parseOpusHead = (track: Track): OpusHead => {
  const head = opusHead(track);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const channels = view.getUint8(9);
  const common = { channels, preSkip: view.getUint16(10, true), gainDb: view.getInt16(16, true) / 256 };
  if (channels < 1 || channels > MAX_CHANNELS) throw new MediaError('unsupported', `Opus sound with ${channels} channels; 1 to ${MAX_CHANNELS} can be decoded`);
  // mapping family 0: one stream, mono or stereo
  if (view.getUint8(18) === 0 && channels <= 2) return { ...common, streams: 1, coupled: channels - 1, mapping: channels === 1 ? [0] : [0, 1] };
  if (head.length < 21 + channels) throw new MediaError('malformed', `OpusHead of ${head.length} bytes has no channel mapping for ${channels} channels`);
  const mapping = [...head.subarray(21, 21 + channels)];
  const streams = view.getUint8(19);
  const coupled = view.getUint8(20);
  const named = streams >= 1 && coupled <= streams && streams + coupled <= 2 * MAX_CHANNELS && mapping.every((stream) => stream === 255 || stream < streams + coupled);
  if (!named) throw new MediaError('malformed', `OpusHead names ${streams} streams, ${coupled} coupled, for mapping ${mapping.join(',')}`);
  return { ...common, streams, coupled, mapping };
};

/** opus-decoder prints every bad packet; they are counted here instead. */
const quietly = <T>(run: () => T): T => {
  const print = console.error;
  console.error = () => {};
  try {
    return run();
  } finally {
    console.error = print;
  }
};

/** opus-decoder's input buffer per channel; a longer packet would overrun it. 3840 bytes in 20 ms are 1.5 Mbit/s. */
const BUFFER_BYTES = 3840;
/** 16 kHz samples a packet stands for; 20 ms where it does not say */
const lengthOf = (packet: PackedPacket): number => Math.round(((opusSamples(packet.data) || 960) * PCM_RATE) / OPUS_RATE);

export type OpusPcm = { channels: number; decode(packet: PackedPacket): PcmBlock; corrupt(): number; close(): void };

/** One decoder, whose state is one stream's: about 0.2 MB resident. A packet that does not decode is silence of its length. */
export const openOpus = async (track: Track): Promise<OpusPcm> => {
  const head = parseOpusHead(track);
  const { channels, streams, coupled, mapping } = head;
  const decoder = new OpusDecoder({ sampleRate: PCM_RATE, channels, streamCount: streams, coupledStreamCount: coupled, channelMappingTable: mapping, forceStereo: false });
  await decoder.ready;
  const gain = 10 ** (head.gainDb / 20);
  let preSkip = Math.min(PCM_RATE, Math.ceil((head.preSkip * PCM_RATE) / OPUS_RATE));
  let corrupt = 0;
  const silence = (packet: PackedPacket): PcmBlock => {
    corrupt++;
    return { startMs: packet.startMs, channels: Array.from({ length: channels }, () => new Float32Array(lengthOf(packet))) };
  };
  return {
    channels,
    decode: (packet) => {
      if (packet.data.length === 0 || packet.data.length > BUFFER_BYTES * channels) return silence(packet);
      const decoded = quietly(() => decoder.decodeFrame(packet.data));
      if (decoded.errors.length > 0 || decoded.samplesDecoded <= 0) return silence(packet);
      const sound = decoded.channelData;
      if (gain !== 1) for (const samples of sound) for (let i = 0; i < samples.length; i++) samples[i]! *= gain;
      // the decoder is still settling here: silence keeps the time that these samples take
      if (preSkip > 0) {
        for (const samples of sound) samples.fill(0, 0, preSkip);
        preSkip -= decoded.samplesDecoded;
      }
      return { startMs: packet.startMs, channels: sound };
    },
    corrupt: () => corrupt,
    close: () => decoder.free(),
  };
};
