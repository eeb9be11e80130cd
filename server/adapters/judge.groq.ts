// Verdicts by Groq (groq-sdk).
import Groq from 'groq-sdk';
import { VERDICT_SCHEMA } from '../highlights/judge-prompt.ts';
import type { Judge } from '../ports.ts';
import { chatJudge, type JudgeOptions, MAX_ANSWER_TOKENS } from './chat-judge.ts';

/** openai/gpt-oss-20b at $0.075 in and $0.30 out per million tokens */
const USD_PER_VERDICT = 0.0003;

export const groqJudge = (options: JudgeOptions & { apiKey: string; baseUrl?: string }): Judge => {
  // the guard retries and limits time; two masters of that would multiply
  const client = new Groq({ apiKey: options.apiKey, maxRetries: 0, ...(options.baseUrl ? { baseURL: options.baseUrl } : {}) });
  return chatJudge({
    ...options,
    usd: options.usdPerVerdict ?? USD_PER_VERDICT,
    ask: async (model, messages, signal) => {
      const answer = await client.chat.completions.create(
        { model, messages, max_completion_tokens: MAX_ANSWER_TOKENS, response_format: { type: 'json_schema', json_schema: VERDICT_SCHEMA } },
        { signal },
      );
      return answer.choices[0]?.message.content;
    },
  });
};
