// A provider that answers 429, 500, garbage, slowly or never: the recording is not affected, memory stays flat while ten minutes
// pass, the lag of the words cursor is visible, and the words come when the provider does. A budget stops it, visibly.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamFile } from '../../scripts/stream.ts';
import { type ServerProcess, api, startServer } from '../../scripts/server-process.ts';
import type { ProviderState, SessionView, Word } from '../../shared/model.ts';
import { type Planted, plantedStream } from '../testing/planted.ts';
import { rssBytes } from '../testing/processes.ts';
import { type Failure, type ScriptedProvider, startScriptedProvider } from '../testing/scripted-provider.ts';
import { hasFlite } from '../testing/speech.ts';
import { long } from './support.ts';

const flite = await hasFlite();
const FAILURES: Record<string, Failure> = {
  '429 with Retry-After': { mode: 'status', status: 429, retryAfter: '2' },
  '500': { mode: 'status', status: 500 },
  garbage: { mode: 'garbage' },
  slow: { mode: 'slow', ms: 5_000 },
  never: { mode: 'never' },
};
const MODES = long ? Object.keys(FAILURES) : ['500'];
const OUTAGE_MS = 6_000;

const env = (provider: ScriptedProvider): Record<string, string> => ({
  OPENAI_API_KEY: 'scripted', OPENAI_BASE_URL: provider.url, CLIPPY_PROVIDER_RPM: '10000', CLIPPY_PROVIDER_AUDIO_SPH: '1000000', CLIPPY_PROVIDER_TIMEOUT_S: '2', CLIPPY_OPENAI_JUDGE_MODEL: '',
});

describe.skipIf(!flite)('a provider in trouble (needs flite and FFmpeg)', () => {
  let planted: Planted;
  beforeAll(async () => { planted = await plantedStream(); }, 180_000);

  for (const mode of MODES) {
    describe(`answers ${mode}`, () => {
      let provider: ScriptedProvider;
      let server: ServerProcess;
      beforeAll(async () => {
        provider = await startScriptedProvider({ words: planted.words });
        server = await startServer({ env: env(provider) });
      });
      afterAll(async () => {
        await server.kill('SIGTERM');
        await provider.close();
      });

      it('[W21] leaves the recording alone, shows the lag, and catches up', { timeout: 240_000 }, async () => {
        provider.failAll(FAILURES[mode]!); // a key of FAILURES
        const sent = await streamFile({ file: planted.file, server: server.url, token: server.token, speed: 'max', slice: 'gop', awaitDrained: false });
        expect(sent.acked).toBe(sent.chunks);
        const view = (): Promise<SessionView> => api<SessionView>(server, `/api/sessions/${sent.sessionId}`);
        await expect.poll(async () => (await view()).clips.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(planted.moments.length);
        const settled = rssBytes(server.pid);
        await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS)); // the outage itself: time is what is tested
        const during = await view();
        expect(during.session.durationMs).toBeGreaterThan(590_000);
        expect(during.stages.transcribe.lagMs).toBeGreaterThan(300_000);
        expect(during.stages.archive.lagMs).toBeLessThan(10_000);
        const grown = rssBytes(server.pid) - settled;
        provider.failAll(null);
        await expect.poll(async () => (await view()).session.status, { timeout: 150_000, interval: 500 }).toBe('closed');
        const { words } = await api<{ words: Word[] }>(server, `/api/sessions/${sent.sessionId}/transcript.json`);
        console.log(`${mode}: lag ${Math.round(during.stages.transcribe.lagMs / 1000)} s ("${during.stages.transcribe.note.slice(0, 120)}"), memory ${grown >= 0 ? '+' : ''}${Math.round(grown / 1e6)} MB in the outage, ${words.length} of ${planted.words.length} words afterwards`);
        expect(grown).toBeLessThan(60e6);
        expect(words.length).toBeGreaterThan(planted.words.length * 0.9);
        expect((await view()).deadLetters).toEqual([]);
      });
    });
  }

  it('[W16] stops at the budget, and says so', { timeout: 120_000 }, async () => {
    const provider = await startScriptedProvider({ words: planted.words });
    const server = await startServer({ env: { ...env(provider), OPENAI_API_KEY: '', OPENAI_BASE_URL: '', GROQ_API_KEY: 'scripted', GROQ_BASE_URL: provider.groqUrl, CLIPPY_GROQ_JUDGE_MODEL: '', CLIPPY_BUDGET_HOUR_USD: '0.001' } });
    const sent = await streamFile({ file: planted.file, server: server.url, token: server.token, speed: 'max', slice: 'gop', awaitDrained: false });
    const view = (): Promise<SessionView> => api<SessionView>(server, `/api/sessions/${sent.sessionId}`);
    await expect.poll(async () => (await view()).stages.transcribe.note, { timeout: 60_000 }).toMatch(/CLIPPY_BUDGET_HOUR_USD/);
    const { providers } = await api<{ providers: ProviderState[] }>(server, '/api/providers');
    expect(providers[0]).toMatchObject({ name: 'groq', status: 'budget' });
    expect(providers[0]!.spentHour).toBeLessThanOrEqual(0.001); // toMatchObject has seen it
    await expect.poll(async () => (await view()).clips.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(planted.moments.length);
    console.log(`budget: $${providers[0]!.spentHour} spent, note "${(await view()).stages.transcribe.note}"`); // seen above
    await server.kill('SIGTERM');
    await provider.close();
  });
});
