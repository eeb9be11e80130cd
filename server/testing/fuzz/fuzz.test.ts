// Short runs of the fuzz targets that need no server (rules FZ), and the cases that once broke something. Longer: `npm run fuzz`.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeFrame } from '../../../shared/codec.ts';
import type { Word } from '../../../shared/model.ts';
import { attachment } from '../../http/attachment.ts';
import { filterHallucinations } from '../../pipeline/hallucination.ts';
import { fuzzChunks } from './chunks.ts';
import { decodeFault, fuzzFrames } from './frames.ts';
import type { FuzzReport } from './fuzz.ts';
import { fuzzInjection } from './injection.ts';
import { fuzzOpus } from './opus.ts';
import { fuzzProviders, wireFault } from './providers.ts';

const long = process.env['CLIPPY_TEST_LONG'] === '1';
const seed = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
const held = ({ target, runs, summary, findings }: FuzzReport): void => {
  console.log(`fuzz ${target}: ${runs} cases, seed ${seed}; ${summary}`);
  expect(findings, `seed ${seed}`).toEqual([]);
};

it(`[FZ1][P9][P10] hostile frames are refused with a FrameError or survive encoding (seed ${seed})`, { timeout: 600_000 }, () => {
  held(fuzzFrames({ runs: long ? 100_000 : 10_000, seed }));
});

it(`[FZ2][D1][D3] hostile media give typed errors, the same events in any slices, and no clip that throws (seed ${seed})`, { timeout: 600_000 }, async () => {
  held(await fuzzChunks({ runs: long ? 2_000 : 150, seed }));
});

it(`[FZ2][X6] hostile Opus packets become features that are numbers, without a hole (seed ${seed})`, { timeout: 600_000 }, async () => {
  held(await fuzzOpus({ runs: long ? 20_000 : 1_000, seed }));
});

it(`[FZ4][W9][W20] whatever a speech engine answers, words are in order, inside the recording and readable (seed ${seed})`, { timeout: 600_000 }, async () => {
  held(await fuzzProviders({ runs: long ? 2_000 : 100, seed }));
});

it(`[FZ5][J2][J5][R7][R10] speech and judges that give orders change nothing but which words are shown (seed ${seed})`, { timeout: 600_000 }, () => {
  held(fuzzInjection({ runs: long ? 10_000 : 500, seed }));
});

it('the checks can fail: a frame that comes back changed, and text no viewer decodes, are findings', () => {
  expect(decodeFault(encodeFrame({ t: 'ping', id: 1 }))).toEqual({ outcome: 'taken ping' });
  expect(decodeFault(Uint8Array.of(0xc1))).toEqual({ outcome: 'refused bad_frame' });
  const words = (text: string): Parameters<typeof wireFault>[0] => ({ t: 'event', topic: 'session:S', event: { type: 'words', sessionId: 'S', words: [{ startMs: 0, endMs: 1, text, confidence: 1 }] } });
  expect([wireFault(words('fine')), wireFault(words('a\0b')), wireFault(words('x'.repeat(5_000)))]).toEqual([undefined, expect.stringContaining('NUL'), expect.stringContaining('4096')]);
});

it.each([614, 1794])('[FZ2] chunks, seed 284510712, case %i: a track whose samples a second are no number', async (only) => {
  expect((await fuzzChunks({ runs: 2_000, seed: 284_510_712, only })).findings).toEqual([]);
});

it('[FZ2][D1] chunks, seed 77, case 16754: pictures said to be Opus', async () => {
  expect((await fuzzChunks({ runs: 20_000, seed: 77, only: 16_754 })).findings).toEqual([]);
});

it('[FZ4][W9] providers, seed 1, cases 6, 7 and 15: words of no confidence, of 19,000 characters, with NUL or half a pair', () => {
  const odd: Word[] = ['a\0b', 'x'.repeat(19_000), '\uD800', '\0', 'fine'].map((text, at) => ({ text, startMs: at * 500, endMs: at * 500 + 400, confidence: NaN }));
  const { words } = filterHallucinations(odd, { startMs: 0, endMs: 10_000, voice: () => 1 });
  expect(words.map(({ text, confidence }) => [text, confidence])).toEqual([['a b', 0], ['x'.repeat(200), 0], ['\uFFFD', 0], ['fine', 0]]);
});

it('[FZ5][R7] injection, seed 1, cases 36 and 772: what is left of a name does not begin with a dot', () => {
  expect(attachment('\u200B.htaccess.mp4')).toMatch(/filename="htaccess\.mp4"/);
  expect(attachment('ก็…….mp4')).toMatch(/filename="download\.mp4"/);
  expect(attachment('…')).toMatch(/filename="download"/);
});

it('[FZ5][U3] no page writes markup: what people or models wrote reaches the document as text only', () => {
  const root = join(import.meta.dirname, '../../..');
  const pages = ['dashboard', 'extension'].flatMap((top) => readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((name) => join(top, name))).filter((name) => name.endsWith('.ts') && !/\.test\.ts$|testing\/|e2e\//.test(name));
  expect(pages.length).toBeGreaterThan(50);
  const writes = /unsafe(HTML|SVG|Static)|\.(inner|outer)HTML\b|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function\(|srcdoc/;
  expect(pages.filter((name) => writes.test(readFileSync(join(root, name), 'utf8').replaceAll(/\/\/.*$/gm, '')))).toEqual([]);
});
