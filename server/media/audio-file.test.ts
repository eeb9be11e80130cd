import { readFileSync, writeFileSync } from 'node:fs';
import { OpusDecoder } from 'opus-decoder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFfmpeg } from '../workers/ffmpeg.ts';
import { audioFile } from './audio-file.ts';
import type { Packet, Track } from './media.ts';
import { oggOpus } from './ogg.ts';
import { opusSamples } from './opus.ts';
import { ffmpeg, ffmpegBinary, makeMp4, makeWebm, packetsOf, temporaryFolder } from '../testing/test-media.ts';
import { createWalker } from './walker.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const made = { mp4: folder.path('live.mp4'), webm: folder.path('live.webm'), vorbis: folder.path('vorbis.webm') };
beforeAll(async () => {
  await Promise.all([makeMp4(made.mp4, 4), makeWebm(made.webm, 4)]);
  await ffmpeg('-i', made.mp4, '-vn', '-c:a', 'libvorbis', '-f', 'webm', made.vorbis);
});
const never = new AbortController().signal;

const audioOf = (file: string, fromMs = 1000, toMs = 3000): { track: Track; packets: Packet[] } => {
  const walker = createWalker({ videoData: false });
  const events = [...walker.push(new Uint8Array(readFileSync(file))), ...walker.end()];
  const track = events.flatMap((event) => (event.type === 'init' ? event.init.tracks : [])).find(({ kind }) => kind === 'audio');
  if (!track) throw new Error('no audio');
  return { track, packets: packetsOf(events).filter((packet) => packet.kind === 'audio' && packet.startMs >= fromMs && packet.startMs < toMs) };
};

/** 48 kHz mono, as FFmpeg decodes it */
const decode = async (bytes: Uint8Array, demuxer: string): Promise<Float32Array> => {
  // MP4 is not read from a pipe
  const file = folder.path('audio');
  writeFileSync(file, bytes);
  const { stdout, stderr } = await runFfmpeg({ path: ffmpegBinary.path, args: ['-v', 'error', '-f', demuxer, '-i', file, '-ac', '1', '-ar', '48000', '-f', 'f32le', 'pipe:1'], maxOutputBytes: 1 << 26, timeoutMs: 20_000 }, never);
  expect(stderr).toBe('');
  return new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
};
const rms = (pcm: Float32Array): number => Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length);

describe('[X14] Opus as Ogg', () => {
  it('decodes to every sample of its packets, from the first one on', async () => {
    const { track, packets } = audioOf(made.webm);
    const { bytes, mime, name } = await audioFile(track, packets);
    expect([mime, name]).toEqual(['audio/ogg', 'audio.ogg']);
    const pcm = await decode(bytes, 'ogg');
    expect(pcm.length).toBe(packets.reduce((sum, packet) => sum + opusSamples(packet.data), 0));
    expect(rms(pcm)).toBeGreaterThan(0.05);
  });

  it('holds the packets untouched', async () => {
    const { track, packets } = audioOf(made.webm);
    const ogg = oggOpus(track, packets);
    for (const { data } of packets.filter((packet) => packet.data.length < 255)) expect(Buffer.from(ogg).indexOf(data)).toBeGreaterThan(0);
    const decoder = new OpusDecoder({ channels: 2, streamCount: 1, coupledStreamCount: 1, channelMappingTable: [0, 1] });
    await decoder.ready;
    const { samplesDecoded, errors } = decoder.decodeFrames(packets.map(({ data }) => data));
    decoder.free();
    expect(errors).toEqual([]);
    expect(samplesDecoded).toBe((await decode(ogg, 'ogg')).length);
  });

  it('fills a hole with silence, so that what follows keeps its time', async () => {
    const { track, packets } = audioOf(made.webm);
    const holed = packets.filter((packet) => packet.startMs < 1500 || packet.startMs >= 2100);
    const pcm = await decode(oggOpus(track, holed), 'ogg');
    expect(Math.abs(pcm.length / 48 - 2000)).toBeLessThanOrEqual(40);
    const originMs = packets[0]?.startMs ?? 0;
    const at = (ms: number) => Math.round((ms - originMs) * 48);
    expect(rms(pcm.subarray(at(1700), at(2050)))).toBeLessThan(0.005);
    expect(rms(pcm.subarray(at(2200), at(2900)))).toBeGreaterThan(0.05);
  });

  it('takes packets over a page long, and no packets', async () => {
    const { track } = audioOf(made.webm);
    const long: Packet = { track: 1, kind: 'audio', startMs: 0, durationMs: 20, key: true, byteStart: 0, byteLength: 1275, data: new Uint8Array(1275).fill(0xf8) };
    const ogg = Buffer.from(oggOpus(track, Array.from({ length: 200 }, (_, i) => ({ ...long, startMs: i * 20 }))));
    expect(ogg.toString('latin1').split('OggS').length - 1).toBeGreaterThan(5);
    await expect(audioFile(track, [])).rejects.toMatchObject({ code: 'incomplete' });
  });
});

describe('[X15] other codecs', () => {
  it('puts AAC into MP4, all of it', async () => {
    const { track, packets } = audioOf(made.mp4);
    const { bytes, mime } = await audioFile(track, packets);
    expect(mime).toBe('audio/mp4');
    const pcm = await decode(bytes, 'mp4');
    expect(pcm.length).toBe(packets.length * 1024);
    expect(rms(pcm)).toBeGreaterThan(0.05);
  });

  it('puts Vorbis into WebM', async () => {
    const { track, packets } = audioOf(made.vorbis);
    const { bytes, mime } = await audioFile(track, packets);
    expect(mime).toBe('audio/webm');
    const pcm = await decode(bytes, 'matroska');
    expect(Math.abs(pcm.length / 48 - 2000)).toBeLessThan(60);
    expect(rms(pcm)).toBeGreaterThan(0.05);
  });

  it('refuses what no transcriber takes', async () => {
    const { track, packets } = audioOf(made.mp4);
    await expect(audioFile({ ...track, codec: 'other', codecName: 'A_AC3' }, packets)).rejects.toMatchObject({ code: 'unsupported' });
  });
});
