// The engines that are set, in order: Groq → OpenAI → local. Where one cannot answer the next is asked; none set = null, and the
// service says that transcription is off.
import type { ProviderState } from '../../shared/model.ts';
import { ProviderError } from '../errors.ts';
import type { Transcriber } from '../ports.ts';
import type { ProviderGuard } from './provider-guard.ts';
import { groqTranscriber } from './transcriber.groq.ts';
import { OPENAI_BASE_URL, openaiTranscriber } from './transcriber.openai.ts';
import { sherpaTranscriber } from './transcriber.sherpa.ts';

/** Empty strings are unset. Models are lists, best first. */
export type TranscriberSettings = {
  groqApiKey: string;
  groqBaseUrl: string;
  groqModels: string[];
  openaiApiKey: string;
  openaiBaseUrl: string;
  openaiModels: string[];
  /** folder of a local model */
  localModel: string;
  localThreads: number;
};

export type TranscriberDeps = {
  /** the guard of a provider, shared with the judge */
  guard: (provider: 'groq' | 'openai') => ProviderGuard;
  /** what a person should know: a model that is gone, an engine that is left for the next */
  onNotice: (notice: { level: 'info' | 'warning'; code: string; message: string }) => void;
};

export type TranscriberChain = Transcriber & { states(): ProviderState[] };

export const chainTranscribers = (engines: [Transcriber, ...Transcriber[]], onNotice: TranscriberDeps['onNotice']): TranscriberChain => {
  const [first] = engines;
  let current: Transcriber = first;
  const use = (engine: Transcriber, reason: unknown): void => {
    if (engine === current) return;
    onNotice({ level: engine === first ? 'info' : 'warning', code: 'transcriber', message: engine === first ? `transcription is with ${engine.name} again` : `transcription moved to ${engine.name}: ${reason instanceof Error ? reason.message : 'the one before cannot answer'}` });
    current = engine;
  };
  return {
    name: engines.map((engine) => engine.name).join(' → '),
    // a local engine hears cut windows as well; an API engine must not hear growing buffers
    kind: engines.some((engine) => engine.kind === 'api') ? 'api' : 'local',
    transcribe: async (audio, options, signal) => {
      const failures: ProviderError[] = [];
      for (const engine of engines) {
        try {
          const transcript = await engine.transcribe(audio, options, signal);
          use(engine, failures.at(-1));
          return transcript;
        } catch (error) {
          if (signal.aborted || !(error instanceof ProviderError)) throw error;
          failures.push(error);
        }
      }
      // the one that will be back first; its kind and time tell the caller whether and when to come again
      const soonest = failures.reduce((best, next) => ((next.retryAfterMs ?? Infinity) < (best.retryAfterMs ?? Infinity) ? next : best));
      throw failures.length === 1 ? soonest : new ProviderError(soonest.provider, soonest.kind, failures.map((failure) => failure.message).join('; '), { cause: soonest, ...(soonest.retryAfterMs === null ? {} : { retryAfterMs: soonest.retryAfterMs }) });
    },
    state: () => current.state(),
    states: () => engines.map((engine) => engine.state()),
    close: async () => {
      await Promise.all(engines.map((engine) => engine.close()));
    },
  };
};

export const createTranscriber = (settings: TranscriberSettings, deps: TranscriberDeps): TranscriberChain | null => {
  const notice = (message: string): void => deps.onNotice({ level: 'warning', code: 'model', message });
  const engines: Transcriber[] = [];
  if (settings.groqApiKey) engines.push(groqTranscriber({ guard: deps.guard('groq'), apiKey: settings.groqApiKey, models: settings.groqModels, onNotice: notice, ...(settings.groqBaseUrl ? { baseUrl: settings.groqBaseUrl } : {}) }));
  // an endpoint of one's own needs no key
  if (settings.openaiApiKey || settings.openaiBaseUrl) engines.push(openaiTranscriber({ guard: deps.guard('openai'), apiKey: settings.openaiApiKey || 'none', baseUrl: settings.openaiBaseUrl || OPENAI_BASE_URL, models: settings.openaiModels, onNotice: notice }));
  if (settings.localModel) engines.push(sherpaTranscriber({ modelFolder: settings.localModel, threads: settings.localThreads }));
  const [first, ...others] = engines;
  return first ? chainTranscribers([first, ...others], deps.onNotice) : null;
};
