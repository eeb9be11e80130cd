// The content script in real Chromium. The measure is a real screenshot of the tab: the mapped rectangle holds the video's colour and
// nothing else, and nearly all of it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasChromium } from './browser.ts';
import { openStage, page, type Stage } from './region-stage.ts';

describe.skipIf(!hasChromium)('region tracking in Chromium', () => {
  let stage: Stage;
  beforeAll(async () => { stage = await openStage(); });
  afterAll(() => stage?.close());
  beforeEach(() => stage.reset());

  it('[Q3] plain, with border and padding', async () => {
    await stage.open('<video id=v style="margin:40px 0 0 120px;width:800px;height:450px;border:7px solid #0f0;padding:11px;background:#00f"></video><script>fill(v)</script>');
    await stage.expectRight();
    expect((await stage.latest())?.playing).toBe(true);
    await stage.tab.evaluate('v.pause()');
    await expect.poll(async () => (await stage.latest())?.playing).toBe(false);
  });

  it.each([
    ['scrolled page, partly out of sight', '<div style="height:900px"></div><video id=v style="width:800px;height:450px;margin-left:100px"></video><div style="height:2000px"></div><script>fill(v)</script>', 'scrollTo(0, 1000)'],
    ['scrolling ancestor with scroll bars', '<div id=s style="position:relative;margin:50px;width:700px;height:400px;overflow:scroll;border:9px solid #0f0"><div style="height:300px;width:2000px"></div><video id=v style="width:900px;height:500px;margin-left:150px"></video><div style="height:900px"></div></div><script>fill(v)</script>', 's.scrollTo(220, 330)'],
    ['clipping ancestor that does not hold an absolute video', '<div style="overflow:hidden;width:100px;height:100px;margin:20px"><video id=v style="position:absolute;left:200px;top:150px;width:640px;height:360px"></video></div><script>fill(v)</script>', ''],
    ['scaled by a transform, in a clipping box', '<div style="overflow:hidden;width:600px;height:330px;margin:30px 0 0 60px;transform:scale(1.25);transform-origin:0 0"><video id=v style="width:640px;height:360px;padding:10px"></video></div><script>fill(v)</script>', ''],
    ['the larger of two; a hidden, a transparent and an empty one do not count', '<video id=a style="width:300px;height:169px"></video><video id=b style="visibility:hidden;position:absolute;left:0;top:0;width:1200px;height:700px"></video><video id=d style="opacity:0;position:absolute;left:0;top:0;width:1200px;height:700px"></video><video style="position:absolute;left:0;top:0;width:1200px;height:700px"></video><video id=c style="margin:20px 0 0 40px;width:800px;height:450px"></video><script>for (const x of [b, c, d]) fill(x)</script>', ''],
    ['closed shadow root in a shadow root, slotted and clipped', `<x-player id=p></x-player><script>
      customElements.define('x-frame', class extends HTMLElement { constructor() { super(); this.attachShadow({ mode: 'closed' }).innerHTML = '<div style="overflow:hidden;width:700px;height:350px;margin:60px"><slot></slot></div>'; } });
      customElements.define('x-player', class extends HTMLElement { constructor() { super(); const root = this.attachShadow({ mode: 'closed' }); const frame = document.createElement('x-frame'); frame.append(make('width:800px;height:450px')); root.append(frame); } });
    </script>`, ''],
    ['added later, to a closed shadow root that was there', `<div id=h></div><script>const root = h.attachShadow({ mode: 'closed' }); root.innerHTML = '<p>soon</p>'; setTimeout(() => root.append(make('width:800px;height:450px')), 1200)</script>`, ''],
  ])('[Q3] %s', async (_, body, then) => {
    await stage.open(body);
    if (then) await stage.tab.evaluate(then);
    await stage.expectRight();
  });

  it.each([
    ['contain', '50% 50%'], ['contain', '0 100%'], ['contain', 'right 30px bottom 10px'], ['cover', '20% 50%'], ['fill', '50% 50%'], ['none', '50% 50%'], ['none', '-200px 40px'], ['scale-down', '100% 0'],
  ])('[Q2] object-fit: %s at %s', async (fit, position) => {
    await stage.open(`<video id=v style="margin:30px;width:700px;height:600px;padding:8px 16px;object-fit:${fit};object-position:${position}"></video><script>fill(v)</script>`);
    await stage.expectRight();
  });

  it('[Q3] a transition that tells no one but its end', async () => {
    await stage.open('<video id=v style="width:640px;height:360px;transition:transform 1.5s"></video><script>fill(v)</script>');
    await stage.expectRight();
    await stage.tab.evaluate('v.style.transform = "translate(300px, 200px)"');
    await expect.poll(async () => (await stage.latest())?.rect, { timeout: 5_000 }).toEqual({ x: 300, y: 200, width: 640, height: 360 });
    await stage.expectRight();
    const places = new Set((await stage.seen()).messages.map(({ rect }) => rect?.x));
    expect(places.size).toBeGreaterThan(5); // followed on its way
  });

  it('[Q3] quirks mode, a zoomed element, a style that tells nobody', async () => {
    stage.pages.set('/quirks', page('<video id=v style="width:500px;height:281px;zoom:1.5;margin:10px"></video><div style="height:3000px"></div><script>fill(v)</script>').replace('<!doctype html>', ''));
    await stage.open('');
    await stage.tab.goto(`${stage.here}/quirks`);
    expect(await stage.tab.evaluate('document.compatMode')).toBe('BackCompat');
    await stage.inject();
    await stage.expectRight();
    await stage.tab.evaluate('v.style.marginLeft = "100px"');
    await expect.poll(async () => (await stage.latest())?.rect?.x ?? 0, { timeout: 2_000 }).toBeCloseTo(150.33, 1); // contained, 0.33 from the edge
    await stage.expectRight();
  });

  it('[Q3] at two device pixels a CSS pixel, also in a clipped and scrolled box', async () => {
    await stage.cdp.send('Emulation.setDeviceMetricsOverride', { width: 1280, height: 720, deviceScaleFactor: 2, mobile: false });
    await stage.open('<div id=s style="margin:33px;width:701px;height:403px;overflow:auto"><video id=v style="width:811.5px;height:455.3px;margin-top:100.4px"></video></div><script>fill(v)</script>');
    await stage.expectRight();
    await stage.tab.evaluate('s.scrollTo(40, 120)');
    await stage.expectRight();
  });

  it('[Q3] under pinch zoom', async () => {
    await stage.open('<video id=v style="margin:100px 0 0 200px;width:800px;height:450px"></video><div style="height:1500px"></div><script>fill(v)</script>');
    await stage.expectRight();
    await stage.cdp.send('Emulation.setPageScaleFactor', { pageScaleFactor: 1.6 });
    expect(await stage.tab.evaluate('visualViewport.scale')).toBeCloseTo(1.6);
    await stage.expectRight();
    expect((await stage.latest())?.rect?.width).toBeCloseTo(945, 0); // 800 × 1.6 from 320 on, as far as the scroll bar
    await stage.tab.mouse.wheel(250, 120);
    await stage.expectRight();
  });

  it('[Q3] in frames within frames of other sites, scaled, scrolled and clipped', async () => {
    stage.pages.set('/inner', page('<div style="height:300px"></div><video id=v style="width:640px;height:360px"></video><div style="height:900px"></div><script>fill(v); setTimeout(() => scrollTo(0, 250), 300)</script>'));
    stage.pages.set('/middle', page(`<div style="overflow:hidden;width:620px;height:330px;margin:20px"><iframe src="${stage.here}/inner" style="width:700px;height:400px;border:6px solid #0f0;padding:5px"></iframe></div>`));
    await stage.open(`<iframe src="${stage.there}/middle" style="margin:20px 0 0 70px;width:800px;height:500px;border:3px solid #0ff;transform:scale(1.2);transform-origin:0 0"></iframe>`);
    await stage.expectRight();
    expect(new Set((await stage.seen()).messages.map(({ frameId }) => frameId)).size).toBe(3);
  });

  it.each([['written into the page', ''], ['sandboxed', 'sandbox="allow-scripts"']])('[Q3] in a frame %s', async (_, attribute) => {
    stage.pages.set('/inside', page('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>'));
    await stage.open(`<iframe id=f ${attribute} style="margin:30px;width:700px;height:400px;border:0"></iframe><script>${attribute ? "f.src = '/inside'" : "fetch('/inside').then((answer) => answer.text()).then((text) => { f.srcdoc = text; })"}</script>`);
    await stage.expectRight();
  });

  it('[Q4] a frame added later, then shown another page, then taken away', async () => {
    stage.pages.set('/video', page('<video id=v style="width:640px;height:360px;margin:15px"></video><script>fill(v)</script>'));
    stage.pages.set('/other', page('<video id=v style="width:500px;height:300px"></video><script>fill(v, 500, 300)</script>'));
    await stage.open('<p>nothing yet</p>');
    await expect.poll(async () => (await stage.latest())?.rect).toBeNull();
    await stage.tab.evaluate((src) => { document.body.insertAdjacentHTML('beforeend', `<iframe id=f src="${src}" style="width:800px;height:500px"></iframe>`); }, `${stage.there}/video`);
    await stage.expectRight();
    await stage.tab.evaluate((src) => { (document.querySelector('#f') as HTMLIFrameElement).src = src; }, `${stage.there}/other`);
    await expect.poll(async () => (await stage.latest())?.rect?.width ?? 0, { timeout: 10_000 }).toBe(500);
    await stage.expectRight();
    await stage.tab.evaluate('f.remove()');
    await expect.poll(async () => (await stage.latest())?.rect, { timeout: 5_000 }).toBeNull();
  });

  it('[Q3] a hidden and an immense frame end nothing', async () => {
    stage.pages.set('/video', page('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>'));
    await stage.open(`<iframe src="/video" style="position:absolute;top:400px;left:0;width:2000000px;height:3000000px;border:0"></iframe><iframe id=f src="${stage.there}/video" style="display:none;width:1000px;height:600px"></iframe>`);
    await stage.tab.waitForTimeout(2_500);
    await stage.tab.evaluate('document.querySelector("iframe").remove(); f.style.display = "block"; f.contentWindow.focus()');
    await stage.expectRight();
    expect((await stage.seen()).injections).toBeLessThanOrEqual(2);
  });

  it('[Q5] a page that replays, alters and invents messages moves nothing', async () => {
    // repeats, to every frame it can reach, all it hears, as it is and altered, and says what the scripts say
    const forge = `<script>
      const heard = [], huge = { x: 0, y: 0, width: 1280, height: 720 };
      const all = (at) => [at, ...Array.from({ length: at.length }, (_, i) => all(at[i])).flat()];
      const tell = (data) => { for (const frame of all(top)) frame.postMessage(data, '*'); };
      addEventListener('message', ({ data }) => { if (!data?.forged && heard.length < 12) heard.push(data); });
      setInterval(() => {
        for (const data of heard) {
          tell({ ...data, forged: true });
          tell({ ...data, rect: huge, box: huge, part: huge, viewport: { width: 1, height: 1 }, frames: [{ link: data?.clippyFrame, box: huge, part: huge }], forged: true });
          for (const source of all(top)) dispatchEvent(new MessageEvent('message', { data, source }));
        }
        tell({ clippyFrame: null, forged: true }); tell({ clippyFrame: 'made-up', forged: true });
        tell({ to: 'recorder', type: 'region', rect: huge, viewport: { width: 1280, height: 720 }, playing: true, forged: true });
        try { chrome.runtime.sendMessage({ to: 'recorder', type: 'region', rect: huge }); } catch (error) { window.refused = String(error); }
      }, 200);
    </script>`;
    stage.pages.set('/deep', page(`<video id=v style="width:300px;height:200px"></video><script>fill(v, 300, 200)</script>${forge}`));
    stage.pages.set('/ad', page(`<iframe src="${stage.here}/deep" style="width:5000px;height:5000px;position:absolute;left:-100px;top:-100px;border:0"></iframe><video id=v style="position:absolute;left:-500px;top:-500px;width:4000px;height:4000px;object-fit:fill"></video><script>fill(v)</script>${forge}`));
    await stage.open(`<video id=v style="width:720px;height:405px;margin:20px"></video><script>fill(v)</script><iframe id=f src="${stage.there}/ad" style="position:absolute;left:800px;top:420px;width:300px;height:250px;border:0"></iframe>${forge}`);
    await expect.poll(async () => (await stage.seen()).messages.some(({ rect, url }) => rect && url.includes('/ad')), { timeout: 10_000 }).toBe(true);
    await expect.poll(async () => (await stage.latest())?.rect, { timeout: 5_000 }).toEqual({ x: 20, y: 20, width: 720, height: 405 });
    const from = (await stage.seen()).regions.length;
    await stage.tab.waitForTimeout(3_000); // the attack runs at full strength
    const regions = (await stage.seen()).regions.slice(from);
    expect(regions.length).toBeGreaterThan(0);
    for (const { rect } of regions) expect(rect).toEqual({ x: 20, y: 20, width: 720, height: 405 });
    // without a video of its own the top page may at most show what the frame shows, where the frame is
    await stage.tab.evaluate('v.remove()');
    await expect.poll(async () => (await stage.latest())?.rect?.width).not.toBe(720);
    await stage.worker.evaluate('seen.regions = []');
    await stage.tab.waitForTimeout(2_500);
    expect((await stage.seen()).regions.length).toBeGreaterThan(0);
    for (const { rect } of (await stage.seen()).regions) {
      if (rect === null) continue;
      expect(rect.x).toBeGreaterThanOrEqual(800);
      expect(rect.y).toBeGreaterThanOrEqual(420);
      expect(rect.x + rect.width).toBeLessThanOrEqual(1100);
      expect(rect.y + rect.height).toBeLessThanOrEqual(670);
    }
    expect(await stage.tab.evaluate('window.refused')).toMatch(/sendMessage|undefined/);
  });

  it('[Q3] fullscreen hides other videos; picture-in-picture leaves none', async () => {
    await stage.open('<div id=w style="width:300px;height:169px;overflow:hidden;transform:scale(1)"><video id=v style="width:640px;height:360px"></video></div><video id=o style="width:700px;height:394px"></video><script>fill(v);fill(o)</script>');
    await expect.poll(async () => (await stage.latest())?.rect?.width).toBe(700);
    await stage.tab.evaluate('document.onclick = () => v.requestFullscreen()');
    await stage.tab.mouse.click(900, 600);
    await expect.poll(() => stage.tab.evaluate('document.fullscreenElement === v')).toBe(true);
    await stage.expectRight();
    expect((await stage.latest())?.rect?.width).toBeGreaterThan(1_000);
    await stage.tab.evaluate('document.exitFullscreen()');
    await expect.poll(async () => (await stage.latest())?.rect?.width).toBe(700);
    await stage.tab.evaluate('v.remove(); document.onclick = () => o.requestPictureInPicture().then(() => { window.out = true })');
    await stage.tab.mouse.click(900, 600);
    await expect.poll(() => stage.tab.evaluate('window.out'), { timeout: 5_000 }).toBe(true);
    await expect.poll(async () => (await stage.latest())?.rect).toBeNull();
  });

  it('[Q6] speaks at most ten times a second while things move, every two seconds while they rest', async () => {
    await stage.open('<video id=v style="width:640px;height:360px"></video><div style="height:5000px"></div><script>fill(v); let n = 0; const roll = setInterval(() => { scrollTo(0, n++ % 300); if (n > 400) clearInterval(roll); }, 8)</script>');
    await stage.tab.waitForTimeout(3_000);
    const moving = (await stage.seen()).messages.map(({ at }) => at);
    // over the whole span: a busy machine hands messages over in bunches
    const seconds = ((moving.at(-1) ?? 0) - (moving[0] ?? 0)) / 1_000;
    expect(seconds).toBeGreaterThan(1.5);
    expect(moving.length).toBeGreaterThan(8);
    expect(moving.length).toBeLessThanOrEqual(seconds * 10 + 2);
    await stage.tab.waitForTimeout(1_500);
    await stage.worker.evaluate('reset()');
    await stage.tab.waitForTimeout(6_500);
    const resting = (await stage.seen()).messages.length;
    expect(resting).toBeGreaterThanOrEqual(2);
    expect(resting).toBeLessThanOrEqual(4);
  });

  it('[Q6] twice in one document is once', async () => {
    await stage.open('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>');
    for (let times = 0; times < 5; times++) await stage.inject();
    await stage.expectRight();
    await stage.worker.evaluate('reset()');
    await stage.tab.waitForTimeout(5_000);
    expect((await stage.seen()).messages.length).toBeLessThanOrEqual(4);
  });

  const STOPS: [string, () => Promise<unknown>, number][] = [
    ['is told to', () => stage.worker.evaluate(async () => { const [active] = await chrome.tabs.query({ active: true, lastFocusedWindow: true }); await chrome.tabs.sendMessage(active?.id ?? -1, { to: 'page', type: 'stop' }).catch(() => undefined); }), 200],
    ['is refused', () => stage.worker.evaluate('seen.refuse = true'), 2_500],
    ['hears nothing for five messages', () => stage.worker.evaluate('seen.silent = true'), 11_500],
  ];
  it.each(STOPS)('[Q6] ends when it %s, and starts again when injected', async (_, end, within) => {
    await stage.open('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>');
    await stage.expectRight();
    await end();
    await stage.tab.waitForTimeout(within);
    await stage.worker.evaluate('reset()');
    await stage.tab.evaluate('v.style.width = "500px"');
    await stage.tab.waitForTimeout(2_500);
    expect((await stage.seen()).messages).toEqual([]);
    await stage.inject();
    await expect.poll(async () => (await stage.latest())?.rect?.width).toBe(500);
  });

  it('[Q6] goes with its page, and the next page gets its own', async () => {
    await stage.open('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>');
    await stage.expectRight();
    stage.pages.set('/next', page('<video id=v style="width:800px;height:450px"></video><script>fill(v)</script>'));
    await stage.tab.goto(`${stage.here}/next`);
    await stage.worker.evaluate('reset()');
    await stage.tab.waitForTimeout(2_500);
    expect((await stage.seen()).messages).toEqual([]);
    await stage.inject();
    await stage.expectRight();
    await stage.tab.goBack();
    await stage.inject();
    await expect.poll(async () => (await stage.latest())?.rect?.width).toBe(640);
  });

  it('[Q7] costs little on a page of 5,000 elements without a video', async () => {
    const crowd = `<div id=c></div><script>for (let i = 0; i < 5000; i++) { const e = document.createElement(i % 10 ? 'div' : 'x-item'); e.textContent = i; c.append(e); }
      let n = 0; window.roll = () => setInterval(() => scrollTo(0, (n += 7) % 3000), 16);</script>`;
    await stage.cdp.send('Performance.enable');
    const busy = async (): Promise<number> => {
      const value = async (): Promise<number> => (await stage.cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'ScriptDuration')?.value ?? 0;
      const before = await value();
      await stage.tab.waitForTimeout(10_000);
      return ((await value()) - before) * 100; // ms per second
    };
    stage.pages.set('/', page(crowd));
    await stage.tab.goto(stage.here);
    await stage.tab.bringToFront();
    await stage.tab.evaluate('roll()');
    const without = await busy();
    await stage.inject();
    const withScript = await busy();
    console.log(`script time while scrolling 5,000 elements: ${without.toFixed(2)} ms/s without, ${withScript.toFixed(2)} ms/s with the region script`);
    expect(withScript - without).toBeLessThan(60); // 1 to 3 measured at rest; a walk of the whole tree at each scroll would be some hundred, and a busy machine must not fail this
  });

  it('[Q6] a reloaded extension takes over, and the old script is silent', async () => {
    const errors: Error[] = [];
    stage.tab.on('pageerror', (error) => errors.push(error));
    await stage.open('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>');
    await stage.expectRight();
    await stage.reloadExtension();
    await stage.tab.waitForTimeout(2_500);
    expect((await stage.seen()).messages).toEqual([]);
    await stage.tab.evaluate('v.style.width = "900px"');
    await stage.inject();
    await stage.expectRight();
    await stage.worker.evaluate('reset()');
    await stage.tab.waitForTimeout(4_500);
    expect((await stage.seen()).messages.length).toBeLessThanOrEqual(3);
    expect(errors).toEqual([]);
  });
});
