// A tab's stream as fragmented MP4: H.264 and Opus by WebCodecs, muxed by mediabunny. Pictures and sound lie on one clock
// (media-clock.ts); each piece of about two seconds begins with a keyframe and can be decoded after the `init` piece alone.
import { Mp4OutputFormat, NullTarget, Output, Quality, VideoSample, VideoSampleSource } from 'mediabunny';
import type { EncodedPacket } from 'mediabunny';
import { ExtensionError } from '../messages.ts';
import { FRAMES_PER_SECOND, GOP_MS, QUALITIES } from '../settings.ts';
import { boxPieces } from './box-pieces.ts';
import { framePacer } from './frame-pacer.ts';
import { mediaClock } from './media-clock.ts';
import type { MediaClock } from './media-clock.ts';
import { evenSize, inFrame } from './picture-box.ts';
import type { Size } from './picture-box.ts';
import { pieceQueue } from './piece-queue.ts';
import type { Encoder, EncoderOptions } from './ports.ts';
import { rates } from './rates.ts';
import { sampleChain } from './sample-chain.ts';
import { soundTrack } from './sound-track.ts';
import { within } from './within.ts';

/** one second of pictures: then frames are left out, and the next one is a keyframe */
const MAX_QUEUED = 30;
const TICK_MS = 12;
const START_MS = 12_000;
const FLUSH_MS = 5_000;
const STORE_MS = 10_000;

/** The browser has the classes, and encodes H.264 and Opus at this size. */
export const supportsWebcodecs = async ({ width, height }: Size, bitrate: number): Promise<boolean> => {
  if (!('VideoEncoder' in globalThis && 'AudioEncoder' in globalThis && 'MediaStreamTrackProcessor' in globalThis)) return false;
  const codec = width * height > 1920 * 1088 ? 'avc1.640033' : 'avc1.640028';
  const [video, audio] = await Promise.all([
    VideoEncoder.isConfigSupported({ codec, width, height, bitrate, latencyMode: 'realtime' }),
    AudioEncoder.isConfigSupported({ codec: 'opus', sampleRate: 48_000, numberOfChannels: 2 }),
  ]);
  return video.supported === true && audio.supported === true;
};

export const startWebcodecs = async (options: EncoderOptions): Promise<Encoder> => {
  const { stream, microphone, settings, crop } = options;
  const [videoTrack] = stream.getVideoTracks();
  const [audioTrack] = stream.getAudioTracks();
  if (!videoTrack) throw new ExtensionError('no-picture', 'the tab gave no pictures; reload it and record again');

  const opened = Promise.withResolvers<{ codec: string; picture: Size }>();
  let failed = false;
  const fail = (cause: unknown): void => {
    if (failed) return;
    failed = true;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    opened.reject(error);
    options.onFailure(error);
  };

  let clock: MediaClock | null = null; // runs from the first picture on
  let picture: Size | null = null;
  let latest: VideoFrame | null = null;
  let dropped = 0;
  let framesIn = 0;
  let framesOut = 0;
  let forceKey = false;
  let stopping: Promise<{ note: string }> | null = null;
  const measured = rates();
  const pieces = pieceQueue({ onPiece: options.onPiece, onFailure: fail });
  const cut = boxPieces(GOP_MS, (piece) => pieces.push(piece));

  const onEncodedPacket = (packet: EncodedPacket, meta: EncodedVideoChunkMetadata | undefined): void => {
    framesOut++;
    measured.count(performance.now(), packet.byteLength);
    cut.picture(packet.timestamp * 1000, packet.type === 'key');
    const codec = meta?.decoderConfig?.codec;
    if (codec && picture) opened.resolve({ codec, picture });
  };
  const { videoBitsPerSecond } = QUALITIES[settings.quality];
  const video = new VideoSampleSource({
    codec: 'avc', quality: new Quality({ bitrate: videoBitsPerSecond }), keyFrameInterval: GOP_MS / 1000, latencyMode: 'realtime', sizeChangeBehavior: 'contain', onEncodedPacket,
  });
  const output = new Output({
    // a little less than a group of pictures, so that every keyframe begins a fragment
    format: new Mp4OutputFormat({ fastStart: 'fragmented', minimumFragmentDuration: (GOP_MS - 250) / 1000, onFtyp: cut.ftyp, onMoov: cut.moov, onMoof: cut.moof, onMdat: cut.mdat }),
    target: new NullTarget(),
  });
  output.addVideoTrack(video, { frameRate: FRAMES_PER_SECOND });
  const now = (): number | null => clock?.now() ?? null;
  const sounds = [audioTrack, microphone].flatMap((track) => (track ? [soundTrack(track, { now, delayMs: options.soundDelayMs, onError: fail })] : []));
  for (const { source } of sounds) output.addAudioTrack(source);
  await output.start();

  const frames = sampleChain(fail);
  const pacer = framePacer(FRAMES_PER_SECOND);

  /** `frame` as it is to be seen; every frame is of `picture`'s size, or fitted into it by the encoder. */
  const framed = (frame: VideoFrame, atMs: number): VideoFrame => {
    const size = evenSize({ width: frame.displayWidth, height: frame.displayHeight });
    const wanted = picture && crop ? crop() : null;
    const visibleRect = (wanted && picture && inFrame(wanted, picture, size)) ?? { x: 0, y: 0, ...size };
    picture ??= size; // the first frame is shown whole and decides
    return new VideoFrame(frame, { visibleRect, displayWidth: visibleRect.width, displayHeight: visibleRect.height, timestamp: atMs * 1000, duration: 1e6 / FRAMES_PER_SECOND });
  };
  const show = (atMs: number): void => {
    if (!latest || failed) return;
    if (frames.depth >= MAX_QUEUED) {
      dropped++;
      forceKey = true;
      return;
    }
    const keyFrame = forceKey;
    forceKey = false;
    const sample = new VideoSample(framed(latest, atMs));
    frames.push(() => video.add(sample, keyFrame ? { keyFrame } : undefined).finally(() => sample.close()));
  };
  const tick = (): void => {
    if (!clock) return;
    const at = clock.now();
    for (const time of pacer.tick(at)) show(time);
    for (const sound of sounds) sound.tick(at);
  };

  const reader = new MediaStreamTrackProcessor({ track: videoTrack as MediaStreamVideoTrack }).readable.getReader();
  const pump = async (): Promise<void> => {
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      framesIn++;
      clock ??= mediaClock(() => performance.now());
      const at = clock.now();
      tick();
      latest?.close();
      latest = frame;
      const time = pacer.arrived(at);
      if (time !== null) show(time);
    }
  };
  pump().catch(fail);
  const timer = setInterval(tick, TICK_MS);

  const finish = async (): Promise<void> => {
    await Promise.all([frames.drained(), ...sounds.map((sound) => sound.stop())]);
    if (failed) await output.cancel();
    else await output.finalize();
  };
  const end = async (): Promise<{ note: string }> => {
    clearInterval(timer);
    await reader.cancel().catch(() => undefined); // the track may have ended with an error of its own
    latest?.close();
    latest = null;
    const flushed = await within(
      finish().then(() => '', (cause: unknown) => `the encoder could not finish: ${String(cause)}`),
      FLUSH_MS,
      () => {
        void output.cancel().catch(() => undefined); // whether it can is of no interest any more
        return `the encoder did not finish within ${FLUSH_MS / 1000} s; the last ${GOP_MS / 1000} s may be missing`;
      },
    );
    const stored = await within(pieces.settled().then(() => ''), STORE_MS, () => `the browser's storage did not take the last piece within ${STORE_MS / 1000} s`);
    return { note: [flushed, stored].filter((note) => note !== '').join('; ') };
  };
  const stop = (): Promise<{ note: string }> => (stopping ??= end());

  const first = await within(opened.promise, START_MS, () => new ExtensionError('no-picture', `no picture came out of the encoder within ${START_MS / 1000} s; show the tab and record again`)).catch((cause: unknown) =>
    cause instanceof Error ? cause : new Error(String(cause)),
  );
  if (first instanceof Error) {
    await stop();
    throw first;
  }
  return {
    kind: 'webcodecs',
    mime: `video/mp4; codecs="${[first.codec, ...(sounds.length > 0 ? ['opus'] : [])].join(', ')}"`,
    picture: first.picture,
    status: () => ({ ...first.picture, ...measured.read(performance.now()), queued: frames.depth, dropped, framesIn, framesOut }),
    mediaMs: () => clock?.now() ?? 0,
    stop,
  };
};
