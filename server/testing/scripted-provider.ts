// A speech and chat provider in OpenAI's shape on loopback, with a script instead of a model. It knows which words to give by the
// times in the request's file name or prompt: `clip-<startMs>-<endMs>.ogg`. For tests, the demo and the bench.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Word } from '../../shared/model.ts';

export type Failure =
  | { mode: 'status'; status: number; retryAfter?: string; body?: string }
  | { mode: 'garbage' }
  | { mode: 'slow'; ms: number }
  | { mode: 'never' }
  | { mode: 'reset' };

export type ScriptedRequest = { path: string; startMs: number; endMs: number; model: string; format: string; bytes: number; prompt: string };

export type ScriptedProvider = {
  /** `baseURL` for the OpenAI SDK */
  url: string;
  /** `baseURL` for the Groq SDK, which adds `/openai/v1` itself */
  groqUrl: string;
  requests: ScriptedRequest[];
  /** the next requests fail, each entry for one; `null` lets one pass */
  failNext(...failures: (Failure | null)[]): void;
  /** every request fails until set to null */
  failAll(failure: Failure | null): void;
  close(): Promise<void>;
};

export type ScriptedOptions = {
  /** in session time */
  words: Word[];
  /** the answer to a chat completion: the assistant's text */
  chat?: (body: unknown) => string;
  /** models that exist; any, when left out */
  models?: string[];
  /** models that know only `json` */
  untimed?: string[];
};

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};
const errorBody = (code: string, message: string): unknown => ({ error: { message, type: 'error', code } });

/** Answers as a failure says; false where the request should then be served. */
const fail = async (failure: Failure, response: ServerResponse, stopped: Promise<void>): Promise<boolean> => {
  switch (failure.mode) {
    case 'status':
      send(response, failure.status, failure.body ?? errorBody('scripted', `scripted ${failure.status}`), failure.retryAfter === undefined ? {} : { 'retry-after': failure.retryAfter });
      return true;
    case 'garbage':
      send(response, 200, '{"text": 12, "words": [{"word"');
      return true;
    case 'slow':
      await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, failure.ms).unref())]);
      return false;
    case 'never':
      await stopped;
      return true;
    case 'reset':
      response.socket?.resetAndDestroy();
      return true;
    default:
      return failure satisfies never;
  }
};

const field = (form: FormData, name: string): string => {
  const value = form.get(name);
  return typeof value === 'string' ? value : '';
};

const verbose = (words: Word[], startMs: number, endMs: number): unknown => {
  const second = (ms: number): number => (ms - startMs) / 1000;
  const text = words.map((word) => word.text).join(' ');
  return {
    task: 'transcribe',
    language: 'english',
    duration: second(endMs),
    text,
    words: words.map((word) => ({ word: word.text.replace(/[.,!?]+$/, ''), start: second(word.startMs), end: second(word.endMs) })),
    segments: words.length > 0 ? [{ id: 0, start: second(words[0]?.startMs ?? startMs), end: second(words.at(-1)?.endMs ?? endMs), text: ` ${text}`, avg_logprob: -0.2, compression_ratio: 1.2, no_speech_prob: 0.01 }] : [],
  };
};

export const startScriptedProvider = async (options: ScriptedOptions): Promise<ScriptedProvider> => {
  const requests: ScriptedRequest[] = [];
  const failures: (Failure | null)[] = [];
  let always: Failure | null = null;
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();

  const transcribe = async (request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> => {
    const form = await new Response(Uint8Array.from(body), { headers: { 'content-type': request.headers['content-type'] ?? '' } }).formData();
    const file = form.get('file');
    if (!(file instanceof File)) return send(response, 400, errorBody('invalid_request', 'file is missing'));
    const [model, format, prompt] = [field(form, 'model'), field(form, 'response_format'), field(form, 'prompt')];
    const times = /clip-(\d+)-(\d+)/.exec(`${file.name} ${prompt}`);
    const [startMs, endMs] = [Number(times?.[1] ?? 0), Number(times?.[2] ?? 0)];
    requests.push({ path: request.url ?? '', startMs, endMs, model, format, bytes: file.size, prompt });
    if (options.models && !options.models.includes(model)) return send(response, 404, errorBody('model_not_found', `The model ${model} does not exist`));
    if (options.untimed?.includes(model) && format === 'verbose_json') return send(response, 400, errorBody('unsupported_value', `response_format 'verbose_json' is not compatible with model ${model}`));
    const words = options.words.filter((word) => (word.startMs + word.endMs) / 2 >= startMs && (word.startMs + word.endMs) / 2 < endMs);
    send(response, 200, format === 'verbose_json' ? verbose(words, startMs, endMs) : { text: words.map((word) => word.text).join(' ') });
  };

  const chat = (request: IncomingMessage, body: Buffer, response: ServerResponse): void => {
    const parsed: unknown = JSON.parse(body.toString());
    const model = typeof parsed === 'object' && parsed !== null && 'model' in parsed ? String(parsed.model) : '';
    requests.push({ path: request.url ?? '', startMs: 0, endMs: 0, model, format: 'chat', bytes: body.length, prompt: '' });
    if (options.models && !options.models.includes(model)) return send(response, 404, errorBody('model_not_found', `The model ${model} does not exist`));
    const content = options.chat?.(parsed) ?? '{}';
    send(response, 200, { id: 'scripted', object: 'chat.completion', created: 0, model, choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }], usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 } });
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    const failure = failures.length > 0 ? (failures.shift() ?? null) : always;
    if (failure) {
      if (failure.mode !== 'slow') requests.push({ path: request.url ?? '', startMs: 0, endMs: 0, model: '', format: failure.mode, bytes: body.length, prompt: '' });
      if (await fail(failure, response, stopped)) return;
    }
    if (request.url?.endsWith('/audio/transcriptions')) return transcribe(request, body, response);
    if (request.url?.endsWith('/chat/completions')) return chat(request, body, response);
    send(response, 404, errorBody('not_found', `no ${request.url}`));
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, 400, errorBody('bad_request', String(error)));
      else response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/openai/v1`,
    groqUrl: `http://127.0.0.1:${port}`,
    requests,
    failNext: (...next) => void failures.push(...next),
    failAll: (failure) => void (always = failure),
    close: async () => {
      stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
