// Speech by Groq (groq-sdk).
import Groq from 'groq-sdk';
import type { Transcriber } from '../ports.ts';
import { apiTranscriber, type ApiTranscriberOptions } from './api-transcriber.ts';

/** whisper-large-v3-turbo */
export const GROQ_USD_PER_HOUR = 0.04;
const MIN_BILLED_S = 10;

export const groqTranscriber = (options: Pick<ApiTranscriberOptions, 'guard' | 'models' | 'onNotice'> & { apiKey: string; baseUrl?: string; usdPerHour?: number }): Transcriber => {
  // the guard retries and limits time; two masters of that would multiply
  const client = new Groq({ apiKey: options.apiKey, maxRetries: 0, ...(options.baseUrl ? { baseURL: options.baseUrl } : {}) });
  return apiTranscriber({
    guard: options.guard,
    models: options.models,
    onNotice: options.onNotice,
    usdPerHour: options.usdPerHour ?? GROQ_USD_PER_HOUR,
    minBilledS: MIN_BILLED_S,
    send: ({ model, file, prompt, language, timed }, signal) =>
      client.audio.transcriptions.create(
        { model, file, temperature: 0, ...(prompt ? { prompt } : {}), ...(language ? { language } : {}), ...(timed ? { response_format: 'verbose_json' as const, timestamp_granularities: ['word' as const, 'segment' as const] } : { response_format: 'json' as const }) },
        { signal },
      ),
  });
};
