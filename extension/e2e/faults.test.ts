// Servers die, networks go, browsers crash: what was recorded arrives, and what is missing is declared.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium } from './browser.ts';
import { openLine } from './cut-line.ts';
import { type Studio, gapsOf, measureSession, openStudio, pause, sessionOf } from './studio.ts';

describe.skipIf(!hasChromium)('trouble while recording (needs Chromium)', () => {
  let studio: Studio;
  beforeAll(async () => { studio = await openStudio(); }, 120_000);
  afterAll(() => studio.close());

  it('[B3] a server killed for 6 s and frozen for 9 s leaves one contiguous recording without gaps, and the popup shows it', { timeout: 180_000 }, async () => {
    const page = await studio.openPage();
    const key = await studio.record(page);
    const popup = await studio.browser.page('popup');
    await page.bringToFront();
    await pause(4_000);
    await studio.server.kill('SIGKILL');
    await studio.until(key, 'the popup to see the server gone', (_, { server }) => server.state === 'offline');
    const shown = popup.getByText(/offline|not reach|no connection|unreachable/i).first();
    await shown.waitFor({ state: 'visible', timeout: 10_000 });
    await pause(6_000);
    await studio.restartServer();
    await studio.until(key, 'the server to be back', (recording, { server }) => server.state === 'online' && recording.unackedChunks <= 2, 45_000);
    process.kill(studio.server.pid, 'SIGSTOP');
    await pause(9_000);
    process.kill(studio.server.pid, 'SIGCONT');
    await studio.until(key, 'the frozen server to catch up', (recording, { server }) => server.state === 'online' && recording.unackedChunks <= 2, 45_000);
    await pause(2_000);
    const stopped = await studio.stop(key);
    expect(stopped).toMatchObject({ state: 'stopped', lost: 0, unackedChunks: 0 });
    const { session } = await sessionOf(studio.server, stopped.session!); // it was online
    expect(session).toMatchObject({ missing: 0, lastSequence: stopped.pushed, chunks: stopped.pushed });
    expect(await gapsOf(studio.server, session.id)).toEqual([]);
    const seen = await measureSession(studio.server, session.id);
    expect(seen.errors).toBe('');
    expect(Math.abs(seen.durationMs - stopped.durationMs)).toBeLessThan(500);
    console.log(`server killed and frozen: ${(seen.durationMs / 1_000).toFixed(1)} s recorded, ${seen.framesPerSecond.toFixed(1)} frames/s, ${session.missing} missing`);
    await Promise.all([page.close(), popup.close()]);
  });

  it('[B4] a network gone for longer than the ring costs exactly the gap that is declared', { timeout: 240_000 }, async () => {
    const line = await openLine(studio.server.url);
    try {
      await studio.pair(line.url, { ringMinutes: 0.25 });
      const page = await studio.openPage();
      const key = await studio.record(page);
      await pause(3_000);
      line.cut();
      await studio.until(key, 'the ring to overflow', ({ durationMs }) => durationMs > 32_000, 90_000);
      line.mend();
      await studio.browser.ask({ to: 'recorder', type: 'reconnect' });
      await studio.until(key, 'what the ring held to be sent', ({ unackedChunks, lost }) => lost > 0 && unackedChunks <= 2, 60_000);
      const stopped = await studio.stop(key);
      const { session, gaps } = await sessionOf(studio.server, stopped.session!);
      expect(gaps).toHaveLength(1);
      const [gap] = gaps;
      const missing = gap!.toSequence - gap!.fromSequence + 1;
      expect({ lost: stopped.lost, missing: session.missing, chunks: session.chunks }).toEqual({ lost: missing, missing, chunks: stopped.pushed - missing });
      const seen = await measureSession(studio.server, session.id);
      const absent = stopped.durationMs - (gap!.endMs - gap!.startMs);
      // pictures of the gap are not there: frames over 30 a second against the time outside the gap
      expect(Math.abs((seen.frames / 30) * 1_000 - absent)).toBeLessThan(0.25 * absent); // a busy machine leaves frames out
      console.log(`network gone: ${missing} pieces (${((gap!.endMs - gap!.startMs) / 1_000).toFixed(1)} s) declared lost of ${stopped.pushed}; the server misses ${session.missing}`);
      await page.close();
    } finally {
      await line.close();
      await studio.pair(studio.server.url, { ringMinutes: 5 });
    }
  });

  it('[B5] a browser killed while recording sends all it had stored at its next start, and declares the open piece', { timeout: 180_000 }, async () => {
    await studio.pair();
    const page = await studio.openPage();
    const key = await studio.record(page);
    await pause(3_000);
    await studio.server.kill('SIGKILL'); // so that pieces wait in the browser
    await pause(7_000);
    const before = await studio.recording(key);
    expect(before.unackedChunks).toBeGreaterThan(1);
    await studio.browser.kill();
    await studio.restartServer();
    await studio.restartBrowser();
    const after = await studio.until(key, 'what the killed browser left to be uploaded', ({ state }) => state === 'stopped', 60_000);
    const { session, gaps } = await sessionOf(studio.server, after.session!);
    expect(session.status).not.toBe('live');
    expect(session.chunks).toBeGreaterThanOrEqual(before.pushed);
    expect(gaps).toHaveLength(1);
    const lostMs = gaps[0]!.endMs - gaps[0]!.startMs;
    expect(lostMs).toBeGreaterThan(0);
    expect(lostMs).toBeLessThanOrEqual(2_500);
    const seen = await measureSession(studio.server, session.id);
    expect(seen.errors).toBe('');
    expect(seen.durationMs).toBeGreaterThanOrEqual(before.durationMs - 300);
    console.log(`browser killed: ${before.pushed} pieces stored before, ${session.chunks} on the server after, ${Math.round(lostMs)} ms declared lost`);
  });
});
