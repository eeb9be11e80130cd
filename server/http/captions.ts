// Words to subtitle cues. Limits follow common subtitle practice (BBC, Netflix): two lines of 42 characters, 7 seconds.
import type { Word } from '../../shared/model.ts';

export type Cue = { startMs: number; endMs: number; lines: string[] };

const LINE = 42;
const LINES = 2;
const LONGEST_MS = 7_000;
/** a cue shorter than this is held on screen up to it, unless the next one begins */
const SHORTEST_MS = 1_000;
const PAUSE_MS = 1_200;

export const cuesOf = (words: readonly Word[]): Cue[] => {
  const cues: Cue[] = [];
  let open: Cue | null = null;
  for (const { startMs, endMs, text } of words) {
    for (const piece of pieces(text)) {
      if (open && !takes(open, piece, startMs, endMs)) open = null;
      if (open) place(open, piece);
      else cues.push((open = { startMs, endMs, lines: [piece] }));
      open.endMs = Math.min(Math.max(open.endMs, endMs), open.startMs + LONGEST_MS);
    }
    if (/[.!?…]["')]?$/.test(text) && open && open.lines.join(' ').length > LINE / 2) open = null;
  }
  return cues.map((cue, index) => {
    const limit = cues[index + 1]?.startMs ?? Infinity;
    const endMs = Math.min(Math.max(cue.endMs, cue.startMs + SHORTEST_MS), Math.max(limit, cue.startMs + 1));
    return { ...cue, endMs };
  });
};

/** Words without white space, none longer than a line. */
const pieces = (text: string): string[] => text.split(/[\s\p{Cc}]+/u).flatMap((word) => chop(Array.from(word)));

const chop = (points: string[]): string[] => Array.from({ length: Math.ceil(points.length / LINE) }, (_, index) => points.slice(index * LINE, (index + 1) * LINE).join(''));

/** in code points: an emoji is one character on a screen, though two in a string */
const width = (text: string): number => Array.from(text).length;

const takes = (cue: Cue, piece: string, startMs: number, endMs: number): boolean => {
  if (endMs - cue.startMs > LONGEST_MS || startMs - cue.endMs > PAUSE_MS) return false;
  return cue.lines.length < LINES || fits(cue.lines.at(-1) ?? '', piece);
};

const fits = (line: string, piece: string): boolean => width(line) + 1 + width(piece) <= LINE;

const place = (cue: Cue, piece: string): void => {
  const last = cue.lines.length - 1;
  const line = cue.lines[last] ?? '';
  if (fits(line, piece)) cue.lines[last] = `${line} ${piece}`;
  else cue.lines.push(piece);
};

const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');

const stamp = (ms: number, separator: '.' | ','): string => {
  const whole = Math.max(0, Math.round(ms));
  return `${pad(Math.floor(whole / 3_600_000))}:${pad(Math.floor(whole / 60_000) % 60)}:${pad(Math.floor(whole / 1_000) % 60)}${separator}${pad(whole % 1_000, 3)}`;
};

const escapeVtt = (line: string): string => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** https://www.w3.org/TR/webvtt1/: `&`, `<` and `>` are escaped, which also covers `-->`. */
export const vtt = (words: readonly Word[]): string => {
  const blocks = cuesOf(words).map(({ startMs, endMs, lines }) => `${stamp(startMs, '.')} --> ${stamp(endMs, '.')}\n${lines.map(escapeVtt).join('\n')}\n`);
  return ['WEBVTT\n', ...blocks].join('\n');
};

/** SRT has no escapes, and players read `<…>` and `{\…}` as styling: such brackets become look-alikes. */
const escapeSrt = (line: string): string => line.replaceAll('<', '‹').replaceAll('>', '›').replaceAll('{', '(').replaceAll('}', ')');

export const srt = (words: readonly Word[]): string =>
  cuesOf(words)
    .map(({ startMs, endMs, lines }, index) => `${index + 1}\n${stamp(startMs, ',')} --> ${stamp(endMs, ',')}\n${lines.map(escapeSrt).join('\n')}\n`)
    .join('\n');
