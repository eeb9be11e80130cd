// AAC packets as a self-describing stream (ADTS, ISO/IEC 13818-7), for piping into FFmpeg.
import { MediaError } from '../errors.ts';
import { bitReader } from './bits.ts';
import { concat } from './bytes.ts';

const RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

export type AacConfig = { objectType: number; rateIndex: number; sampleRate: number; channels: number; /** per packet, at `sampleRate` */ samples: number };

/** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1); for HE-AAC the core's values, which its packets are counted in. */
export const readAacConfig = (config: Uint8Array): AacConfig => {
  const reader = bitReader(config);
  const type = (): number => {
    const value = reader.bits(5);
    return value === 31 ? 32 + reader.bits(6) : value;
  };
  const rate = (): { index: number; hertz: number } => {
    const index = reader.bits(4);
    return { index, hertz: index === 15 ? reader.bits(24) : (RATES[index] ?? 0) };
  };
  let objectType = type();
  const { index, hertz } = rate();
  const channels = reader.bits(4);
  if (objectType === 5 || objectType === 29) {
    rate();
    objectType = type();
  }
  const samples = reader.bits(1) === 1 ? 960 : 1024;
  if (config.length < 2 || hertz === 0) throw new MediaError('unsupported', 'an AAC track without a usable AudioSpecificConfig');
  return { objectType, rateIndex: index, sampleRate: hertz, channels: channels === 7 ? 8 : channels, samples };
};

/** One packet behind its ADTS header. Throws `MediaError unsupported` for what ADTS cannot say. */
export const adtsFrame = (config: AacConfig, data: Uint8Array): Uint8Array => {
  const { objectType, rateIndex } = config;
  const channels = config.channels === 8 ? 7 : config.channels;
  if (objectType < 1 || objectType > 4 || rateIndex > 12 || channels === 0) {
    throw new MediaError('unsupported', `AAC of object type ${objectType}, rate index ${rateIndex}, ${channels} channels does not fit into ADTS; record AAC-LC`);
  }
  const length = data.length + 7;
  if (length >= 1 << 13) throw new MediaError('limit', `an AAC packet of ${data.length} bytes does not fit into ADTS`);
  const header = Uint8Array.of(
    0xff, 0xf1,
    ((objectType - 1) << 6) | (rateIndex << 2) | (channels >> 2),
    ((channels & 3) << 6) | (length >> 11),
    (length >> 3) & 0xff,
    ((length & 7) << 5) | 0x1f,
    0xfc,
  );
  return concat([header, data]);
};
