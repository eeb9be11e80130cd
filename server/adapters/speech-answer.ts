// What a speech API answers (OpenAI's `verbose_json` or `json`), checked and turned into words in session time.
import { z } from 'zod';
import type { Word } from '../../shared/model.ts';

const seconds = z.number().finite().min(-60).max(86_400);
const answer = z.object({
  text: z.string().max(100_000),
  language: z.string().max(100).nullish(),
  words: z.array(z.object({ word: z.string().max(500), start: seconds, end: seconds })).max(20_000).nullish(),
  segments: z
    .array(
      z.object({
        text: z.string().max(20_000),
        start: seconds,
        end: seconds,
        no_speech_prob: z.number().nullish(),
        avg_logprob: z.number().nullish(),
        compression_ratio: z.number().nullish(),
      }),
    )
    .max(5_000)
    .nullish(),
});

type Answer = z.infer<typeof answer>;
type Segment = NonNullable<Answer['segments']>[number];

/** Whisper's own thresholds for a failed decoding (openai/whisper, transcribe.py), and one for being sure of silence. */
const NO_SPEECH = 0.6;
const SURELY_NO_SPEECH = 0.95;
const LOW_LOG_PROBABILITY = -1;
const HIGH_COMPRESSION = 2.4;
/** where an engine says nothing about how sure it is */
const UNKNOWN_CONFIDENCE = 0.8;

const believable = (segment: Segment): boolean => {
  const silence = segment.no_speech_prob ?? 0;
  const unsure = (segment.avg_logprob ?? 0) < LOW_LOG_PROBABILITY;
  return !(silence > SURELY_NO_SPEECH || (silence > NO_SPEECH && unsure) || ((segment.compression_ratio ?? 0) > HIGH_COMPRESSION && unsure));
};

const confidenceOf = (segment: Segment | undefined): number => (segment?.avg_logprob == null ? UNKNOWN_CONFIDENCE : Math.min(1, Math.max(0, Math.exp(segment.avg_logprob))));

/** Words of a text over a time, each as long as its letters; for engines that give no word times. */
export const spreadWords = (text: string, span: { startMs: number; endMs: number; confidence: number }): Word[] => {
  const parts = text.split(/\s+/).filter(Boolean);
  const letters = parts.reduce((sum, part) => sum + part.length + 1, 0);
  const perLetter = (span.endMs - span.startMs) / Math.max(1, letters);
  let at = span.startMs;
  return parts.map((part) => {
    const startMs = at;
    at += (part.length + 1) * perLetter;
    return { text: part, startMs: Math.round(startMs), endMs: Math.round(at), confidence: span.confidence };
  });
};

/** Segments carry punctuation that word lists leave out; where both spell the same words, the segment's spelling is taken. */
const spelled = (words: Word[], segments: Segment[]): Word[] => {
  const parts = segments.flatMap((segment) => segment.text.split(/\s+/).filter(Boolean));
  return parts.length === words.length ? words.map((word, i) => ({ ...word, text: parts[i] ?? word.text })) : words;
};

const within = (second: number) => (segment: Segment) => second >= segment.start && second < segment.end;

/** Throws ZodError for anything but such an answer. `startMs`, `endMs`: the audio that was sent. */
export const readAnswer = (given: unknown, audio: { startMs: number; endMs: number }): { words: Word[]; language: string } => {
  const { text, language, words, segments } = answer.parse(given);
  const toMs = (second: number): number => Math.round(audio.startMs + second * 1000);
  const doubted = (segments ?? []).filter((segment) => !believable(segment));
  const said = (segments ?? []).filter(believable);
  if (words && words.length > 0) {
    const timed = words.filter((word) => word.word.trim() !== '' && !doubted.some(within((word.start + word.end) / 2)));
    const list = timed.map((word): Word => ({ text: word.word.trim(), startMs: toMs(word.start), endMs: toMs(word.end), confidence: confidenceOf(said.find(within((word.start + word.end) / 2))) }));
    return { words: spelled(list, said), language: language ?? '' };
  }
  if (segments && segments.length > 0) return { words: said.flatMap((segment) => spreadWords(segment.text, { startMs: toMs(segment.start), endMs: toMs(segment.end), confidence: confidenceOf(segment) })), language: language ?? '' };
  return { words: spreadWords(text, { ...audio, confidence: UNKNOWN_CONFIDENCE }), language: language ?? '' };
};
