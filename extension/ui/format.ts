// How numbers read that only the extension shows; the rest is in shared/format.ts. All pure.
import { bytes } from '../../shared/format.ts';
import { AUDIO_BITS_PER_SECOND, QUALITIES, type Quality } from '../settings.ts';
import type { RecordingView } from '../view.ts';

/** 128 kbit/s, 2.5 Mbit/s */
export const bitRate = (bitsPerSecond: number): string => {
  const kilo = Math.max(0, bitsPerSecond) / 1000;
  if (kilo < 999.5) return `${Math.round(kilo)} kbit/s`;
  const mega = kilo / 1000;
  return `${mega < 9.95 ? mega.toFixed(1) : Math.round(mega)} Mbit/s`;
};

const bytesPerSecond = (quality: Quality, tracks: number): number => (QUALITIES[quality].videoBitsPerSecond + tracks * AUDIO_BITS_PER_SECOND) / 8;

/** What an hour of one recording at most costs on the line and on the server's disk. */
export const perHour = (quality: Quality, microphone: boolean): string => bytes(bytesPerSecond(quality, microphone ? 2 : 1) * 3600);

/** What the minutes kept of one recording at most take in the browser. */
export const ringSize = (quality: Quality, microphone: boolean, minutes: number): string => bytes(bytesPerSecond(quality, microphone ? 2 : 1) * 60 * minutes);

/** 1280 × 720 · 30 fps · 2.4 Mbit/s; parts not measured yet are left out */
export const picture = (recording: Pick<RecordingView, 'width' | 'height' | 'framesPerSecond' | 'bitsPerSecond'>): string =>
  [
    recording.width > 0 ? `${recording.width} × ${recording.height}` : '',
    recording.framesPerSecond > 0 ? `${Math.round(recording.framesPerSecond)} fps` : '',
    recording.bitsPerSecond > 0 ? bitRate(recording.bitsPerSecond) : '',
  ].filter(Boolean).join(' · ') || 'measuring…';

/** How much of a recording the server has, 0..1; all of nothing is nothing. */
export const delivered = ({ pushed, acked }: Pick<RecordingView, 'pushed' | 'acked'>): number => (pushed <= 0 ? 0 : Math.min(1, Math.max(0, acked / pushed)));

/** 30 s, 2 min */
export const saveLabel = (seconds: number): string => (seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`);
