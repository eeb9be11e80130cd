// The media ports of a simulated server: they understand the payload of media.ts and nothing else, and give the same answer each time.
import { sumsOf } from '../../block-sums.ts';
import { crc32c } from '../../../shared/crc32c.ts';
import type { Word } from '../../../shared/model.ts';
import { MediaError, ProviderError } from '../../errors.ts';
import type { Packet } from '../../media/media.ts';
import type { CutFiles } from '../../pipeline/cut.ts';
import { type AudioFrame, FRAME_MS, type Judge, type MediaTool, type OpenAudioAnalyser, type Transcriber } from '../../ports.ts';
import type { Life } from './life.ts';
import { PACKET_MS, said, wordText } from './media.ts';

/** A word fills the beginning of its packet; the rest is quiet. */
export const WORD_MS = 300;

/** What is this loud is cheered. */
const LAUGHTER = 100;

/** A packet's tenths of a second. */
const framesOf = (packet: Packet, fromMs: number): AudioFrame[] => {
  const { loud, voice } = said(packet.data);
  const frames: AudioFrame[] = [];
  for (let startMs = Math.ceil(packet.startMs / FRAME_MS) * FRAME_MS; startMs + FRAME_MS <= packet.startMs + packet.durationMs + 0.5; startMs += FRAME_MS) {
    if (startMs < fromMs) continue;
    frames.push({ startMs, loudness: -70 + loud / 2, onset: loud / 512, voice: voice && startMs - packet.startMs < WORD_MS ? 0.9 : 0.05, laughter: loud >= LAUGHTER ? 0.8 : 0 });
  }
  return frames;
};

export const openAudioThrough = (life: Life): OpenAudioAnalyser => ({ startMs }) => ({
  push: (packets) => life.call('audio', 'push', () => packets.flatMap((packet) => framesOf(packet, startMs))),
  end: () => life.call('audio', 'end', () => []),
  close: async () => {},
});

/** Pairs of (start ms, word), as numbers where sound would be. */
export const decodePcmThrough = (life: Life) => ({ packets, startMs, endMs }: { packets: Packet[]; startMs: number; endMs: number }): Promise<Float32Array> =>
  life.call('audio', 'pcm', () => Float32Array.from(packets.flatMap((packet) => {
    const { word } = said(packet.data);
    return word === 0 || packet.startMs < startMs - 0.5 || packet.startMs + WORD_MS > endMs + 0.5 ? [] : [packet.startMs, word];
  })));

export const transcriberThrough = (life: Life, kind: Transcriber['kind']): Transcriber => ({
  name: 'simulated', kind,
  transcribe: async (audio) => {
    const sound = await audio.pcm();
    const words: Word[] = [];
    for (let i = 0; i + 1 < sound.length; i += 2) words.push({ startMs: sound[i]!, endMs: sound[i]! + WORD_MS, text: wordText(sound[i + 1]!), confidence: 0.9 }); // i + 1 < length
    return life.call('transcriber', 'transcribe', () => ({ words, untilMs: audio.endMs, language: 'en', model: 'simulated' }));
  },
  state: () => ({ name: 'simulated', status: 'ok', note: '', spentHour: 0, spentDay: 0, budgetHour: 0, budgetDay: 0 }),
  close: async () => {},
});

/** Keeps what it is asked about, vetoes every fourth, and now and then quotes what nobody said. */
export const judgeThrough = (life: Life): Judge => ({
  name: 'simulated',
  judge: ({ highlight, words }) => life.call('judge', 'judge', () => {
    const inside = words.filter((word) => word.startMs >= highlight.startMs && word.endMs <= highlight.endMs).map((word) => word.text);
    const quote = inside.slice(0, 3).join(' ');
    const fate = Math.round(highlight.startMs / 100) % 8;
    if (inside.length === 0) throw new ProviderError('simulated', 'garbage', 'nothing was said');
    return { keep: fate % 4 !== 3, title: `said ${inside[0] ?? ''}`, quote: fate === 5 ? 'never said' : quote, firstWords: inside[0] ?? '', lastWords: inside.at(-1) ?? '', reason: 'simulated' };
  }),
  state: () => ({ name: 'simulated', status: 'ok', note: '', spentHour: 0, spentDay: 0, budgetHour: 0, budgetDay: 0 }),
});

/** A cut clip's file: its range, and which bytes of the recording it holds. */
export type ClipFile = { startMs: number; endMs: number; packets: { byteStart: number; byteLength: number; crc: number; startMs: number }[] };

/** Files of cuts, in memory; they die with the process. */
export const cutFilesThrough = (life: Life): { files: CutFiles; tool: MediaTool; read: (path: string) => Uint8Array | undefined; left: () => string[] } => {
  const kept = new Map<string, Uint8Array>();
  const mustRead = (path: string): Uint8Array => {
    const bytes = kept.get(path);
    if (!bytes) throw new MediaError('tool', `no file ${path}`);
    return bytes;
  };
  return {
    read: (path) => kept.get(path),
    left: () => [...kept.keys()],
    files: {
      makeDir: async () => {},
      remove: async (path) => void kept.delete(path),
      sums: async (path) => sumsOf(mustRead(path)),
      mux: async ({ tracks, packets, startMs, endMs, target }, signal) => {
        const wanted = new Set(tracks.map(({ number }) => number));
        const taken: ClipFile['packets'] = [];
        let untilMs = 0;
        for await (const batch of packets) {
          signal.throwIfAborted();
          for (const packet of batch) {
            if (packet.startMs >= endMs || !wanted.has(packet.track)) continue;
            untilMs = Math.max(untilMs, packet.startMs + packet.durationMs);
            taken.push({ byteStart: packet.byteStart, byteLength: packet.byteLength, crc: crc32c(packet.data), startMs: packet.startMs });
          }
        }
        if (taken.length === 0 || untilMs <= startMs) throw new MediaError('incomplete', `no media between ${startMs} and ${endMs} ms`);
        const file: ClipFile = { startMs, endMs: Math.min(endMs, untilMs), packets: taken };
        const bytes = new TextEncoder().encode(JSON.stringify(file));
        await life.call('tool', 'mux', () => void kept.set(target, bytes));
        return { mime: 'video/mp4', container: 'mp4', startMs: file.startMs, endMs: file.endMs, width: 64, height: 36, bytes: bytes.length, trackCount: 2, dropped: 0 };
      },
    },
    tool: {
      version: 'simulated', path: '',
      verify: (path) => life.call('tool', 'verify', () => {
        const { startMs, endMs, packets } = JSON.parse(new TextDecoder().decode(mustRead(path))) as ClipFile;
        return { durationMs: endMs - startMs, videoFrames: packets.length, audioSamples: packets.length * PACKET_MS * 48, width: 64, height: 36, errors: [] };
      }),
      thumbnail: (path) => life.call('tool', 'thumbnail', () => mustRead(path).slice(0, 8)),
      reencode: () => Promise.reject(new MediaError('tool', 'nothing is re-encoded here')),
    },
  };
};
