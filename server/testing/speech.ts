// Spoken test sentences with word times: flite where it is installed, otherwise a buzz through formants that has the loudness,
// pitch and rhythm of speech but no meaning. 16 kHz mono.
import { seededRandom } from '../../shared/testing/random.ts';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Word } from '../../shared/model.ts';

const run = promisify(execFile);
export const RATE = 16_000;

export type Voice = 'slt' | 'awb' | 'rms';
export type Spoken = { pcm: Float32Array; /** times from the beginning of the utterance */ words: Word[] };
export type Say = (text: string, style: { voice: Voice; excited: boolean }) => Promise<Spoken>;

export const hasFlite = async (): Promise<boolean> => {
  try {
    await run('flite', ['-lv']);
    return true;
  } catch {
    return false;
  }
};

/** Samples of a 16-bit mono WAV file. */
export const readWav = (bytes: Buffer): Float32Array => {
  const at = bytes.indexOf('data', 12, 'latin1');
  const end = Math.min(bytes.length, at + 8 + bytes.readUInt32LE(at + 4));
  const pcm = new Float32Array(Math.max(0, (end - at - 8) >> 1));
  for (let i = 0; i < pcm.length; i++) pcm[i] = bytes.readInt16LE(at + 8 + i * 2) / 32768;
  return pcm;
};

const letters = (word: string): number => word.length + 1.5;
const spread = (words: string[], startMs: number, endMs: number): Word[] => {
  const total = words.reduce((sum, word) => sum + letters(word), 0);
  let at = startMs;
  return words.map((word) => {
    const from = at;
    at += ((endMs - startMs) * letters(word)) / total;
    return { startMs: Math.round(from), endMs: Math.round(at), text: word, confidence: 0.95 };
  });
};

/** Spreads words over stretches of sound: punctuation separates what the pauses separate, letters weigh the rest. */
const timeWords = (text: string, stretches: { startMs: number; endMs: number }[]): Word[] => {
  const groups: string[][] = [[]];
  for (const word of text.split(/\s+/)) {
    groups.at(-1)!.push(word); // groups is never empty
    if (/[,.!?;:]$/.test(word)) groups.push([]);
  }
  const parts = groups.filter((group) => group.length > 0);
  const first = stretches[0];
  const last = stretches.at(-1);
  if (!first || !last) return [];
  if (parts.length !== stretches.length) return spread(parts.flat(), first.startMs, last.endMs);
  return parts.flatMap((words, i) => spread(words, stretches[i]!.startMs, stretches[i]!.endMs)); // same length
};

/** Phones and their end times as flite prints them: `pau:0.164 hh:0.255 …` → stretches without pauses. */
const stretchesOf = (printed: string): { startMs: number; endMs: number }[] => {
  const stretches: { startMs: number; endMs: number }[] = [];
  let from = 0;
  let open = false;
  for (const [, phone, seconds] of printed.matchAll(/(\S+):([\d.]+)/g)) {
    const until = Number(seconds) * 1000;
    if (phone === 'pau') open = false;
    else if (open) stretches.at(-1)!.endMs = until; // open: one was pushed
    else {
      stretches.push({ startMs: from, endMs: until });
      open = true;
    }
    from = until;
  }
  return stretches;
};

export const fliteVoice = async (): Promise<{ say: Say; close: () => Promise<void> }> => {
  const folder = await mkdtemp(join(tmpdir(), 'clippy-flite-'));
  let next = 0;
  return {
    say: async (text, { voice, excited }) => {
      const file = join(folder, `${(next += 1)}.wav`);
      const pitch = voice === 'slt' ? 210 : 130;
      const style = excited ? ['--setf', 'duration_stretch=0.85', '--setf', `int_f0_target_mean=${pitch * 1.35}`, '--setf', 'int_f0_target_stddev=45'] : ['--setf', 'duration_stretch=1.05'];
      const { stdout } = await run('flite', ['-voice', voice, ...style, '-psdur', '-t', text, '-o', file]);
      const pcm = readWav(await readFile(file));
      await rm(file);
      return { pcm, words: timeWords(text, stretchesOf(stdout)) };
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
};

/** Speech-like sound without a synthesiser: glottal pulses through three resonators, one vowel per syllable. */
export const buzzVoice = (): Say => async (text, { voice, excited }) => {
  const random = seededRandom([...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7));
  const vowels = [[700, 1200, 2600], [400, 2000, 2700], [500, 900, 2400], [320, 2300, 3000], [600, 1700, 2500]];
  const syllableS = excited ? 0.15 : 0.2;
  const plan: { from: number; to: number; vowel: number[] }[] = [];
  const stretches = [{ startMs: 60, endMs: 60 }];
  let at = 0.06;
  for (const word of text.split(/\s+/)) {
    for (let i = 0; i < Math.max(1, Math.round(word.length / 3)); i++) {
      plan.push({ from: at, to: at + syllableS * 0.85, vowel: vowels[Math.floor(random() * vowels.length)] ?? [500, 1500, 2500] });
      at += syllableS;
    }
    stretches.at(-1)!.endMs = at * 1000; // never empty
    if (/[,.!?;:]$/.test(word)) {
      at += 0.25;
      stretches.push({ startMs: at * 1000, endMs: at * 1000 });
    }
  }
  const pcm = new Float32Array(Math.ceil((at + 0.1) * RATE));
  let phase = 0;
  for (const { from, to, vowel } of plan) {
    const pitch = (voice === 'slt' ? 200 : 120) * (excited ? 1.4 : 1) * (0.9 + 0.2 * random());
    const states = vowel.map(() => [0, 0]);
    for (let i = Math.floor(from * RATE); i < to * RATE; i++) {
      phase += pitch / RATE;
      if (phase >= 1) phase -= 1;
      const source = (phase < 0.1 ? 1 : -0.11) + 0.05 * (random() - 0.5);
      let sum = 0;
      for (const [n, hertz] of vowel.entries()) {
        const state = states[n]!; // same length as vowel
        const r = Math.exp((-Math.PI * (80 + 40 * n)) / RATE);
        const out = source * (1 - r) + 2 * r * Math.cos((2 * Math.PI * hertz) / RATE) * state[0]! - r * r * state[1]!; // pairs
        state[1] = state[0]!;
        state[0] = out;
        sum += out / (n + 1);
      }
      pcm[i] = sum * Math.sqrt(Math.max(0, Math.sin((Math.PI * (i / RATE - from)) / (to - from))));
    }
  }
  return { pcm, words: timeWords(text, stretches.filter(({ startMs, endMs }) => endMs > startMs)) };
};
