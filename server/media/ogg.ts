// Opus packets in Ogg, untouched: RFC 3533 (pages), RFC 7845 (Opus in Ogg).
import { concat, viewOf } from './bytes.ts';
import type { Packet, Track } from './media.ts';
import { OPUS_RATE, opusHead, opusSamples } from './opus.ts';

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  return crc >>> 0;
});

const crcOf = (bytes: Uint8Array): number => {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  return crc;
};

const [BEGIN, END] = [2, 4];
const SERIAL = 0x636c_6970;
const MAX_SEGMENTS = 255;

type Page = { flags: number; granule: number; sequence: number; packets: Uint8Array[] };

/** Segments a packet takes in a page: 255 bytes each, the last one shorter than 255. */
const segmentsOf = (size: number): number => Math.floor(size / 255) + 1;

const writePage = ({ flags, granule, sequence, packets }: Page): Uint8Array => {
  const lacing = packets.flatMap(({ length }) => [...Array<number>(segmentsOf(length) - 1).fill(255), length % 255]);
  const header = new Uint8Array(27 + lacing.length);
  const view = viewOf(header);
  header.set([0x4f, 0x67, 0x67, 0x53, 0, flags]);
  view.setBigUint64(6, BigInt(granule), true);
  view.setUint32(14, SERIAL, true);
  view.setUint32(18, sequence, true);
  header[26] = lacing.length;
  header.set(lacing, 27);
  const page = concat([header, ...packets]);
  viewOf(page).setUint32(22, crcOf(page), true);
  return page;
};

const opusTags = (): Uint8Array => {
  const encoder = new TextEncoder();
  const vendor = encoder.encode('Clippy');
  const tags = concat([encoder.encode('OpusTags'), new Uint8Array(4), vendor, new Uint8Array(4)]);
  viewOf(tags).setUint32(8, vendor.length, true);
  return tags;
};

/** 20 ms of silence, CELT fullband, mono or stereo. */
const SILENCE_MS = 20;
const silence = (channels: number): Uint8Array => Uint8Array.of(channels === 1 ? 0xf8 : 0xfc, 0xff, 0xfe);
/** A hole this long is one; longer ones are not filled: nobody sends half an hour of silence to a transcriber. */
const MAX_HOLE_MS = 60_000;

/** Ogg counts samples, not times: a hole would shift what follows, so it is filled with silence. */
const withoutHoles = (packets: Packet[], channels: number): { data: Uint8Array; samples: number }[] => {
  const filled: { data: Uint8Array; samples: number }[] = [];
  let endMs = packets[0]?.startMs ?? 0;
  for (const packet of packets) {
    const samples = opusSamples(packet.data);
    if (samples === 0) continue;
    const holeMs = packet.startMs - endMs;
    const missing = holeMs > MAX_HOLE_MS ? 0 : Math.max(0, Math.floor(holeMs / SILENCE_MS));
    for (let i = 0; i < missing; i++) filled.push({ data: silence(channels), samples: (OPUS_RATE / 1000) * SILENCE_MS });
    filled.push({ data: packet.data, samples });
    endMs = (holeMs > MAX_HOLE_MS ? packet.startMs : endMs + missing * SILENCE_MS) + (samples / OPUS_RATE) * 1000;
  }
  return filled;
};

/**
 * The packets as an Ogg file whose first sample is heard at the first packet's `startMs`: the pre-skip is 0, because a window cut out of
 * the middle of a stream has no decoder start to hide, and times of packets already leave the encoder's delay out.
 */
export const oggOpus = (track: Track, packets: Packet[]): Uint8Array => {
  const head = opusHead(track).slice();
  viewOf(head).setUint16(10, 0, true);
  const pages = [writePage({ flags: BEGIN, granule: 0, sequence: 0, packets: [head] }), writePage({ flags: 0, granule: 0, sequence: 1, packets: [opusTags()] })];
  let granule = 0;
  let open: Uint8Array[] = [];
  let segments = 0;
  const flush = (flags: number): void => {
    pages.push(writePage({ flags, granule, sequence: pages.length, packets: open }));
    [open, segments] = [[], 0];
  };
  for (const { data, samples } of withoutHoles(packets, head[9] ?? 2)) {
    const needed = segmentsOf(data.length);
    if (needed > MAX_SEGMENTS) continue; // no Opus packet is longer than 61,298 bytes (RFC 6716 §3.4)
    if (segments + needed > MAX_SEGMENTS) flush(0);
    open.push(data);
    segments += needed;
    granule += samples;
  }
  flush(END);
  return concat(pages);
};
