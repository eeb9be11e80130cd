// Verdicts by OpenAI or any endpoint that speaks its API (openai).
import OpenAI from 'openai';
import { VERDICT_SCHEMA } from '../highlights/judge-prompt.ts';
import type { Judge } from '../ports.ts';
import { chatJudge, type JudgeOptions, MAX_ANSWER_TOKENS } from './chat-judge.ts';

/** a small model of late 2025 at $0.25 in and $2 out per million tokens; an endpoint of one's own costs nothing we know of */
const USD_PER_VERDICT = 0.0012;

export const openaiJudge = (options: JudgeOptions & { apiKey: string; baseUrl?: string }): Judge => {
  const client = new OpenAI({ apiKey: options.apiKey, maxRetries: 0, ...(options.baseUrl ? { baseURL: options.baseUrl } : {}) });
  return chatJudge({
    ...options,
    usd: options.usdPerVerdict ?? (options.baseUrl ? 0 : USD_PER_VERDICT),
    ask: async (model, messages, signal) => {
      const answer = await client.chat.completions.create(
        { model, messages, max_completion_tokens: MAX_ANSWER_TOKENS, response_format: { type: 'json_schema', json_schema: VERDICT_SCHEMA } },
        { signal },
      );
      return answer.choices[0]?.message.content;
    },
  });
};
