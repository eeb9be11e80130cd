// The recording store on the IndexedDB of a real Chromium, its end by SIGKILL included.
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Ring } from '../../shared/ring.ts';
import { chunkOf, ringContract } from '../../shared/testing/ring.contract.ts';
import { CHROMIUM, openBrowser, startSite, temporaryFolder } from './recorder-page.ts';
import type { Run, Site } from './recorder-page.ts';
import type { StorePage } from './store-page.ts';

const has = (run: Run | undefined): Run => {
  if (!run) throw new Error('the browser did not start');
  return run;
};

describe.skipIf(CHROMIUM === undefined)(`recording store in Chromium${CHROMIUM ? '' : ' (skipped: no Chromium found; set CHROMIUM_PATH)'}`, () => {
  const folder = temporaryFolder('store');
  const profile = join(folder.path, 'profile');
  let site: Site;
  let run: Run | undefined;
  let count = 0;

  beforeAll(async () => {
    site = await startSite('store-page.ts');
    run = await openBrowser(profile, site.url);
  });
  afterAll(async () => {
    await run?.context.close();
    await site?.close();
    folder.remove();
  });
  afterEach(async () => {
    await has(run).page.evaluate(() => (globalThis as unknown as StorePage).parts.clear());
  });

  const newKey = (): string => `R${(count += 1)}`;
  /** The ring of the page, from here; `database`: which of its connections. */
  const remote = (key: string, database = 'first'): Ring => {
    const { page } = has(run);
    return {
      load: () => page.evaluate((all) => (globalThis as unknown as StorePage).parts.ring(...all).then((ring) => ring.load()), [key, database] as const),
      put: (meta, bytes) => page.evaluate(([id, name, chunk, data]) => (globalThis as unknown as StorePage).parts.put(id, name, chunk, data), [key, database, meta, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')] as const),
      read: async (seq) => {
        const read = await page.evaluate((all) => (globalThis as unknown as StorePage).parts.read(...all), [key, database, seq] as const);
        return read === null ? null : new Uint8Array(Buffer.from(read, 'base64'));
      },
      drop: (seq) => page.evaluate(([id, name, which]) => (globalThis as unknown as StorePage).parts.ring(id, name).then((ring) => ring.drop(which)), [key, database, seq] as const),
      release: (through, hash) => page.evaluate(([id, name, ...all]) => (globalThis as unknown as StorePage).parts.ring(id, name).then((ring) => ring.release(...all)), [key, database, through, hash] as const),
    };
  };

  const keys = new Map<Ring, string>();
  let reopened = 0;
  const known = (ring: Ring, key: string): Ring => {
    keys.set(ring, key);
    return ring;
  };
  ringContract('IndexedDB', {
    fresh: async () => {
      const key = newKey();
      await has(run).page.evaluate((id) => (globalThis as unknown as StorePage).parts.create(id), key);
      return known(remote(key), key);
    },
    reopen: async (ring) => {
      const key = keys.get(ring)!; // made by `fresh`
      return known(remote(key, `later${(reopened += 1)}`), key);
    },
  });

  it('[RS1] all pieces whose writes had resolved are there after the browser was killed', async () => {
    const key = newKey();
    const killed = has(run);
    await killed.page.evaluate((id) => (globalThis as unknown as StorePage).parts.create(id), key);
    const ring = remote(key);
    for (let seq = 1; seq <= 20; seq++) await ring.put(chunkOf(seq, 300_000).meta, chunkOf(seq, 300_000).bytes);
    await ring.release(5, 55);
    const closed = killed.context.waitForEvent('close');
    process.kill(Number(readlinkSync(join(profile, 'SingletonLock')).split('-').at(-1)), 'SIGKILL');
    await closed;
    run = await openBrowser(profile, site.url);
    const again = remote(key);
    expect(await again.load()).toEqual({ through: 5, hash: 55, chunks: Array.from({ length: 15 }, (_, n) => ({ ...chunkOf(n + 6, 300_000).meta, held: true })) });
    for (const seq of [6, 20]) expect(Buffer.compare((await again.read(seq))!, chunkOf(seq, 300_000).bytes)).toBe(0); // held
    const [record] = await run.page.evaluate(() => (globalThis as unknown as StorePage).parts.open('first').then((store) => store.list()));
    expect(record).toMatchObject({ key, durationMs: 40_000, endedAt: null });
  });

  it('[RS2] settled pieces serve the tail while they are young, then go; the first one and every header stay', async () => {
    const result = await has(run).page.evaluate(() => (globalThis as unknown as StorePage).parts.retention());
    expect(result.before).toEqual({ savableMs: 60_000, pieces: 30 });
    expect(result.after.rows).toBeGreaterThanOrEqual(35);
    expect(result.after.rows).toBeLessThanOrEqual(35 + 16);
    expect(result.after.savableMs).toBe(result.after.rows * 2000);
    expect(result.after.init).toBe('ftyp');
    expect(result.unsettled).toBe(120);
  });

  it('[RS3] the tail is contiguous: it ends at a gap and at a new header, which it brings', async () => {
    expect(await has(run).page.evaluate(() => (globalThis as unknown as StorePage).parts.contiguous())).toEqual({ gap: { init: 16, starts: [8000, 10_000] }, again: { init: 24, starts: [14_000, 16_000] }, savableMs: 4000, none: { init: 0, starts: [] } });
  });

  it('[RS4] a full disk frees what is settled first, and then is an error that says so', async () => {
    const small = await openBrowser(join(folder.path, 'small'), site.url);
    try {
      const session = await small.context.newCDPSession(small.page);
      await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(site.url).origin, quotaSize: 30_000_000 }); // before its first use
      const result = await small.page.evaluate(() => (globalThis as unknown as StorePage).parts.fill());
      expect(result.error).toMatchObject({ name: 'ExtensionError', code: 'storage' });
      expect(result.error?.message).toMatch(/storage is full.*free disk space/);
      expect(result.stored).toBe(result.written);
      expect(result.settledLeft).toBe(0);
      expect(result.written).toBeGreaterThan(30_000_000 / 300_000 - result.settled);
    } finally {
      await small.context.close();
    }
  });

  it('[RS5] a store of a newer version, one upgraded underneath, and a deleted recording are errors that say so', async () => {
    const result = await has(run).page.evaluate(() => (globalThis as unknown as StorePage).parts.broken());
    expect(result.newer).toMatchObject({ code: 'storage', message: expect.stringContaining('update the extension') as string });
    expect(result.replaced).toMatchObject({ code: 'storage', message: expect.stringContaining('start the recording again') as string });
    expect(result.deleted).toMatchObject({ code: 'storage', message: expect.stringContaining('start a new recording') as string });
    expect(result.twice).toMatchObject({ code: 'storage' });
    expect(result.closed).toMatchObject({ code: 'storage' });
  });

  it('[RS6] a record is updated in part, listed by age, and removed with all it has', async () => {
    expect(await has(run).page.evaluate(() => (globalThis as unknown as StorePage).parts.records())).toEqual({ listed: ['OLD', 'NEW'], title: 'Other', left: { through: 0, hash: 0, chunks: [] }, after: ['NEW'] });
  });

  it('[RS7] waiting for the disk costs little', async () => {
    const { page } = has(run);
    const [relaxed, strict] = [await page.evaluate(() => (globalThis as unknown as StorePage).parts.measure('relaxed', 60)), await page.evaluate(() => (globalThis as unknown as StorePage).parts.measure('strict', 60))];
    console.log(`625 KB written: relaxed ${relaxed.medianMs.toFixed(1)} ms, strict ${strict.medianMs.toFixed(1)} ms (worst ${strict.worstMs.toFixed(1)})`);
    expect(strict.medianMs).toBeLessThan(1_000); // of the 2 s it holds; 5 to 7 measured at rest
  });
});
