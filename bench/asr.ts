// Billed seconds of speech recognition per second that was spoken: what our windows cost, beside two usual ways to feed an API on the
// same stream. Speech means the time its words cover. Providers bill a shorter request as ten seconds.
import { type Talk, talk, transcribed } from './talk.ts';
import type { Scenario } from './scenario.ts';

const BILLED_AT_LEAST_S = 10;
/** Whisper hears thirty seconds: a growing buffer begins anew there. */
const LONGEST_BUFFER_S = 30;
const FIXED_S = 10;

const speechSeconds = ({ words }: Talk): number => words.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / 1_000;

/** `requests`: seconds of sound in each. */
const cost = (stream: Talk, requests: number[]): Record<string, number> => {
  const spoken = speechSeconds(stream);
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    billed: sum(requests.map((seconds) => Math.max(BILLED_AT_LEAST_S, seconds))) / spoken, sent: sum(requests) / spoken,
    requests: requests.length * (3_600 / stream.seconds),
  };
};

/** The share of the words spoken that are in the transcript, in order: a low bill is no merit where nothing was heard. */
const shareHeard = (spoken: string[], heard: string[]): number => {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
  let before = new Uint32Array(heard.length + 1);
  for (const word of spoken) {
    const row = new Uint32Array(heard.length + 1);
    for (let index = 0; index < heard.length; index += 1) {
      row[index + 1] = plain(word) === plain(heard[index]!) ? before[index]! + 1 : Math.max(before[index + 1]!, row[index]!); // all inside
    }
    before = row;
  }
  return before.at(-1)! / spoken.length; // it has at least one
};

export const asr: Scenario = {
  name: 'asr',
  question: 'How many seconds of speech recognition are billed for a second that was spoken?',
  prepare: async (scale) => {
    const stream = await talk(scale);
    const seconds = Array.from({ length: stream.seconds }, (_, second) => second);
    return {
      rounds: scale === 'quick' ? 1 : 7,
      contenders: [
        {
          name: 'ours',
          run: async () => {
            const { requests, heard } = await transcribed(stream);
            return { ...cost(stream, requests.map(({ startMs, endMs }) => (endMs - startMs) / 1_000)), heard: shareHeard(stream.words.map(({ text }) => text), heard.map(({ text }) => text)) };
          },
        },
        { name: 'growing', run: async () => cost(stream, seconds.map((second) => (second % LONGEST_BUFFER_S) + 1)) },
        { name: 'fixed', run: async () => cost(stream, Array.from({ length: Math.ceil(stream.seconds / FIXED_S) }, () => FIXED_S)) },
      ],
      ratios: [{ name: 'oursToGrowing', of: 'ours.billed', to: 'growing.billed' }, { name: 'oursToFixed', of: 'ours.billed', to: 'fixed.billed' }],
      goals: [{ name: 'oursToGrowing', atMost: 0.1 }, { name: 'oursToFixed', atMost: 1 }, { name: 'ours.heard', atLeast: 0.95 }],
      units: { billed: 's per spoken s', sent: 's per spoken s', requests: 'per hour', heard: 'of the words' },
      close: async () => undefined,
    };
  },
};
