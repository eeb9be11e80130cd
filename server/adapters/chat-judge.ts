// A judge over a chat completion API: what Groq and OpenAI-compatible endpoints have in common.
import { ProviderError } from '../errors.ts';
import { type ChatMessage, messagesOf, readVerdict } from '../highlights/judge-prompt.ts';
import type { Judge } from '../ports.ts';
import type { ProviderState } from '../../shared/model.ts';

/** The part of a provider guard a judge needs: throttle, budget, circuit breaker, time limit, retry. Errors come out as `ProviderError`. */
export type JudgeGuard = {
  name: string;
  run<T>(job: { priority: number; audioSeconds: number; usd: number }, call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T>;
  state(): ProviderState;
};

export type JudgeOptions = {
  guard: JudgeGuard;
  /** in order of preference: where one is gone (404), the next is used */
  models: string[];
  onNotice: (message: string) => void;
  /** price of one verdict (about 1,500 tokens in, 400 out), US dollars */
  usdPerVerdict?: number;
};

export const MAX_ANSWER_TOKENS = 2_000;
/** Behind every transcription: a clip exists without a verdict, a transcript without words does not. */
const PRIORITY = 8;

export const chatJudge = (options: JudgeOptions & { usd: number; ask: (model: string, messages: ChatMessage[], signal: AbortSignal) => Promise<string | null | undefined> }): Judge => {
  const { guard, models, onNotice } = options;
  const { name } = guard;
  let at = 0;

  const judge: Judge['judge'] = async (question, signal) => {
    const messages = messagesOf(question);
    for (;;) {
      const model = models[at];
      if (!model) throw new ProviderError(name, 'model', `${name} has none of the judge models ${models.join(', ')}; set another`);
      try {
        return await guard.run({ priority: PRIORITY, audioSeconds: 0, usd: options.usd }, async (limited) => readVerdict(await options.ask(model, messages, limited)), signal);
      } catch (error) {
        if (signal.aborted || !(error instanceof ProviderError) || error.kind !== 'model') throw error;
        if (models[at] !== model) continue;
        at += 1;
        onNotice(`${name}: judge model ${model} is gone (${error.message})${models[at] ? `; ${models[at]} is used` : '; no other is set'}`);
      }
    }
  };
  const state: Judge['state'] = () => (at < models.length ? guard.state() : { ...guard.state(), status: 'off', note: `none of the judge models ${models.join(', ')} exists; set another` });
  return { name, judge, state };
};
