// Audio analysis in media workers: one seat per session, batches of packets in, frames out.
import { MediaError } from '../errors.ts';
import type { Packet, Track } from '../media/media.ts';
import type { AudioAnalyser, AudioFrame, OpenAudioAnalyser } from '../ports.ts';
import { MAX_BATCH_BYTES, packPackets, unpackFrames, type MediaReply, type MediaRequest } from '../workers/media-messages.ts';
import type { MediaPool } from '../workers/media-pool.ts';
import type { Seat } from '../workers/pool.ts';

const audioOf = (track: Track, packets: Packet[]): ReturnType<typeof packPackets> => {
  const audio = packets.filter((packet) => packet.track === track.number && packet.kind === 'audio');
  const bytes = audio.reduce((sum, packet) => sum + packet.data.length, 0);
  if (bytes > MAX_BATCH_BYTES) throw new MediaError('limit', `${bytes} bytes of audio in one batch; at most ${MAX_BATCH_BYTES}`);
  return packPackets(audio);
};

const framesOf = (reply: MediaReply): AudioFrame[] => ('frames' in reply ? unpackFrames(reply.frames) : []);

/** A thrown or aborted call leaves the stream's state unknown: close the analyser and open another from the saved cursor. */
const analyser = (seat: Seat<MediaRequest, MediaReply>, options: { session: string; track: Track; startMs: number }): AudioAnalyser => {
  const { session, track, startMs } = options;
  let state: 'new' | 'open' | 'broken' | 'closed' = 'new';
  const call = async (request: MediaRequest, transfer: ArrayBuffer[], signal: AbortSignal): Promise<AudioFrame[]> => {
    if (state === 'broken' || state === 'closed') throw new MediaError('tool', `the audio analyser of ${session} is ${state}; open another`);
    try {
      signal.throwIfAborted();
      if (state === 'new') await seat.run({ op: 'open', session, track, startMs }, [], signal);
      state = 'open';
      return framesOf(await seat.run(request, transfer, signal));
    } catch (error) {
      state = 'broken';
      throw error;
    }
  };
  return {
    push: async (packets, signal) => {
      const packed = audioOf(track, packets);
      return call({ op: 'push', session, packets: packed }, [packed.index.buffer, packed.bytes.buffer], signal);
    },
    end: (signal) => call({ op: 'end', session }, [], signal),
    close: async () => {
      if (state === 'closed') return;
      const seated = state !== 'new';
      state = 'closed';
      try {
        // a worker that crashed has nothing left to close
        if (seated) await seat.run({ op: 'close', session }, [], AbortSignal.timeout(5_000)).catch(() => undefined);
      } finally {
        seat.release();
      }
    },
  };
};

/** Packets should begin a second before `startMs`: filters and decoder settle in it. */
export const createAudioAnalysers = ({ pool }: { pool: MediaPool }): OpenAudioAnalyser => {
  let opened = 0;
  return ({ sessionId, track, startMs }) => analyser(pool.seat(), { session: `${sessionId}#${++opened}`, track, startMs });
};

/**
 * 16 kHz mono of `[startMs, endMs)`, for local engines. Give packets from 100 ms before `startMs` where there are any.
 * Throws `MediaError` unsupported, limit, tool.
 */
export type DecodePcm = (options: { track: Track; packets: Packet[]; startMs: number; endMs: number }, signal: AbortSignal) => Promise<Float32Array>;

export const createPcmDecoder =
  ({ pool }: { pool: MediaPool }): DecodePcm =>
  async ({ track, packets, startMs, endMs }, signal) => {
    const packed = audioOf(track, packets);
    const reply = await pool.run({ op: 'pcm', track, packets: packed, startMs, endMs }, [packed.index.buffer, packed.bytes.buffer], signal);
    if (!('pcm' in reply)) throw new MediaError('tool', 'the media worker answered without PCM');
    return reply.pcm;
  };
