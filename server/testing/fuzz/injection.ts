// Target `injection`: speech that gives orders to the judge, and judges that answer anything. A verdict only points at words that
// were said; nothing of either leaves as markup, path, header, caption or fence.
import { ZodError } from 'zod';
import type { Highlight, Word } from '../../../shared/model.ts';
import { attachment } from '../../http/attachment.ts';
import { cuesOf, srt, vtt } from '../../http/captions.ts';
import { messagesOf, readVerdict } from '../../highlights/judge-prompt.ts';
import { findQuote } from '../../highlights/quotes.ts';
import { tokensOf } from '../../highlights/tokens.ts';
import { judged } from '../../highlights/verdict.ts';
import { filterHallucinations } from '../../pipeline/hallucination.ts';
import type { Verdict } from '../../ports.ts';
import { type Chance, chanceOf } from './chance.ts';
import { type FuzzOptions, type FuzzReport, runCases } from './fuzz.ts';
import { wireFault } from './providers.ts';
import { HOSTILE_TEXTS } from './texts.ts';

const CALM = ['so', 'we', 'went', 'up', 'and', 'then', 'no', 'way!', 'clip', 'that', 'he', 'did', 'it.', 'Wow', 'really?'];
const MAX_PROMPT = 12_000;

const heard = (chance: Chance): Word[] => {
  const words = Array.from({ length: 1 + chance.below(60) }, (_, at): Word => ({ text: chance.often(0.75) ? chance.pick(CALM) : chance.pick(HOSTILE_TEXTS), startMs: 5_000 + at * 500, endMs: 5_400 + at * 500, confidence: 0.9 }));
  // as they are committed
  return filterHallucinations(words, { startMs: 0, endMs: 60_000, voice: () => 1 }).words;
};

const claim = (chance: Chance, words: readonly Word[]): string => {
  if (chance.often(0.3)) return chance.pick(HOSTILE_TEXTS);
  const first = chance.below(words.length);
  const quote = words.slice(first, first + 1 + chance.below(8)).map(({ text }) => text).join(' ');
  return chance.often(0.7) ? quote : `${quote} ${chance.pick(HOSTILE_TEXTS)}`;
};

const answerOf = (chance: Chance, words: readonly Word[]): string => {
  if (chance.often(0.1)) return chance.pick([...HOSTILE_TEXTS, '[]', 'null', '{}', '{"keep":"yes"}', 'x'.repeat(9_000), '```json\n{}\n```']);
  const verdict: Record<string, unknown> = { keep: chance.often(0.8), title: claim(chance, words), quote: claim(chance, words), firstWords: claim(chance, words), lastWords: claim(chance, words), reason: chance.pick(HOSTILE_TEXTS) };
  if (chance.often(0.1)) verdict[chance.pick(Object.keys(verdict))] = chance.pick<unknown>([null, 7, {}, [], true, 'x'.repeat(700)]);
  if (chance.often(0.1)) Object.assign(verdict, { startMs: 0, endMs: 1e9, score: 1, state: 'refined', id: '../../x' });
  return JSON.stringify(verdict);
};

const promptFault = (highlight: Highlight, words: Word[]): string | undefined => {
  const text = messagesOf({ highlight, words, context: words.map((word) => word.text).join(' ').slice(0, 300) }).at(-1)?.content ?? '';
  if (text.length > MAX_PROMPT) return `a prompt of ${text.length} characters`;
  if (text.split('<<<TRANSCRIPT').length !== 2 || text.split('TRANSCRIPT>>>').length !== 2) return 'the transcript holds its own fence';
  const unsafe = /[^\P{C}\n]/u.exec(text);
  return unsafe ? `U+${unsafe[0].codePointAt(0)?.toString(16)} in the prompt` : undefined;
};

const judgedFault = (given: Highlight, words: Word[], verdict: Verdict, after: Highlight | null): string | undefined => {
  if (after === null) return undefined;
  if (!findQuote(words, verdict.quote)) return `kept without its quote: ${JSON.stringify(verdict.quote)}`;
  const said = words.flatMap(({ text }) => tokensOf(text)).join('');
  if (after.state !== 'vetoed' && after.title !== given.title && !said.includes(tokensOf(after.title.replace(/…$/, '')).join(''))) return `a title nobody said: ${JSON.stringify(after.title)}`;
  const { id, sessionId, version, startMs, endMs, peakMs, score } = after;
  if (id !== given.id || sessionId !== given.sessionId || version !== given.version + 1 || score !== given.score || peakMs !== given.peakMs) return 'the judge changed what is not his';
  if (!(startMs >= 0 && endMs <= 60_000 && startMs <= peakMs && endMs >= peakMs)) return `a clip from ${startMs} to ${endMs} ms`;
  if (/[\p{Cc}]/u.test(after.title)) return `control characters in the title ${JSON.stringify(after.title)}`;
  return wireFault({ t: 'event', topic: 'session:S', event: { type: 'highlight', sessionId: 'S', highlight: after } });
};

const STAMP = String.raw`\d{2,}:\d{2}:\d{2}`;

const captionFault = (words: Word[]): string | undefined => {
  const cues = cuesOf(words).length;
  for (const [name, text, head, time] of [['VTT', vtt(words), 'WEBVTT', new RegExp(String.raw`^${STAMP}\.\d{3} --> ${STAMP}\.\d{3}$`)], ['SRT', srt(words), '', new RegExp(String.raw`^${STAMP},\d{3} --> ${STAMP},\d{3}$`)]] as const) {
    const blocks = text.split(/\n\n+/).map((block) => block.trim()).filter(Boolean).filter((block) => block !== head);
    if (blocks.length !== cues) return `${name}: ${blocks.length} blocks for ${cues} cues`;
    for (const block of blocks) {
      const lines = block.split('\n');
      const at = name === 'SRT' ? 1 : 0;
      if (!time.test(lines[at] ?? '') || lines.length > at + 3) return `${name}: a block ${JSON.stringify(block)}`;
      const spoken = lines.slice(at + 1).join('\n');
      if (/[<>]|-->/.test(spoken) || (name === 'SRT' && /[{}]/.test(spoken)) || /[^\P{Cc}\n]/u.test(spoken)) return `${name}: markup in ${JSON.stringify(spoken)}`;
    }
  }
  return undefined;
};

const nameFault = (title: string): string | undefined => {
  const header = attachment(`${title}.mp4`);
  const [, plain = null] = /^attachment; filename="([^"]*)"(?:; filename\*=UTF-8''[\w!#$&+.^`|~%-]+)?$/.exec(header) ?? [];
  if (plain === null || !/^[\x20-\x7e]+$/.test(header)) return `Content-Disposition: ${JSON.stringify(header)}`;
  const exact = decodeURIComponent(/UTF-8''(.*)$/.exec(header)?.[1] ?? '');
  for (const name of [plain, exact]) if (/[/\\:*?"<>|\p{Cc}\p{Bidi_Control}]/u.test(name) || name.startsWith('.')) return `a file named ${JSON.stringify(name)}`;
  return undefined;
};

export const fuzzInjection = (options: FuzzOptions): FuzzReport =>
  runCases('injection', options, (number) => {
    const chance = chanceOf(options.seed, number);
    const words = heard(chance);
    const given: Highlight = { id: 'H', sessionId: 'S', version: 1, state: 'refined', startMs: 8_000, endMs: 28_000, peakMs: 15_000, score: 0.7, title: 'Loud moment at 0:15', reasons: [] };
    const answer = words.length > 0 ? answerOf(chance, words) : '';
    const common = promptFault(given, words) ?? captionFault(words) ?? nameFault(`${chance.pick(HOSTILE_TEXTS)}${words[0]?.text ?? ''}`);
    if (common !== undefined) return { outcome: 'wrong', wrong: common, input: JSON.stringify(words.map(({ text }) => text)).slice(0, 500) };
    let verdict: Verdict;
    try {
      verdict = readVerdict(answer);
    } catch (error) {
      return { outcome: 'refused', input: answer, ...(error instanceof ZodError || error instanceof SyntaxError ? {} : { wrong: String(error) }) };
    }
    const after = judged(given, words, verdict, 60_000);
    const wrong = judgedFault(given, words, verdict, after) ?? (after ? nameFault(after.title) : undefined);
    return { outcome: after === null ? 'void' : after.state === 'vetoed' ? 'rejected' : 'kept', input: answer, ...(wrong === undefined ? {} : { wrong }) };
  });
