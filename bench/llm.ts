// What the judge reads of an hour: only candidates with the words around them, beside the usual way, which shows a model the transcript
// of the last minutes every minute. A token is taken as four bytes of text on both sides: a tokenizer would change the numbers by
// a tenth and the ratio by nothing.
import type { Word } from '../shared/model.ts';
import type { Scenario } from './scenario.ts';
import { talk, transcribed } from './talk.ts';

const BYTES_PER_TOKEN = 4;
const WINDOW_MIN = 5;

type Chat = { messages: { role: string; content: string }[]; response_format?: unknown };

const tokens = (text: string): number => Buffer.byteLength(text) / BYTES_PER_TOKEN;
const said = ({ messages }: Chat): string => messages.map(({ content }) => content).join('\n');
const instructions = ({ messages }: Chat): string => messages.filter(({ role }) => role === 'system').map(({ content }) => content).join('\n');
const between = (words: Word[], fromMs: number, toMs: number): string => words.filter(({ startMs }) => startMs >= fromMs && startMs < toMs).map(({ text }) => text).join(' ');

/** Keeps every candidate, quoting a line that was said. */
const verdict = (chat: Chat): string => {
  const quote = /^[*] (.+)$/m.exec(said(chat))?.[1] ?? '';
  return JSON.stringify({ keep: true, title: quote.slice(0, 60), quote, firstWords: '', lastWords: '', reason: 'scripted' });
};

export const llm: Scenario = {
  name: 'llm',
  question: 'How many tokens does a language model read to judge an hour of stream?',
  prepare: async (scale) => {
    const stream = await talk(scale);
    const perHour = 3_600 / stream.seconds;
    let system = ''; // known from our first run on: it is the first contender of the first round
    const ours = async (): Promise<Record<string, number>> => {
      const chats: Chat[] = [];
      await transcribed(stream, (body) => {
        const chat = body as Chat; // what our own judge sent
        chats.push(chat);
        return verdict(chat);
      });
      if (chats.length === 0) throw new Error('the judge was never asked: nothing is measured');
      system = instructions(chats[0]!); // there is one
      return { tokens: chats.reduce((sum, chat) => sum + tokens(said(chat)), 0) * perHour, questions: chats.length * perHour };
    };
    /** The same instructions, every minute, with everything said in the last WINDOW_MIN minutes. */
    const window = async (): Promise<Record<string, number>> => {
      const minutes = Array.from({ length: Math.floor(stream.seconds / 60) }, (_, minute) => (minute + 1) * 60_000);
      return { tokens: minutes.reduce((sum, nowMs) => sum + tokens(`${system}\n${between(stream.words, nowMs - WINDOW_MIN * 60_000, nowMs)}`), 0) * perHour, questions: minutes.length * perHour };
    };
    return {
      rounds: scale === 'quick' ? 1 : 7,
      contenders: [{ name: 'ours', run: ours }, { name: 'window', run: window }],
      ratios: [{ name: 'oursToWindow', of: 'ours.tokens', to: 'window.tokens' }],
      goals: [{ name: 'oursToWindow', atMost: 0.5 }],
      units: { tokens: 'tokens per hour', questions: 'per hour' },
      close: async () => undefined,
    };
  },
};
