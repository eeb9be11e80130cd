// What every repository must do (rules G in server/SPEC.md). Each test opens sessions of its own, so one repository serves them all.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Gap } from '../../shared/model.ts';
import type { Repository, StoredDevice, StoredSession } from '../ports.ts';
import { aBin, aClip, aDeadLetter, aHighlight, aSession, aWord } from './samples.ts';

/** Sequence numbers two seconds long. */
const aGap = (fromSequence: number, toSequence: number): Gap => ({ fromSequence, toSequence, startMs: fromSequence * 2000, endMs: toSequence * 2000, reason: 'client ring overflowed' });
const NAUGHTY = join(import.meta.dirname, '../../../shared/testdata/suites/naughty-strings/blns.json');

/** `open` is called once, in beforeAll of the suite that surrounds this. */
export const repositoryContract = (open: () => Promise<Repository>): void => {
  let repository: Repository;
  let opened = 0;
  const session = (patch: Parameters<typeof aSession>[0] = {}): Promise<StoredSession> => repository.openSession(aSession({ key: `key-${opened++}`, ...patch }));
  beforeAll(async () => {
    repository = await open();
  });

  describe('sessions', () => {
    it('[G1] opens a session once per user and key', async () => {
      const wanted = aSession({ key: 'once', startedAt: 1_795_000_000_001 });
      const [first, second] = await Promise.all([repository.openSession(wanted), repository.openSession({ ...wanted, title: 'later' })]);
      expect(second).toEqual(first);
      expect(await repository.openSession(wanted)).toEqual(first);
      expect((await repository.openSession({ ...wanted, user: 'someone else' })).id).not.toBe(first.id);
      const { key, user, title, sourceUrl, mime, tier, startedAt, transcript } = first;
      expect({ ...wanted, title }).toEqual({ key, user, title, sourceUrl, mime, tier, startedAt, transcript });
      expect(first).toMatchObject({ status: 'live', epoch: 0, endedAt: null, durationMs: 0, bytes: 0, chunks: 0, missing: 0, lastSequence: 0, pinned: false, note: '', clips: 0, deadLetters: 0 });
    });

    it('[P1] raises the epoch by one for each taker, without repeats', async () => {
      const { id } = await session();
      const epochs = await Promise.all(Array.from({ length: 8 }, () => repository.raiseEpoch(id)));
      expect(epochs.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect((await repository.session(id))?.epoch).toBe(8);
    });

    it('[G2] changes exactly the fields of a patch, numbers beyond 32 bits included', async () => {
      const { id } = await session();
      await repository.updateSession(id, { bytes: 2 ** 53 - 1, durationMs: 172_800_000.125, lastSequence: 5_000_000_000, endedAt: 1_795_172_800_000, status: 'closed' });
      await repository.updateSession(id, { note: 'done', missing: 2, chunks: 86_400, pinned: true, mime: 'video/mp4', title: 'New', sourceUrl: 'https://example.test/new' });
      await repository.updateSession(id, {});
      expect(await repository.session(id)).toMatchObject({
        bytes: 2 ** 53 - 1, durationMs: 172_800_000.125, lastSequence: 5_000_000_000, endedAt: 1_795_172_800_000, status: 'closed', note: 'done', missing: 2, chunks: 86_400, pinned: true, mime: 'video/mp4', title: 'New', sourceUrl: 'https://example.test/new',
      });
    });

    it('[G3] pages through sessions, newest first, also when the last one seen is gone', async () => {
      const ids: string[] = [];
      for (let at = 0; at < 7; at++) ids.push((await session({ startedAt: 1_900_000_000_000 + Math.floor(at / 2) })).id);
      for (const id of ids) await repository.updateSession(id, { status: 'failed' });
      const seen: StoredSession[] = [];
      for (;;) {
        const last = seen.at(-1);
        const page = await repository.sessions({ limit: 3, status: ['failed', 'draining'], ...(last ? { before: last.id } : {}) });
        seen.push(...page);
        if (page.length < 3) break;
      }
      expect(seen.map(({ startedAt }) => startedAt)).toEqual(seen.map(({ startedAt }) => startedAt).toSorted((a, b) => b - a));
      expect(seen.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      const [first, gone, ...rest] = seen;
      await repository.deleteSession(gone!.id);
      await expect(repository.sessions({ limit: 9, status: ['failed'], before: gone!.id })).rejects.toThrow(/does not exist any more/);
      expect((await repository.sessions({ limit: 9, status: ['failed'], before: `${gone!.startedAt}:${gone!.id}` })).map(({ id }) => id)).toEqual(rest.map(({ id }) => id));
      expect((await repository.sessions({ limit: 1, status: ['failed'] }))[0]?.id).toBe(first!.id);
      for (const { id } of [first!, ...rest]) await repository.deleteSession(id);
    });

    it('[G4] answers for a session that does not exist: reads are empty, writes are refused', async () => {
      expect(await repository.session('nobody')).toBeNull();
      expect(await repository.session('no\0body')).toBeNull();
      for (const rows of [repository.gaps('nobody'), repository.words('nobody'), repository.bins('nobody'), repository.highlights('nobody'), repository.coldSegments('nobody'), repository.regions('nobody'), repository.pages('nobody'), repository.deleteSession('nobody')]) expect(await rows).toEqual([]);
      const writes: (() => Promise<unknown>)[] = [
        () => repository.raiseEpoch('nobody'), () => repository.updateSession('nobody', { note: 'x' }), () => repository.updateSession('nobody', {}), () => repository.cursor('nobody'),
        () => repository.addGap('nobody', { fromSequence: 1, toSequence: 2, startMs: 0, endMs: 1, reason: '' }), () => repository.addRegion('nobody', 0, null), () => repository.addPage('nobody', { atMs: 0, title: '', sourceUrl: '', playing: null }),
        () => repository.addColdSegment({ sessionId: 'nobody', index: 0, objectKey: 'k', fileBytes: 1, storedAt: 1 }),
        () => repository.commitBins('nobody', [aBin(0)], 1000), () => repository.commitWords('nobody', [aWord(0, 'a')], 1000),
        () => repository.saveHighlight(aHighlight('nobody')), () => repository.saveClip(aClip('nobody')), () => repository.addDeadLetter(aDeadLetter('nobody')),
      ];
      for (const write of writes) await expect(write()).rejects.toMatchObject({ code: 'unknown_session' });
    });

    it('[DF2] a clip that was cut anew keeps all but its bytes and sums; another version is left alone', async () => {
      const { id } = await session();
      await repository.saveClip(aClip(id, { id: 'mended', version: 3, sums: { media: 'a', thumbnail: 'b' } }));
      expect((await repository.clip('mended'))?.sums).toEqual({ media: 'a', thumbnail: 'b' });
      expect(await repository.mendClip('mended', 2, { bytes: 1, sums: { media: 'x', thumbnail: '' } })).toBe(false);
      expect(await repository.mendClip('mended', 3, { bytes: 7, sums: { media: 'm', thumbnail: 't' } })).toBe(true);
      expect(await repository.clip('mended')).toEqual({ ...aClip(id, { id: 'mended', version: 3 }), bytes: 7, sums: { media: 'm', thumbnail: 't' } });
      expect(await repository.mendClip('nobody', 1, { bytes: 1, sums: { media: 'x', thumbnail: '' } })).toBe(false);
    });

    it('[G5] removes a session whole and names every object that was its', async () => {
      const { id } = await session();
      const other = await session();
      await repository.addColdSegment({ sessionId: id, index: 0, objectKey: 'cold/0', fileBytes: 7, storedAt: 1 });
      await repository.saveClip(aClip(id, { id: 'gone', mediaKey: 'gone/1', thumbnailKey: 'gone/1t' }));
      await repository.saveClip(aClip(id, { id: 'gone', version: 2, mediaKey: 'gone/2', thumbnailKey: 'gone/2t' }));
      await repository.saveHighlight(aHighlight(id, { id: 'gone' }));
      await repository.addDeadLetter(aDeadLetter(id, { id: 'gone' }));
      await repository.commitWords(id, [aWord(0, 'gone')], 1000);
      await repository.commitBins(id, [aBin(0)], 1000);
      await repository.addRegion(id, 0, { x: 1, y: 2, width: 3, height: 4 });
      await repository.addPage(id, { atMs: 0, title: 'gone', sourceUrl: '', playing: true });
      await repository.saveClip(aClip(other.id, { id: 'stays', mediaKey: 'stays', thumbnailKey: 'stays/t' }));
      expect((await repository.deleteSession(id)).toSorted()).toEqual(['cold/0', 'gone/1', 'gone/1t', 'gone/2', 'gone/2t']);
      expect([await repository.session(id), await repository.clip('gone'), await repository.deadLetter('gone')]).toEqual([null, null, null]);
      expect([await repository.words(id), await repository.bins(id), await repository.highlights(id), await repository.coldSegments(id), await repository.regions(id), await repository.pages(id)]).toEqual([[], [], [], [], [], []]);
      expect(await repository.clip('stays')).not.toBeNull();
      expect(await repository.clips({ sessionId: id, limit: 10 })).toEqual([]);
    });
  });

  describe('timeline rows', () => {
    it('[P6] keeps gaps once, in order, and lets one grow', async () => {
      const { id } = await session();
      for (const [from, to] of [[9, 10], [3, 4], [3, 4], [3, 6], [3, 5]] as const) await repository.addGap(id, aGap(from, to));
      expect(await repository.gaps(id)).toEqual([aGap(3, 6), aGap(9, 10)]);
    });

    it('[G20] gives regions back in the order of their times, the last said of a time, and where the video was out of the picture', async () => {
      const { id } = await session();
      const rect = { x: 0.5, y: 90, width: 1280, height: 540 };
      await repository.addRegion(id, 4_000, null);
      await repository.addRegion(id, 0, { ...rect, x: 7 });
      await repository.addRegion(id, 0, rect);
      await repository.addRegion(id, 2_500.25, { ...rect, width: 3840 });
      expect(await repository.regions(id)).toEqual([{ atMs: 0, rect }, { atMs: 2_500.25, rect: { ...rect, width: 3840 } }, { atMs: 4_000, rect: null }]);
    });

    it('[G21] gives the pages of a recording back in the order of their times, the last said of a time', async () => {
      const { id } = await session();
      const other = await session();
      const page = { title: '<b>Ünïcode</b> 🎬 \'); --', sourceUrl: `https://example.test/${'x'.repeat(8_000)}`, playing: true };
      await repository.addPage(id, { atMs: 4_000, title: '', sourceUrl: '', playing: null });
      await repository.addPage(id, { atMs: 0, title: 'before', sourceUrl: '', playing: null });
      await repository.addPage(other.id, { atMs: 0, title: 'elsewhere', sourceUrl: '', playing: null });
      await repository.addPage(id, { atMs: 0, ...page });
      await repository.addPage(id, { atMs: 2_500.25, ...page, playing: false });
      expect(await repository.pages(id)).toEqual([{ atMs: 0, ...page }, { atMs: 2_500.25, ...page, playing: false }, { atMs: 4_000, title: '', sourceUrl: '', playing: null }]);
    });

    it('[G6] keeps cold segments by index', async () => {
      const { id: sessionId } = await session();
      const segment = (index: number, objectKey = `s/${index}`) => ({ sessionId, index, objectKey, fileBytes: 5_000_000_000 + index, storedAt: 1_795_000_000_000 });
      for (const index of [2, 0, 1, 1]) await repository.addColdSegment(segment(index));
      await repository.addColdSegment(segment(2, 'moved'));
      await repository.dropColdSegments(sessionId, [0, 7]);
      await repository.dropColdSegments(sessionId, []);
      expect(await repository.coldSegments(sessionId)).toEqual([segment(1), segment(2, 'moved')]);
    });
  });

  describe('what was heard', () => {
    it('[G7] commits bins and their cursor together; a bin said again replaces, the cursor never falls', async () => {
      const { id } = await session();
      await repository.commitBins(id, [aBin(0), aBin(1), aBin(2)], 3000);
      await repository.commitBins(id, [aBin(1, -10), aBin(1, -11), aBin(3)], 4000);
      await repository.commitBins(id, [], 500.5);
      expect(await repository.cursor(id)).toEqual({ signalsUntilMs: 4000, wordsUntilMs: 0 });
      expect(await repository.bins(id)).toEqual([aBin(0), aBin(1, -11), aBin(2), aBin(3)]);
      expect((await repository.bins(id, { startMs: 1500, endMs: 3000 })).map(({ second }) => second)).toEqual([1, 2]);
    });

    it('[G16] never changes committed words: below the stored cursor nothing is stored, the same commit twice is stored once', async () => {
      const { id } = await session();
      const words = [aWord(0, 'we'), aWord(300, 'are'), aWord(700, 'live')];
      await Promise.all([repository.commitWords(id, words, 1000), repository.commitWords(id, words, 1000)]);
      await repository.commitWords(id, [aWord(310, 'AREN’T'), aWord(999.5, 'late'), aWord(1000, 'now'), aWord(2500, 'ahead')], 2000);
      await repository.commitWords(id, [aWord(2500, 'ahead')], 3000);
      await repository.commitWords(id, [], 10);
      expect(await repository.words(id)).toEqual([...words, aWord(1000, 'now'), aWord(2500, 'ahead')]);
      expect(await repository.cursor(id)).toEqual({ signalsUntilMs: 0, wordsUntilMs: 3000 });
      expect((await repository.words(id, { startMs: 350, endMs: 1000 })).map(({ text }) => text)).toEqual(['are', 'live']);
    });

    it('[G18] fills a hole in the words once, moves no cursor by it, and sets the signals cursor back only', async () => {
      const { id } = await session();
      await repository.commitWords(id, [aWord(0, 'before'), aWord(9000, 'after')], 10_000);
      const hole = { startMs: 2000, endMs: 8000 };
      await repository.fillWords(id, hole, [aWord(1500, 'outside'), aWord(3000, 'was'), aWord(4000, 'missing')]);
      await repository.fillWords(id, hole, [aWord(5000, 'again')]);
      expect((await repository.words(id)).map(({ text }) => text)).toEqual(['before', 'was', 'missing', 'after']);
      await repository.commitBins(id, [], 60_000);
      await repository.rewindSignals(id, 20_000);
      await repository.rewindSignals(id, 40_000);
      expect(await repository.cursor(id)).toEqual({ signalsUntilMs: 20_000, wordsUntilMs: 10_000 });
      await expect(repository.fillWords('01NOBODY', hole, [])).rejects.toThrow(/01NOBODY/);
    });

    it('[G17] keeps words of equal times in the order they were said, thousands at once', async () => {
      const { id } = await session();
      const words = Array.from({ length: 12_000 }, (_, at) => aWord(Math.floor(at / 3) * 10, `w${at % 3 === 0 ? 'z' : 'a'}${at}`));
      await repository.commitWords(id, words, 1e9);
      expect(await repository.words(id)).toEqual(words);
    });

    it.skipIf(!existsSync(NAUGHTY))('[G8] stores text of any kind (naughty strings in ../shared/testdata)', async () => {
      const strings: string[] = [...JSON.parse(readFileSync(NAUGHTY, 'utf8')), 'half \ud83d pair', '{"a",\\"b"}', 'tab\tnew\nline\\'];
      const { id } = await session({ title: strings.join(' ') });
      await repository.commitWords(id, strings.map((text, at) => aWord(at * 1000, text)), 1e9);
      expect((await repository.words(id)).map(({ text }) => text)).toEqual(strings.map((text) => text.toWellFormed()));
      expect((await repository.session(id))?.title).toBe(strings.join(' ').toWellFormed());
      for (const text of strings) await repository.clips({ text, limit: 1 });
    });

    it('[G8] drops what a database cannot hold: NUL and half surrogate pairs', async () => {
      const { id } = await session({ title: 'a\0b\ud83dc' });
      await repository.commitWords(id, [aWord(0, 'x\0y'), aWord(1, 'z')], 10);
      const reason = { signal: 'phrase', value: 1, percentile: 1, atMs: 1, text: 'q\0\udc00r' } as const;
      await repository.saveClip(aClip(id, { id: 'nul', title: '\0', reasons: [reason] }));
      expect((await repository.session(id))?.title).toBe('ab\ufffdc');
      expect((await repository.words(id)).map(({ text }) => text)).toEqual(['xy', 'z']);
      expect((await repository.clip('nul'))?.reasons).toEqual([{ ...reason, text: 'q\ufffdr' }]);
    });
  });

  describe('highlights and clips', () => {
    it('[A1] takes a highlight or a clip only with a higher version', async () => {
      const { id } = await session();
      const versions = [1, 1, 3, 2, 3, 4];
      const saved = { highlights: [] as boolean[], clips: [] as boolean[] };
      for (const version of versions) {
        saved.highlights.push(await repository.saveHighlight(aHighlight(id, { id: 'v', version, title: `v${version}`, state: 'refined' })));
        saved.clips.push(await repository.saveClip(aClip(id, { id: 'v', version, title: `v${version}`, state: 'refined' })));
      }
      expect(saved).toEqual({ highlights: [true, false, true, false, false, true], clips: [true, false, true, false, false, true] });
      expect(await repository.highlights(id)).toEqual([aHighlight(id, { id: 'v', version: 4, title: 'v4', state: 'refined' })]);
      expect(await repository.clip('v')).toEqual(aClip(id, { id: 'v', version: 4, title: 'v4', state: 'refined' }));
      expect((await repository.session(id))?.clips).toBe(1);
    });

    it('[A2] keeps a pin and the time of first appearance over new versions', async () => {
      const { id } = await session();
      await repository.saveClip(aClip(id, { id: 'pin' }));
      expect(await repository.pinClip('pin', true, null)).toMatchObject({ pinned: true, expiresAt: null });
      await repository.saveClip(aClip(id, { id: 'pin', version: 2, createdAt: 1_795_999_999_999, width: 640 }));
      expect(await repository.clip('pin')).toEqual(aClip(id, { id: 'pin', version: 2, pinned: true, expiresAt: null, width: 640 }));
      expect(await repository.pinClip('pin', false, 9e14)).toMatchObject({ pinned: false, expiresAt: 9e14 });
      expect(await repository.pinClip('no such clip', true, null)).toBeNull();
    });

    it('[A3] deletes a clip for good, and names the objects of all its versions', async () => {
      const { id } = await session();
      await repository.saveClip(aClip(id, { id: 'del', mediaKey: 'm1', thumbnailKey: 't' }));
      await repository.saveClip(aClip(id, { id: 'del', version: 2, mediaKey: 'm2', thumbnailKey: 't' }));
      const gone = await repository.deleteClip('del');
      expect(gone?.objectKeys.toSorted()).toEqual(['m1', 'm2', 't']);
      expect(gone?.mediaKey).toBe('m2');
      expect(await repository.deleteClip('del')).toBeNull();
      expect(await repository.saveClip(aClip(id, { id: 'del', version: 3 }))).toBe(false);
      expect(await repository.clip('del')).toBeNull();
    });

    it('[A4] lists what has expired, oldest first, never a pinned clip', async () => {
      const { id } = await session();
      for (const [name, expiresAt, pinned] of [['e1', 300, false], ['e2', 100, false], ['e3', 50, true], ['e4', 301, false], ['e5', null, false]] as const) await repository.saveClip(aClip(id, { id: name, expiresAt, pinned }));
      expect((await repository.expiredClips(300, 10)).map((clip) => clip.id)).toEqual(['e2', 'e1']);
      expect((await repository.expiredClips(300, 1)).map((clip) => clip.id)).toEqual(['e2']);
    });

    it('[G3] pages and filters clips', async () => {
      const { id: sessionId } = await session();
      for (let at = 0; at < 9; at++) await repository.saveClip(aClip(sessionId, { id: `p${at}`, createdAt: 1_000 + Math.floor(at / 4), score: at / 10, pinned: at % 2 === 0 }));
      const ids = async (query: Partial<Parameters<Repository['clips']>[0]>): Promise<string[]> => (await repository.clips({ sessionId, limit: 100, ...query })).map(({ id }) => id);
      expect(await ids({})).toEqual(['p8', 'p7', 'p6', 'p5', 'p4', 'p3', 'p2', 'p1', 'p0']);
      expect(await ids({ limit: 2, before: 'p6' })).toEqual(['p5', 'p4']);
      expect(await ids({ before: '1000:p2' })).toEqual(['p1', 'p0']);
      expect(await ids({ pinned: true, minScore: 0.35 })).toEqual(['p8', 'p6', 'p4']);
      await expect(ids({ before: 'nothing' })).rejects.toMatchObject({ code: 'bad_request' });
    });

    it('[G9] finds clips by title and by the words inside their range, whenever either came', async () => {
      const { id: sessionId } = await session();
      await repository.commitWords(sessionId, [aWord(9_000, 'before'), aWord(10_000, 'straddles'), aWord(12_000, 'Unbelievable')], 15_000);
      await repository.saveClip(aClip(sessionId, { id: 'f1', title: 'The Comeback' }));
      await repository.saveClip(aClip(sessionId, { id: 'f2', startMs: 40_000, endMs: 50_000, title: 'Quiet' }));
      await repository.commitWords(sessionId, [aWord(20_000, 'no'), aWord(20_300, 'way,'), aWord(29_900, 'edge'), aWord(30_300, 'after'), aWord(45_000, 'way')], 60_000);
      const found = async (text: string): Promise<string[]> => (await repository.clips({ sessionId, text, limit: 10 })).map(({ id }) => id).toSorted();
      expect(await found('comeback')).toEqual(['f1']);
      expect(await found('WAY')).toEqual(['f1', 'f2']);
      expect(await found('way no')).toEqual(['f1']); // all the words, in any order
      expect(await found('no way')).toEqual(['f1']);
      expect(await found('believ')).toEqual(['f1']); // a part of a word
      expect(await found('straddles edge')).toEqual(['f1']);
      for (const text of ['before', 'after', '100%', '_', '\\', "'; drop table clips; --"]) expect(await found(text)).toEqual([]);
      expect(await found('  ')).toEqual(['f1', 'f2']);
      await repository.saveClip(aClip(sessionId, { id: 'f1', version: 2, startMs: 28_000, endMs: 31_000, title: 'Shorter' }));
      expect([await found('after'), await found('comeback'), await found('unbelievable')]).toEqual([['f1'], [], []]);
    });
  });

  describe('devices', () => {
    const aDevice = (patch: Partial<StoredDevice> = {}): StoredDevice => ({
      id: `device-${opened++}`, owner: 'admin', name: 'Laptop \u2019s “Chrome”', scope: 'recorder', tokenHash: `hash-${opened++}`, createdAt: 1_795_000_000_000, lastUsedAt: null, ...patch,
    });

    it('[G19] keeps devices, newest first, until they are revoked; the time of last use only rises', async () => {
      const [older, newer] = [aDevice({ createdAt: 1_000 }), aDevice({ createdAt: 2_000 })];
      for (const device of [older, newer, newer]) await repository.addDevice(device);
      expect(await repository.devices()).toEqual([newer, older]);
      for (const at of [5_000, 9_000_000_000_000, 6_000]) await repository.touchDevice(older.id, at);
      await repository.touchDevice('nobody', 1);
      expect(await repository.devices()).toEqual([newer, { ...older, lastUsedAt: 9_000_000_000_000 }]);
      expect([await repository.revokeDevice(older.id, 7_000), await repository.revokeDevice(older.id, 8_000), await repository.revokeDevice('nobody', 1)]).toEqual([true, false, false]);
      expect(await repository.devices()).toEqual([newer]);
      await repository.addDevice({ ...older, name: 'again' });
      expect(await repository.devices()).toEqual([newer]); // a revoked device does not come back
    });

    it('[G19] holds a token for one device only', async () => {
      const device = aDevice();
      await repository.addDevice(device);
      await expect(repository.addDevice(aDevice({ tokenHash: device.tokenHash }))).rejects.toThrow(/token_hash/);
    });
  });

  describe('the rest', () => {
    it('[S2] keeps dead letters until they are removed', async () => {
      const { id } = await session();
      await repository.addDeadLetter(aDeadLetter(id, { id: 'l2', createdAt: 20 }));
      await repository.addDeadLetter(aDeadLetter(id, { id: 'l1', createdAt: 10 }));
      await repository.addDeadLetter(aDeadLetter(id, { id: 'l1', createdAt: 10, attempts: 4 }));
      expect(await repository.deadLetters(id)).toEqual([aDeadLetter(id, { id: 'l1', createdAt: 10, attempts: 4 }), aDeadLetter(id, { id: 'l2', createdAt: 20 })]);
      expect((await repository.deadLetters()).map((letter) => letter.id)).toContain('l2');
      expect((await repository.session(id))?.deadLetters).toBe(2);
      await repository.removeDeadLetter('l1');
      await repository.removeDeadLetter('l1');
      expect(await repository.deadLetter('l1')).toBeNull();
      expect(await repository.deadLetter('l2')).toEqual(aDeadLetter(id, { id: 'l2', createdAt: 20 }));
    });

    it('[G10] keeps settings and sums what providers cost', async () => {
      expect(await repository.setting('token')).toBeNull();
      await repository.putSetting('token', 'a');
      await repository.putSetting('token', 'b');
      expect(await repository.setting('token')).toBe('b');
      await Promise.all([repository.addSpend('groq', 3_600_000, 0.25), repository.addSpend('groq', 3_600_000, 0.5), repository.addSpend('groq', 7_200_000, 1), repository.addSpend('openai', 7_200_000, 8)]);
      expect([await repository.spent('groq', 0), await repository.spent('groq', 3_600_001), await repository.spent('none', 0)]).toEqual([1.75, 1, 0]);
    });

    it('[G10] answers a ping', async () => {
      await expect(repository.ping()).resolves.toBeUndefined();
    });
  });
};
