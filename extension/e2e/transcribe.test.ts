// Words made by the browser that records, from the options page's file picker to the server's transcript, with a real (random) model.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Word } from '../../shared/model.ts';
import { api, temporaryFolder } from '../../scripts/server-process.ts';
import { RECORDER_TRANSCRIBES } from '../../server/pipeline/client-words.ts';
import { tinyModel } from '../transcribe/testing/tiny-model.ts';
import { hasChromium } from './browser.ts';
import { type Studio, openStudio, pause, sessionOf } from './studio.ts';

const ENGINE = 'transcribe-worker.js';

describe.skipIf(!hasChromium)('transcription in the browser that records (needs Chromium)', () => {
  let studio: Studio;
  let options: Page;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    [studio, folder] = await Promise.all([openStudio(), temporaryFolder('model')]);
    options = await studio.browser.page('options');
  }, 120_000);
  afterAll(async () => {
    await studio.close();
    await folder.remove();
  });

  const transcription = async () => (await studio.browser.view()).transcription;
  /** The recorder's workers that run the engine; Playwright does not see them, nor the recorder. */
  const engines = async (): Promise<number> => {
    const [port = ''] = (await readFile(join(studio.browser.profile, 'DevToolsActivePort'), 'utf8')).split('\n');
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { url: string; webSocketDebuggerUrl: string }[];
    const recorder = targets.find(({ url }) => url.endsWith('/recorder.html'));
    if (!recorder) throw new Error(`no recorder among ${targets.map(({ url }) => url).join(' ')}`);
    const socket = new WebSocket(recorder.webSocketDebuggerUrl);
    const workers: string[] = [];
    const listed = Promise.withResolvers<void>();
    socket.addEventListener('error', () => listed.reject(new Error('the recorder cannot be looked into')));
    socket.addEventListener('open', () => socket.send(JSON.stringify({ id: 1, method: 'Target.setAutoAttach', params: { autoAttach: true, waitForDebuggerOnStart: false, flatten: true } })));
    socket.addEventListener('message', ({ data }) => {
      const said = JSON.parse(String(data)) as { id?: number; method?: string; params?: { targetInfo: { url: string } } };
      if (said.method === 'Target.attachedToTarget' && said.params) workers.push(said.params.targetInfo.url);
      if (said.id === 1) listed.resolve(); // those that are there were told before
    });
    await listed.promise.finally(() => socket.close());
    return workers.filter((url) => url.endsWith(ENGINE)).length;
  };
  const choose = async (name: string, bytes: Uint8Array): Promise<void> => {
    const path = join(folder.path, name);
    await writeFile(path, bytes);
    await options.bringToFront();
    await options.locator('input[type=file]').setInputFiles(path);
  };
  const record = async (ms: number) => {
    const page = await studio.openPage();
    const key = await studio.record(page);
    await pause(ms);
    const running = await studio.recording(key);
    return { key, page, session: running.session!, during: await sessionOf(studio.server, running.session!) }; // its server is there
  };

  it('[B13] off, nothing of it is loaded, and the server transcribes', { timeout: 120_000 }, async () => {
    const { key, page, during } = await record(2_000);
    expect(during.stages.transcribe.note).not.toBe(RECORDER_TRANSCRIBES);
    await studio.stop(key);
    expect([await transcription(), await engines()]).toEqual([{ state: 'off', note: '' }, 0]);
    await page.close();
  });

  it('[B13] a file that is no model is refused by name, and recordings are left to the server', { timeout: 180_000 }, async () => {
    await choose('holiday.bin', new Uint8Array(100_000).fill(7));
    await options.getByRole('alert').getByText('does not begin like a ggml model').waitFor({ timeout: 30_000 });
    await studio.pair(studio.server.url, { transcribeHere: true });
    await expect.poll(transcription, { timeout: 30_000 }).toMatchObject({ state: 'failed', note: expect.stringContaining('no model is stored') as string });
    // the head of a model, and nothing behind it: only the engine finds out
    await choose('cut.bin', tinyModel().slice(0, 1_000_000));
    await expect.poll(transcription, { timeout: 120_000 }).toMatchObject({ state: 'failed', note: expect.not.stringContaining('no model is stored') as string });
    console.log(`broken model: ${(await transcription()).note}`);
    const { key, page, during } = await record(1_000);
    expect(during.stages.transcribe.note).not.toBe(RECORDER_TRANSCRIBES);
    expect(await studio.stop(key)).toMatchObject({ state: 'stopped' });
    await page.close();
  });

  it('[B13] a model that works makes the words of a recording, and the session ends with them', { timeout: 300_000 }, async () => {
    await choose('ggml-tiny.bin', tinyModel());
    await expect.poll(transcription, { timeout: 120_000 }).toEqual({ state: 'ready', note: '' });
    expect(await engines()).toBe(1);
    const { key, page, session, during } = await record(12_000);
    expect(during.stages.transcribe.note).toBe(RECORDER_TRANSCRIBES);
    expect(await transcription()).toMatchObject({ state: 'ready', note: expect.stringContaining('one recording at a time') as string });
    // a second tab meanwhile
    const other = await record(1_000);
    expect(other.during.stages.transcribe.note).not.toBe(RECORDER_TRANSCRIBES);
    await studio.stop(other.key);
    const stopped = await studio.stop(key);
    expect(stopped.state).toBe('stopped');
    expect([undefined, 'slow']).toContain(stopped.trouble?.code); // two recordings and a speech engine on two cores may be too much for every frame
    await expect.poll(async () => (await sessionOf(studio.server, session)).session.status, { timeout: 60_000 }).toBe('closed');
    const { stages } = await sessionOf(studio.server, session);
    const { words } = await api<{ words: Word[] }>(studio.server, `/api/sessions/${session}/transcript.json`);
    console.log(`transcribed here: ${words.length} words until ${stages.transcribe.untilMs} of ${stopped.durationMs} ms: ${words.slice(0, 4).map(({ text }) => text).join(' ')}`);
    expect(stages.transcribe.untilMs).toBeGreaterThan(stopped.durationMs - 1_000);
    expect(words.length).toBeGreaterThan(0);
    // the random model's whole vocabulary, which nothing else would say
    for (const { text } of words) expect(text).toMatch(/^(w\d+)+$/);
    expect(await transcription()).toEqual({ state: 'ready', note: '' });
    await Promise.all([page.close(), other.page.close()]);
  });

  it('[B13] switched off again, the engine ends', { timeout: 60_000 }, async () => {
    await studio.pair(studio.server.url, { transcribeHere: false });
    await expect.poll(async () => [await transcription(), await engines()], { timeout: 30_000 }).toEqual([{ state: 'off', note: '' }, 0]);
  });
});
