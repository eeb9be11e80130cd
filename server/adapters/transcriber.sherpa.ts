// Speech on this machine: Whisper, Moonshine, Parakeet and other models through sherpa-onnx, in a child process.
import { basename } from 'node:path';
import type { Word } from '../../shared/model.ts';
import type { Transcriber } from '../ports.ts';
import { openInference } from '../workers/inference.ts';
import type { Heard, HeardWord } from '../workers/speech-recogniser.ts';
import { spreadWords } from './speech-answer.ts';

/** sherpa-onnx gives no probability with its words */
const CONFIDENCE = 0.8;
/** a word whose end is not told lasts to the next, but not longer */
const LONGEST_WORD_MS = 800;

const timed = (words: HeardWord[], audio: { startMs: number; endMs: number }): Word[] =>
  words.map((word, i) => {
    const startMs = Math.round(audio.startMs + word.startS * 1000);
    const nextMs = Math.min(audio.endMs, audio.startMs + (words[i + 1]?.startS ?? Infinity) * 1000);
    const endMs = Math.round(word.endS === null ? Math.min(nextMs, startMs + LONGEST_WORD_MS) : Math.max(startMs + 40, audio.startMs + word.endS * 1000));
    return { text: word.text, startMs, endMs, confidence: CONFIDENCE };
  });

const wordsOf = (heard: Heard, audio: { startMs: number; endMs: number }): Word[] => (heard.words.length > 0 ? timed(heard.words, audio) : spreadWords(heard.text, { ...audio, confidence: CONFIDENCE }));

export const sherpaTranscriber = (options: { modelFolder: string; threads: number }): Transcriber => {
  const model = basename(options.modelFolder);
  const inference = openInference({ name: `local (${model})`, ...options });
  return {
    name: 'local',
    kind: 'local',
    transcribe: async (audio, { priority }, signal) => {
      const heard = await inference.recognise(await audio.pcm(), priority, signal);
      return { words: wordsOf(heard, audio), untilMs: audio.endMs, language: heard.language, model };
    },
    state: () => {
      const { status, waiting, note } = inference.state();
      const busy = waiting > 2;
      return { name: 'local', status: status === 'broken' ? 'off' : busy ? 'throttled' : 'ok', note: status === 'broken' ? note : busy ? `${waiting} requests wait; a smaller model is faster` : model, spentHour: 0, spentDay: 0, budgetHour: 0, budgetDay: 0 };
    },
    close: () => inference.close(),
  };
};
