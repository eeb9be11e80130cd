// Speech by OpenAI or any endpoint that speaks its API (openai): a local Whisper server, another vendor.
import OpenAI from 'openai';
import type { Transcriber } from '../ports.ts';
import { apiTranscriber, type ApiTranscriberOptions } from './api-transcriber.ts';

export const OPENAI_BASE_URL = 'https://api.openai.com/v1';
/** US dollars per hour of audio */
const PRICES: Record<string, number> = { 'whisper-1': 0.36, 'gpt-4o-transcribe': 0.36, 'gpt-4o-mini-transcribe': 0.18 };

export const openaiTranscriber = (options: Pick<ApiTranscriberOptions, 'guard' | 'models' | 'onNotice'> & { apiKey: string; baseUrl: string; usdPerHour?: number }): Transcriber => {
  const client = new OpenAI({ apiKey: options.apiKey, baseURL: options.baseUrl, maxRetries: 0 });
  const [first = ''] = options.models;
  return apiTranscriber({
    guard: options.guard,
    models: options.models,
    onNotice: options.onNotice,
    // an endpoint of one's own costs nothing we know of
    usdPerHour: options.usdPerHour ?? (options.baseUrl.startsWith(OPENAI_BASE_URL) ? (PRICES[first] ?? 0.36) : 0),
    minBilledS: 0,
    send: ({ model, file, prompt, language, timed }, signal) => {
      const common = { model, file, temperature: 0, ...(prompt ? { prompt } : {}), ...(language ? { language } : {}) };
      return timed
        ? client.audio.transcriptions.create({ ...common, response_format: 'verbose_json', timestamp_granularities: ['word', 'segment'] }, { signal })
        : client.audio.transcriptions.create({ ...common, response_format: 'json' }, { signal });
    },
  });
};
