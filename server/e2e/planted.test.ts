// A ten-minute recording with six planted moments: all found, at most one other clip, by signals alone; and with words from a
// scripted provider, titles come from the words and no cut falls inside one. Latency from a moment's end to its clip is printed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamFile } from '../../scripts/stream.ts';
import { type ServerProcess, api, startServer } from '../../scripts/server-process.ts';
import type { Clip, SessionEvent, Word } from '../../shared/model.ts';
import { type Planted, plantedStream } from '../testing/planted.ts';
import { hasFlite } from '../testing/speech.ts';
import { type ScriptedProvider, startScriptedProvider } from '../testing/scripted-provider.ts';
import { long, lookAt } from './support.ts';

const flite = await hasFlite();

const overlaps = (clip: Pick<Clip, 'startMs' | 'endMs'>, moment: { startMs: number; endMs: number }): boolean => clip.startMs < moment.endMs && clip.endMs > moment.startMs;
const judgeFound = (clips: Clip[], planted: Planted): { found: number; others: number } => ({
  found: planted.moments.filter((moment) => clips.some((clip) => overlaps(clip, moment))).length,
  others: clips.filter((clip) => !planted.moments.some((moment) => overlaps(clip, moment))).length,
});

describe.skipIf(!flite)('planted moments (needs flite and FFmpeg)', () => {
  let planted: Planted;
  beforeAll(async () => { planted = await plantedStream(); }, 180_000);

  it('[H10] finds all six by signals alone, with at most one other clip', { timeout: 180_000 }, async () => {
    const server = await startServer();
    const { clips, sessionId } = await streamFile({ file: planted.file, server: server.url, token: server.token, speed: 'max', slice: 'gop' });
    const { found, others } = judgeFound(clips, planted);
    console.log(`signals alone: ${found} of ${planted.moments.length} moments, ${others} other clip(s)`);
    expect(found).toBe(planted.moments.length);
    expect(others).toBeLessThanOrEqual(1);
    for (const clip of clips) {
      const seen = await lookAt(server, `/api/clips/${clip.id}/media`);
      expect({ id: clip.id, errors: seen.errors }).toEqual({ id: clip.id, errors: [] });
      expect(Math.abs(seen.durationMs - (clip.endMs - clip.startMs))).toBeLessThanOrEqual(1000 / 15 + 1);
      expect(clip.reasons.length).toBeGreaterThan(0);
    }
    const counted = [...(await (await fetch(`${server.url}/metrics`)).text()).matchAll(/^clippy_clip_ready_seconds_count\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
    expect(counted.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(clips.length);
    expect(sessionId).not.toBe('');
    await server.kill('SIGTERM');
  });

  describe('with words from an OpenAI-compatible server', () => {
    let provider: ScriptedProvider;
    let server: ServerProcess;
    beforeAll(async () => {
      provider = await startScriptedProvider({ words: planted.words });
      server = await startServer({ env: { OPENAI_API_KEY: 'scripted', OPENAI_BASE_URL: provider.url, CLIPPY_PROVIDER_RPM: '10000', CLIPPY_PROVIDER_AUDIO_SPH: '1000000', CLIPPY_OPENAI_JUDGE_MODEL: '' } });
    });
    afterAll(async () => {
      await server.kill('SIGTERM');
      await provider.close();
    });

    it('[H11][W1] titles come from the words, no cut falls inside a word', { timeout: 180_000 }, async () => {
      const { clips, sessionId } = await streamFile({ file: planted.file, server: server.url, token: server.token, speed: 'max', slice: 'gop' });
      const { found, others } = judgeFound(clips, planted);
      const { words } = await api<{ words: Word[] }>(server, `/api/sessions/${sessionId}/transcript.json`);
      console.log(`with words: ${found} of ${planted.moments.length} moments, ${others} other clip(s), ${words.length} of ${planted.words.length} words; titles: ${clips.map((clip) => clip.title).join(' | ')}`);
      expect(found).toBe(planted.moments.length);
      expect(others).toBeLessThanOrEqual(1);
      expect(words.length).toBeGreaterThan(planted.words.length * 0.9);
      const spoken = words.map((word) => word.text.toLowerCase().replaceAll(/[^\p{L}\p{N}']/gu, '')).join(' ');
      for (const clip of clips) {
        const inside = words.filter((word) => (clip.startMs > word.startMs + 1 && clip.startMs < word.endMs - 1) || (clip.endMs > word.startMs + 1 && clip.endMs < word.endMs - 1));
        expect({ title: clip.title, inside }).toEqual({ title: clip.title, inside: [] });
        const title = clip.title.toLowerCase().replaceAll(/[^\p{L}\p{N}' ]/gu, '').trim();
        expect(spoken).toContain(title);
      }
    });
  });

  it.skipIf(!long)('[H12] a provisional clip is playable within 3 s of the end of its moment, at the pace of life', { timeout: 400_000 }, async () => {
    const short = await plantedStream({ durationS: 210, moments: 4, seed: 5, firstS: 60 });
    const server = await startServer();
    const began = Date.now();
    const arrived: { clip: Clip; atMs: number }[] = [];
    const last = short.moments.at(-1)!; // it has four
    const seen = new AbortController();
    const onEvent = (event: SessionEvent): void => {
      if (event.type !== 'clip') return;
      arrived.push({ clip: event.clip, atMs: Date.now() });
      if (overlaps(event.clip, last)) seen.abort(); // nothing more is asked of the rest
    };
    let sentFrom = began;
    await streamFile({ file: short.file, server: server.url, token: server.token, speed: 1, slice: 'gop', onEvent, signal: seen.signal, onStart: () => { sentFrom = Date.now(); } });
    const delays: number[] = [];
    for (const moment of short.moments) {
      const first = arrived.find(({ clip }) => overlaps(clip, moment));
      const delay = first ? first.atMs - (sentFrom + moment.endMs) : Infinity;
      console.log(`moment ending at ${(moment.endMs / 1000).toFixed(1)} s ("${moment.phrase}"): first clip ${(delay / 1000).toFixed(2)} s later (${first?.clip.state})`);
      delays.push(delay);
    }
    await server.kill('SIGTERM');
    expect(Math.max(...delays)).toBeLessThan(3_000);
  });
});
