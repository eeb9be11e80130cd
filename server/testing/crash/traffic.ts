// What is recorded while servers die: small real media, each recording with what must be true of it in the end.
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ulid } from 'ulid';
import { type LivePiece, allPieces } from '../../../scripts/live-media.ts';
import { createClient } from '../../../shared/client.ts';
import type { Page, Region, Word } from '../../../shared/model.ts';
import type { Random } from '../../clock.ts';

export type Expected = {
  sessionId: string;
  kind: 'moments' | 'words' | 'noise';
  pieces: number;
  lost: number;
  bytes: number;
  sha256: string;
  words: Word[];
  regions: Region[];
  pages: Page[];
};
export type Traffic = { record(kind: Expected['kind']): Promise<Expected>; close(): void };

const MOMENT_PIECES = 62; // the first moment of the demo, and what follows it
const WORD_PIECES = 12;
const NOISE_PIECES = 6;
const IN_FLIGHT = 4;
/** a share of the back-off: a server that dies every second must not be waited for */
const NEVER_PATIENT = 0.01;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const loadPieces = async (): Promise<{ mime: string; pieces: LivePiece[] }> => {
  const { mime, pieces } = await allPieces(join(import.meta.dirname, '../../../scripts/demo.mp4'));
  return { mime, pieces: pieces.slice(0, MOMENT_PIECES) };
};

export const openTraffic = ({ url, token, media, random }: { url: string; token: string; media: { mime: string; pieces: LivePiece[] }; random: Random }): Traffic => {
  const client = createClient({ url, token, client: 'test', clientVersion: '1', random: () => NEVER_PATIENT });
  const piecesOf = (kind: Expected['kind']): LivePiece[] => {
    if (kind === 'moments') return media.pieces;
    if (kind === 'words') return media.pieces.slice(0, WORD_PIECES);
    return Array.from({ length: NOISE_PIECES }, (_, n) => ({ startMs: n * 1_000, durationMs: 1_000, bytes: new Uint8Array(randomBytes(3_000)) }));
  };
  return {
    record: async (kind) => {
      const pieces = piecesOf(kind);
      const recording = client.record({ key: ulid(), title: kind, sourceUrl: '', mime: kind === 'noise' ? 'video/mp4' : media.mime, video: null, mode: 'file', ...(kind === 'words' && { transcript: 'client' as const }) });
      const sessionId = await recording.session;
      const lostAt = kind === 'words' ? 2 + Math.floor(random() * (pieces.length - 3)) : -1;
      const stored: Uint8Array[] = [];
      const expected: Omit<Expected, 'bytes' | 'sha256'> = { sessionId, kind, pieces: pieces.length, lost: kind === 'words' ? 1 : 0, words: [], regions: [], pages: [] };
      for (const [n, { startMs, durationMs, bytes }] of pieces.entries()) {
        if (n === lostAt) await recording.lose({ startMs, durationMs });
        else {
          await recording.push({ startMs, durationMs, bytes });
          stored.push(bytes);
        }
        if (kind === 'words') {
          const fromMs = n * 1_000;
          const words = [0, 1].map((half): Word => ({ startMs: fromMs + half * 500, endMs: fromMs + half * 500 + 400, text: `word${n * 2 + half}`, confidence: 0.5 }));
          recording.words({ fromMs, untilMs: fromMs + 1_000, words });
          expected.words.push(...words);
          const region: Region = { atMs: fromMs, rect: { x: n, y: 0, width: 64, height: 36 } };
          const page: Page = { atMs: fromMs, title: `page ${n}`, sourceUrl: 'https://example.org/', playing: n % 2 === 0 };
          recording.region(region.atMs, region.rect);
          recording.page(page);
          expected.regions.push(region);
          expected.pages.push(page);
        }
        while (recording.status.unackedChunks > IN_FLIGHT) await pause(5);
        await pause(random() * 20);
      }
      await recording.stop();
      const all = Buffer.concat(stored);
      return { ...expected, bytes: all.length, sha256: sha256(all) };
    },
    close: () => client.close(),
  };
};
