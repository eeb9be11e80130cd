// The page in real Chromium against a server of the test's own: what a person would look at, done by machine.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AxeBuilder } from '@axe-core/playwright';
import type { Device } from '../shared/model.ts';
import { buildDashboard } from '../scripts/build.ts';
import { bins, clip, deadLetter, highlight, providers, session, stages, view, words } from './testing/scene.ts';
import { startFakeServer, TOKEN, type FakeServer } from './testing/fake-server.ts';
import { makePicture, makeVideo } from './testing/media.ts';

const CHROMIUM = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path !== undefined && existsSync(path));
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** set to a folder to get screenshots */
const SHOTS = process.env['CLIPPY_SHOTS'];
const ID = session().id;
const TOPIC = `session:${ID}` as const;

const urlsOf = (number: number, version: number, sig = 'x') => {
  const { id } = highlight(number);
  return { mediaUrl: `/api/clips/${id}/media?version=${version}&sig=${sig}`, thumbnailUrl: `/api/clips/${id}/thumbnail?version=${version}&sig=${sig}` };
};

const full = (): Parameters<typeof view>[0] => ({
  words: words(1_000, 598_000), bins: bins(0, 598), highlights: [highlight(0), highlight(1), highlight(2, { state: 'vetoed' }), highlight(3, { state: 'provisional' })],
  clips: [clip(0, urlsOf(0, 2), { state: 'refined', version: 2, pinned: true }), clip(1, urlsOf(1, 1)), clip(3, urlsOf(3, 1))],
});

describe.skipIf(CHROMIUM === undefined)(`dashboard in Chromium${CHROMIUM ? '' : ' (skipped: no Chromium found; set CHROMIUM_PATH)'}`, () => {
  const dir = mkdtempSync(join(tmpdir(), 'clippy-dashboard-'));
  const file = (name: string): string => join(dir, name);
  let browser: Browser;
  let pageDir: string;
  let server: FakeServer;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];

  const shot = async (name: string, fullPage = false): Promise<void> => {
    if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage, animations: 'disabled' });
  };

  beforeAll(async () => {
    ({ outDir: pageDir } = await buildDashboard({ outDir: join(dir, 'page') }));
    makeVideo(file('one.mp4'), 6, 'testsrc2');
    makeVideo(file('two.mp4'), 6, 'mandelbrot');
    makeVideo(file('recording.mp4'), 12, 'testsrc2');
    makePicture(file('one.jpg'), 'smptehdbars');
    makePicture(file('two.jpg'), 'mandelbrot');
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  beforeEach(async () => {
    server = await startFakeServer(pageDir);
    for (const [number, name] of ['one', 'two', 'one', 'two'].entries()) {
      const { id } = highlight(number);
      server.media.set(`/api/clips/${id}/media`, file(`${name}.mp4`));
      server.media.set(`/api/clips/${id}/thumbnail`, file(`${name}.jpg`));
    }
    server.media.set(`/api/sessions/${ID}/recording`, file('recording.mp4'));
  });
  afterEach(async () => {
    await context.close();
    await server.close();
  });

  const open = async (options: Parameters<Browser['newContext']>[0] = {}, fragment = `#token=${TOKEN}`): Promise<void> => {
    context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url });
    page = await context.newPage();
    complaints = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => console.error(`content policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
    });
    await page.goto(`${server.url}/${fragment}`);
  };
  const putSession = (patch: Parameters<typeof view>[0] = {}): void => {
    const whole = view(patch);
    server.views.set(ID, whole);
    server.system = { sessions: [whole.session], providers: providers() };
    for (const each of whole.clips) server.clips.set(each.id, each);
  };

  it('asks for the token, refuses a wrong one, keeps a right one for the tab, and teaches what to do first', async () => {
    await open({}, '');
    await page.getByLabel('Admin token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('did not accept').waitFor();
    await page.getByLabel('Admin token').fill(TOKEN);
    await shot('login');
    await page.keyboard.press('Enter');
    await page.getByText('npm run stream -- FILE').waitFor();
    expect(await page.evaluate(() => [sessionStorage.length, localStorage.length])).toEqual([1, 0]);
    await shot('empty');
    await page.reload();
    await page.getByText('Connected').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Admin token').waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('a stream appears, its words and a clip arrive, the clip plays on while a refined one replaces it', async () => {
    await open();
    await page.getByText('No sessions yet').waitFor();
    expect(page.url()).not.toContain('token');

    server.views.set(ID, view({ session: session({ clips: 0 }) }));
    server.system = { sessions: [session()], providers: [] };
    server.emit('system', { type: 'session', session: session({ clips: 0 }) });
    await page.getByRole('heading', { level: 1, name: 'Friday night ranked' }).waitFor(); // the first one opens by itself
    await page.locator('clippy-session-list').getByText('0 of 312 chunks missing').waitFor();
    await page.getByText('No clips yet').waitFor();

    server.emit(TOPIC, { type: 'stages', sessionId: ID, stages: stages({ transcribe: { lagMs: 4_200 } }) });
    server.emit(TOPIC, { type: 'words', sessionId: ID, words: words(120_000, 140_000) });
    server.emit(TOPIC, { type: 'signals', sessionId: ID, bins: bins(0, 140) });
    server.emit(TOPIC, { type: 'highlight', sessionId: ID, highlight: highlight(0, { state: 'provisional' }) });
    await page.locator('clippy-session-list').getByText('4.2 s behind').waitFor();
    await page.locator('clippy-transcript').getByText('clip', { exact: true }).first().waitFor();
    await page.locator('clippy-signal-lanes canvas').waitFor();

    server.emit(TOPIC, { type: 'clip', sessionId: ID, clip: clip(0, urlsOf(0, 1)) });
    const card = page.locator('clippy-clip-card');
    await card.getByText('First cut').waitFor();
    await card.getByRole('button', { name: 'Play' }).click();
    const video = card.locator('video');
    const at = (): Promise<number> => video.evaluate((element) => (element instanceof HTMLVideoElement ? element.currentTime : -1));
    await expect.poll(at, { timeout: 10_000 }).toBeGreaterThan(0.3);

    const before = await at();
    const source = await video.getAttribute('src');
    server.emit(TOPIC, { type: 'clip', sessionId: ID, clip: clip(1, urlsOf(1, 1)) }); // another card comes before it
    server.emit(TOPIC, { type: 'clip', sessionId: ID, clip: clip(0, urlsOf(0, 2), { version: 2, state: 'refined', title: 'Refined title' }) });
    await card.getByRole('heading', { name: 'Refined title' }).waitFor();
    expect(await card.count()).toBe(2);
    expect(await video.getAttribute('src')).toBe(source);
    await expect.poll(at).toBeGreaterThan(before);
    await page.getByRole('button', { name: 'A refined cut is ready' }).click();
    await expect.poll(() => video.getAttribute('src')).toContain('version=2');
    expect(complaints).toEqual([]);
  });

  it('fetches expired clip URLs anew', async () => {
    putSession({ clips: [clip(0, { mediaUrl: '/api/clips/expired/media', thumbnailUrl: '/api/clips/expired/thumbnail' })] });
    server.clips.set(highlight(0).id, clip(0, urlsOf(0, 1, 'fresh')));
    await open();
    await expect.poll(() => page.locator('clippy-clip-card img').evaluate((image) => image instanceof HTMLImageElement && image.naturalWidth)).toBe(640);
    await page.locator('clippy-clip-card').getByRole('button', { name: 'Play' }).click();
    await page.locator('clippy-clip-card video[src*="sig=fresh"]').waitFor();
    expect(complaints.filter((text) => !text.includes('403'))).toEqual([]); // the browser itself reports the refused picture
  });

  it('[U3] lists the pages of a recording where there are more than one, as text, and again when it changed', async () => {
    const sourceUrl = 'https://www.twitch.tv/example';
    putSession(full());
    server.pages = [{ atMs: 0, title: 'Friday night', sourceUrl, playing: true }, { atMs: 9_000, title: 'Friday night (2)', sourceUrl, playing: false }];
    await open();
    await expect.poll(() => server.requests).toContain(`GET /api/sessions/${ID}/pages`);
    expect(await page.getByRole('heading', { name: 'Pages' }).count()).toBe(0);
    server.pages.push({ atMs: 65_000, title: '<img src=x onerror=alert(1)>', sourceUrl: 'https://youtube.com/watch?v=1', playing: null }, { atMs: 90_000, title: '', sourceUrl: 'javascript:alert(1)', playing: null });
    server.emit(TOPIC, { type: 'session', session: session({ durationMs: 601_000 }) });
    const list = page.locator('clippy-page-list');
    await list.getByRole('heading', { name: 'Pages' }).waitFor({ timeout: 15_000 });
    const links = list.getByRole('link');
    expect(await links.evaluateAll((all) => all.map((link) => [link.textContent, link.getAttribute('href'), link.getAttribute('rel')]))).toEqual([
      ['Friday night (2)', sourceUrl, 'noopener noreferrer'], ['<img src=x onerror=alert(1)>', 'https://youtube.com/watch?v=1', 'noopener noreferrer'],
    ]);
    expect((await list.locator('li').allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim())).toEqual([
      '0:00 Friday night (2) twitch.tv', '1:05 <img src=x onerror=alert(1)> youtube.com', '1:30 javascript:alert(1)',
    ]);
    expect(await list.locator('img').count()).toBe(0);
    await page.locator('clippy-signal-lanes canvas').waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
  });

  it('a word, a line’s time and a lane seek the recording; the buttons call the API', async () => {
    putSession({ ...full(), deadLetters: [deadLetter()], session: session({ deadLetters: 1 }) });
    await open();
    await page.locator('clippy-transcript .word').last().click();
    const video = page.locator('clippy-recording-player video');
    await expect.poll(() => video.evaluate((element) => (element instanceof HTMLVideoElement ? element.currentTime : -1)), { timeout: 10_000 }).toBeGreaterThan(2);
    expect(server.requests.find((line) => line.startsWith('MEDIA') && line.includes('recording'))).toMatch(/startMs=59\d+&endMs=600000&sig=x/);
    await page.locator('clippy-transcript .word.said').waitFor();

    await page.getByRole('button', { name: 'Retry' }).click();
    await expect.poll(() => server.requests).toContain(`POST /api/dead-letters/${deadLetter().id}/retry`);
    server.emit(TOPIC, { type: 'deadLetterResolved', sessionId: ID, deadLetterId: deadLetter().id });
    await page.getByText('Set aside', { exact: true }).waitFor({ state: 'detached' });

    const card = page.locator('clippy-clip-card').first();
    await card.getByRole('button', { name: 'Keep this clip' }).click();
    await expect.poll(() => server.requests).toContain(`POST /api/clips/${highlight(3).id}/pin`);
    await card.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('Link copied').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${server.url}/api/clips/${highlight(3).id}/media?sig=x`);
    await card.locator('summary').click();
    const download = page.waitForEvent('download');
    await card.getByRole('button', { name: 'Exact' }).click();
    expect((await download).url()).toContain('exact=1&download=1&sig=x');

    await card.getByRole('button', { name: 'Delete clip' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await card.getByRole('button', { name: 'Delete clip' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete clip' }).click();
    await expect.poll(() => server.requests.filter((line) => line.startsWith('DELETE'))).toEqual([`DELETE /api/clips/${highlight(3).id}`]);
    server.emit(TOPIC, { type: 'clipDeleted', sessionId: ID, clipId: highlight(3).id });
    await expect.poll(() => page.locator('clippy-clip-card').count()).toBe(2);
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End session' }).click();
    await expect.poll(() => server.requests).toContain(`POST /api/sessions/${ID}/end`);

    await page.locator('clippy-signal-lanes .u-over').click({ position: { x: 40, y: 40 } });
    await expect.poll(() => server.requests.filter((line) => line.startsWith('MEDIA') && line.includes('recording')).at(-1)).toMatch(/startMs=4\d\d\d\d\d/);
    expect(complaints).toEqual([]);
  });

  it('shows what people wrote as text, never as a page', async () => {
    const evil = '<img src=x onerror="document.title=1"><script>alert(1)</script>';
    putSession({
      session: session({ title: evil, sourceUrl: 'javascript:alert(1)', note: evil }), clips: [clip(0, urlsOf(0, 1), { title: evil })], highlights: [highlight(0, { title: evil })],
      words: [{ startMs: 0, endMs: 500, text: evil, confidence: 1 }], stages: stages({ cut: { note: evil } }), gaps: [{ fromSequence: 4, toSequence: 6, startMs: 8_000, endMs: 14_000, reason: evil }],
    });
    await open();
    await page.getByRole('heading', { level: 1, name: evil }).waitFor();
    server.emit('system', { type: 'notice', sessionId: null, level: 'error', code: 'x', message: evil, at: 0 });
    await page.locator('clippy-toasts').getByText(evil).waitFor();
    const found = await page.evaluate(() => {
      const roots: (Document | ShadowRoot)[] = [document];
      const counts = { images: 0, scripts: 0, links: [] as string[] };
      for (const root of roots) {
        counts.images += root.querySelectorAll('img[onerror]').length;
        counts.scripts += root.querySelectorAll('script').length;
        counts.links.push(...[...root.querySelectorAll('a')].map((a) => a.protocol).filter((protocol) => !protocol.startsWith('http')));
        for (const element of root.querySelectorAll('*')) if (element.shadowRoot) roots.push(element.shadowRoot);
      }
      return counts;
    });
    expect(found).toEqual({ images: 0, scripts: 1, links: [] });
    expect(complaints).toEqual([]);
    await page.evaluate(() => document.body.setAttribute('style', 'color: red')); // the complaints are heard at all
    await expect.poll(() => complaints.join()).toContain('content policy: style-src');
  });

  it('says when the connection is lost, and goes on when it is back', async () => {
    putSession(full());
    await open();
    await page.getByText('Connected').waitFor();
    server.cut(true);
    await page.getByText('No connection to the server.').waitFor();
    await shot('lost');
    await page.getByRole('button', { name: 'Try now' }).click(); // still down: the banner stays
    await page.getByText(/Trying again/).waitFor();
    putSession({ ...full(), session: session({ status: 'closed', endedAt: Date.now() }) }); // what happened meanwhile
    server.cut(false);
    await page.getByText('Connected').waitFor();
    await page.getByText('No connection to the server.').waitFor({ state: 'detached' });
    await page.locator('clippy-session-page').getByText('Ended').waitFor();
    expect(await page.getByRole('button', { name: 'End', exact: true }).count()).toBe(0);
  });

  it('is usable by keyboard alone', async () => {
    putSession(full());
    await open();
    await page.locator('clippy-signal-lanes canvas').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter'); // skip link
    await page.locator('clippy-signal-lanes .chart').focus();
    await page.keyboard.press('ArrowLeft');
    const slider = page.getByRole('slider', { name: /Signals from/ });
    expect(await slider.getAttribute('aria-valuetext')).toMatch(/^9:56, Loudness \d+ %/);
    server.emit(TOPIC, { type: 'signals', sessionId: ID, bins: bins(598, 600) }); // the stream goes on, the place stays
    await page.getByRole('slider', { name: /to 10:00/ }).waitFor();
    expect(await slider.getAttribute('aria-valuetext')).toMatch(/^9:56, /);
    await page.locator('clippy-transcript .time[tabindex="0"]').focus();
    for (const key of ['ArrowUp', 'ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
    await page.locator('clippy-recording-player video').waitFor();
    await page.getByRole('button', { name: 'Delete session' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(server.requests.filter((line) => line.startsWith('DELETE'))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  const device = (number: number, patch: Partial<Device> = {}): Device => ({ id: `D${number}`, name: `Chrome on the laptop ${number}`, scope: 'recorder', createdAt: Date.now() - 7_200_000, lastUsedAt: null, ...patch });

  it.each([['light', { colorScheme: 'light' }], ['phone-dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true }]] as const)('[I8] pairs a device and revokes one, by keyboard: %s', async (name, options) => {
    server.devices = [device(2, { lastUsedAt: Date.now() - 600_000 }), device(1, { name: '<b>x</b>'.repeat(9) })];
    await open(options);
    const opener = page.getByRole('button', { name: 'Devices' });
    await opener.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Devices' });
    await dialog.getByText('paired 2 h ago · last used 10 min ago').waitFor();
    await dialog.getByText('<b>x</b>').waitFor();
    await dialog.getByRole('button', { name: 'Make a code' }).focus();
    await page.keyboard.press('Enter');
    await dialog.getByText('ACDE-FGHJ').waitFor();
    await dialog.getByText(server.url, { exact: true }).waitFor();
    await dialog.getByText('Valid for 9:58').waitFor();
    await page.keyboard.press('Enter'); // the focus went to its copy button
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('ACDE-FGHJ');
    await dialog.getByRole('button', { name: 'Copy the address' }).click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(server.url);
    const violations = await new AxeBuilder({ page }).include(['clippy-app', 'clippy-devices']).analyze();
    expect(violations.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    expect(await dialog.evaluate((element) => [element.scrollWidth - element.clientWidth, document.documentElement.scrollWidth - document.documentElement.clientWidth])).toEqual([0, 0]);
    await shot(`devices-${name}`);

    server.devices = [device(3, { createdAt: Date.now() }), ...server.devices];
    await dialog.getByText('“Chrome on the laptop 3” is paired.').waitFor();
    await dialog.getByText('paired just now · not used yet').waitFor();
    await dialog.getByRole('button', { name: 'Revoke Chrome on the laptop 2' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Revoke this device?' }).waitFor();
    await page.keyboard.press('Enter'); // Cancel has the focus
    expect(server.requests.filter((line) => line.startsWith('DELETE'))).toEqual([]);
    await dialog.getByRole('button', { name: 'Revoke Chrome on the laptop 2' }).click();
    await page.getByRole('dialog', { name: 'Revoke this device?' }).getByRole('button', { name: 'Revoke', exact: true }).click();
    await dialog.getByText('Chrome on the laptop 2').waitFor({ state: 'detached' });
    expect(server.requests.filter((line) => line.startsWith('DELETE'))).toEqual(['DELETE /api/devices/D2']);

    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await opener.evaluate((element) => element.matches(':focus'))).toBe(true);
    const asked = server.requests.length;
    await page.waitForTimeout(2_500);
    expect(server.requests.length).toBe(asked); // a closed dialog asks for nothing
    expect(complaints).toEqual([]);
  });

  it('[I8] says when a code has expired, when none can be made, and when a device could not be revoked', async () => {
    server.codeMs = 2_500;
    server.devices = [device(1)];
    await open();
    await page.getByRole('button', { name: 'Devices' }).click();
    const dialog = page.getByRole('dialog', { name: 'Devices' });
    await dialog.getByRole('button', { name: 'Make a code' }).click();
    await dialog.getByText('The code has expired.').waitFor();
    expect(await dialog.getByText('ACDE-FGHJ').count()).toBe(0);
    await page.route('**/api/devices/*', (route) => route.fulfill({ status: 503, json: { error: { code: 'unavailable', message: 'the database is away' } } }));
    await dialog.getByRole('button', { name: 'Revoke Chrome on the laptop 1' }).click();
    await page.getByRole('dialog', { name: 'Revoke this device?' }).getByRole('button', { name: 'Revoke', exact: true }).click();
    await dialog.getByText('could not be revoked: the database is away').waitFor();
    await page.route('**/api/**', (route) => route.abort());
    await dialog.getByRole('button', { name: 'Make another code' }).click();
    await dialog.getByText('No code could be made: the server cannot be reached').waitFor();
    await dialog.getByText('The list could not be read').waitFor();
    await page.unrouteAll();
    await dialog.getByText('The list could not be read').waitFor({ state: 'detached' });
    await dialog.getByRole('button', { name: 'Make a code' }).click();
    await dialog.getByText('ACDE-FGHJ').waitFor();
    server.devices = [];
    await dialog.getByText('No device is paired yet.').waitFor();
  });

  it.each([
    ['light', { colorScheme: 'light' }], ['dark', { colorScheme: 'dark' }], ['phone', { viewport: { width: 360, height: 740 }, colorScheme: 'light', hasTouch: true }], ['phone-dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true }],
  ] as const)('fits its window: %s', async (name, options) => {
    const off = 'transcription is off: set GROQ_API_KEY or OPENAI_API_KEY and start the server again';
    putSession(name.includes('phone') ? { ...full(), words: [], stages: stages({ transcribe: { status: 'off', note: off } }), deadLetters: [deadLetter()], gaps: [{ fromSequence: 40, toSequence: 43, startMs: 520_000, endMs: 528_000, reason: 'the buffer of the sender was full' }], session: session({ missing: 4, chunks: 308 }) } : full());
    server.system.sessions.push(session({ id: '01JDEMO0000000000000000002', title: 'Cooking with Maja: sourdough', status: 'closed', endedAt: Date.now() - 7_200_000, durationMs: 5_400_000, clips: 11, bytes: 1.6e9, chunks: 2_700 }), session({ id: '01JDEMO0000000000000000003', title: 'Speedrun practice', status: 'interrupted', pinned: true, durationMs: 1_200_000, clips: 0, missing: 3 }));
    await open(options);
    if (name.includes('phone')) {
      await page.getByText('Speedrun practice').waitFor();
      await shot(`${name}-list`);
      await page.getByRole('link', { name: 'Friday night' }).click();
    }
    await page.locator('clippy-signal-lanes canvas').waitFor();
    await expect.poll(() => page.locator('clippy-clip-card img').first().evaluate((image) => image instanceof HTMLImageElement && image.naturalWidth)).toBe(640);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide).toBeLessThanOrEqual(0);
    await shot(name);
    await shot(`${name}-full`, true);
    await page.locator('clippy-signal-lanes .u-over').hover({ position: { x: 150, y: 60 } });
    if (SHOTS) await page.locator('clippy-signal-lanes').screenshot({ path: join(SHOTS, `${name}-lanes.png`) });
    expect(complaints).toEqual([]);
  });
});
