// A transcriber over a speech API: what Groq and OpenAI-compatible endpoints have in common.
import { ProviderError } from '../errors.ts';
import type { Transcriber } from '../ports.ts';
import { asProviderError } from './provider-error.ts';
import type { ProviderGuard } from './provider-guard.ts';
import { readAnswer } from './speech-answer.ts';

export type SpeechRequest = {
  model: string;
  file: File;
  prompt: string;
  language: string | null;
  /** ask for word times; models that refuse are asked for plain JSON */
  timed: boolean;
};

export type ApiTranscriberOptions = {
  guard: ProviderGuard;
  /** in order of preference: where one is gone (404), the next is used */
  models: string[];
  usdPerHour: number;
  /** a shorter request is billed as this long, s */
  minBilledS: number;
  send: (request: SpeechRequest, signal: AbortSignal) => Promise<unknown>;
  onNotice: (message: string) => void;
};

/** what Whisper reads of a prompt: about 224 tokens, the last ones */
const PROMPT_CHARACTERS = 600;
const refusesTimes = (error: unknown): boolean => error instanceof Error && 'status' in error && error.status === 400 && /response_format|timestamp_granularities|verbose_json/i.test(error.message);

export const apiTranscriber = (options: ApiTranscriberOptions): Transcriber => {
  const { guard, models, onNotice } = options;
  const { name } = guard;
  const untimed = new Set<string>(models.filter((model) => model.startsWith('gpt-4o')));
  let at = 0;

  const ask = async (request: SpeechRequest, signal: AbortSignal): Promise<unknown> => {
    try {
      return await options.send(request, signal);
    } catch (error) {
      if (!request.timed || !refusesTimes(error)) throw error;
      untimed.add(request.model);
      onNotice(`${name}: ${request.model} gives no word times; words are spread over what it says`);
      return options.send({ ...request, timed: false }, signal);
    }
  };

  const transcribe: Transcriber['transcribe'] = async (audio, { prompt, language, priority }, signal) => {
    const { bytes, mime, name: fileName } = await audio.file();
    const audioSeconds = (audio.endMs - audio.startMs) / 1000;
    const usd = (Math.max(audioSeconds, options.minBilledS) / 3600) * options.usdPerHour;
    for (;;) {
      const model = models[at];
      if (!model) throw new ProviderError(name, 'model', `${name} has none of the models ${models.join(', ')}; set another`);
      const request = { model, prompt: prompt.slice(-PROMPT_CHARACTERS), language, timed: !untimed.has(model), file: new File([Uint8Array.from(bytes)], fileName, { type: mime }) };
      try {
        const { words, language: heard } = await guard.run(
          { priority, audioSeconds, usd },
          async (limited) => {
            const answer = await ask(request, limited);
            return readAnswer(answer, audio);
          },
          signal,
        );
        return { words, untilMs: audio.endMs, language: heard || (language ?? ''), model };
      } catch (error) {
        if (signal.aborted) throw error;
        const failure = asProviderError(name, error, { timedOut: false, now: Date.now() });
        if (failure.kind !== 'model' || models[at] !== model) throw failure;
        at++;
        onNotice(`${name}: model ${model} is gone (${failure.message})${models[at] ? `; ${models[at]} is used` : '; no other is set'}`);
      }
    }
  };
  const state: Transcriber['state'] = () => (at < models.length ? guard.state() : { ...guard.state(), status: 'off', note: `none of the models ${models.join(', ')} exists; set another` });
  return { name, kind: 'api', transcribe, state, close: () => guard.close() };
};
