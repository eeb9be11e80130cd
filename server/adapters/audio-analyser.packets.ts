// Sound that nobody decodes: the sizes of its packets tell only where it is coded silence. Frames have no loudness and no onset;
// whatever is not silence counts as voice, so that no word is kept from a transcriber.
import type { Packet } from '../media/media.ts';
import { type AudioAnalyser, type AudioFrame, FRAME_MS, type OpenAudioAnalyser } from '../ports.ts';

export const FEATURES_OFF = 'sound is not analysed (CLIPPY_FEATURES=off): moments come from words alone';

/** Codecs spend less than this only on silence: Opus codes speech from 6 kbit/s on, and silence in 1 to 3 bytes per 20 ms. */
const SILENT_KBPS = 4;

/** Keeps nothing but the tenths that are not over: any batching and any restart give the same frames. */
export const openPacketActivity: OpenAudioAnalyser = ({ startMs, track }): AudioAnalyser => {
  /** tenths with sound in them → not silent */
  const tenths = new Map<number, boolean>();
  const first = Math.ceil(startMs / FRAME_MS);
  let untilMs = 0;
  const take = (endMs: number): AudioFrame[] => {
    const frames: AudioFrame[] = [];
    for (const [tenth, loud] of tenths) {
      if ((tenth + 1) * FRAME_MS > endMs) continue;
      tenths.delete(tenth);
      frames.push({ startMs: tenth * FRAME_MS, loudness: -70, onset: 0, voice: loud ? 1 : 0, laughter: 0 });
    }
    return frames.sort((a, b) => a.startMs - b.startMs);
  };
  const mark = (packet: Packet): void => {
    const endMs = packet.startMs + Math.max(1, packet.durationMs);
    const loud = packet.data.length * 8 >= SILENT_KBPS * packet.durationMs;
    for (let tenth = Math.max(first, Math.floor(packet.startMs / FRAME_MS)); tenth * FRAME_MS < endMs; tenth += 1) tenths.set(tenth, loud || tenths.get(tenth) === true);
    untilMs = Math.max(untilMs, endMs);
  };
  return {
    push: async (packets) => {
      for (const packet of packets) if (packet.track === track.number && packet.kind === 'audio') mark(packet);
      return take(untilMs);
    },
    end: async () => take(Infinity),
    close: async () => {},
  };
};
