// Which encoder records: WebCodecs where it can, MediaRecorder otherwise.
import { QUALITIES } from '../settings.ts';
import { startMediaRecorder } from './mediarecorder-encoder.ts';
import type { Encoder, EncoderOptions } from './ports.ts';
import { startWebcodecs, supportsWebcodecs } from './webcodecs-encoder.ts';

export type StartEncoder = (options: EncoderOptions) => Promise<Encoder>;

/** `supported` is asked once per start; a test of the fallback says no. */
export const startEncoder = async (options: EncoderOptions, supported = supportsWebcodecs): Promise<Encoder> => {
  const { width, height, videoBitsPerSecond } = QUALITIES[options.settings.quality];
  return (await supported({ width, height }, videoBitsPerSecond)) ? startWebcodecs(options) : startMediaRecorder(options);
};
