// Audio analysis without decoding, where packets tell enough: Opus in CELT mode, mono or stereo, which is what recorders make at
// usual rates. Everything else, and a stream from its first packet of another mode on, goes to an analyser that decodes.
import type { Packet, Track } from '../media/media.ts';
import { BandFeatures, isReadable } from '../media/band-features.ts';
import { opusHead } from '../media/opus.ts';
import { viewOf } from '../media/bytes.ts';
import { type AudioAnalyser, type AudioFrame, FRAME_MS, type OpenAudioAnalyser } from '../ports.ts';

/** Sound that an analyser wants to hear before its first frame. */
const PRE_ROLL_MS = 1_000;

const bandFeaturesOf = (track: Track): BandFeatures | null => {
  if (track.codec !== 'opus') return null;
  const head = opusHead(track);
  const channels = head[9] ?? 0;
  const mapping = head[18] ?? 0;
  return mapping === 0 && (channels === 1 || channels === 2) ? new BandFeatures(channels, viewOf(head).getInt16(16, true) / 256) : null;
};

type State = { is: 'bands'; features: BandFeatures } | { is: 'decoding'; analyser: AudioAnalyser };

export const createBandAnalysers = ({ decoding }: { decoding: OpenAudioAnalyser }): OpenAudioAnalyser => (options) => {
  const { track, startMs } = options;
  const found = bandFeaturesOf(track);
  let state: State = found ? { is: 'bands', features: found } : { is: 'decoding', analyser: decoding(options) };
  /** the last second, for an analyser that takes over */
  let recent: Packet[] = [];
  let untilMs = startMs;
  // as in the decoding path: a frame whose middle is before the start belongs to the run before
  const given = (frames: AudioFrame[]): AudioFrame[] => {
    const fresh = frames.filter((frame) => frame.startMs + FRAME_MS / 2 > startMs);
    untilMs = fresh.length > 0 ? fresh[fresh.length - 1]!.startMs + FRAME_MS : untilMs; // it has one
    return fresh;
  };
  const hear = (features: BandFeatures, packets: Packet[]): AudioFrame[] => {
    for (const packet of packets) features.push(packet);
    const last = packets.at(-1);
    if (last) recent = [...recent, ...packets].filter((packet) => packet.startMs >= last.startMs - PRE_ROLL_MS);
    return given(features.take());
  };
  return {
    push: async (packets, signal) => {
      if (state.is === 'decoding') return state.analyser.push(packets, signal);
      const mine = packets.filter((packet) => packet.track === track.number && packet.kind === 'audio');
      const other = mine.findIndex((packet) => !isReadable(packet.data));
      if (other < 0) return hear(state.features, mine);
      const frames = hear(state.features, mine.slice(0, other));
      state = { is: 'decoding', analyser: decoding({ ...options, startMs: untilMs }) };
      const caught = [...recent, ...mine.slice(other)];
      recent = [];
      return [...frames, ...(await state.analyser.push(caught, signal))];
    },
    end: async (signal) => (state.is === 'decoding' ? state.analyser.end(signal) : given(state.features.end())),
    close: async () => {
      if (state.is === 'decoding') await state.analyser.close();
    },
  };
};
