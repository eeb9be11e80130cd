import { afterEach, describe, expect, it } from 'vitest';
import { foldHash } from '../../shared/crc32c.ts';
import type { SessionEvent } from '../../shared/model.ts';
import { MediaError } from '../errors.ts';
import { StageError } from '../pipeline/stage.ts';
import { RESUME_MS, type SessionBench, type SessionBenchOptions, sessionBench } from '../testing/session-bench.ts';
import { faulty } from './faulty-file-system.ts';
import { nodeFileSystem } from './file-system.ts';
import type { Session } from './session.ts';
import { chunkOf, drain, payloads } from './timeline-fixture.ts';

let at: SessionBench;
afterEach(() => at.remove());
const begin = async (options: SessionBenchOptions = {}) => {
  at = await sessionBench(options);
  const wire = await at.connect();
  const ready = await at.start(wire, 'A');
  return { wire, ready, session: found(ready.session) };
};
/** Its first bytes have started its pipeline. */
const beginSending = async (options: SessionBenchOptions = {}) => {
  const begun = await begin(options);
  at.chunk(begun.wire, begun.ready, 1);
  await at.acked(begun.wire, begun.ready.session, 1);
  return begun;
};
const found = (id: string): Session => {
  const session = at.supervisor.find(id);
  if (!session) throw new Error(`no actor ${id}`);
  return session;
};
const status = (wanted: string) => (event: SessionEvent): boolean => event.type === 'session' && event.session.status === wanted;
const hashTo = (seq: number): number => Array.from({ length: seq }, (_, i) => chunkOf(i + 1).crc).reduce(foldHash, 0);

describe('pipeline', () => {
  it('[S1] is restarted with growing pauses, six times in ten minutes, then the note says so and recording goes on', async () => {
    const { wire, ready, session } = await beginSending();
    const pauses: number[] = [];
    for (let i = 0; i < 6; i++) {
      at.pipelines.at(-1)?.fail(new StageError('analyse', 'out of memory'));
      const before = at.clock.now();
      await at.clock.advance(0);
      expect(at.pipelines.length).toBe(i + 1);
      while (at.pipelines.length === i + 1 && at.clock.now() < before + 60_000) await at.clock.advance(100);
      pauses.push(at.clock.now() - before);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000]);
    at.pipelines.at(-1)?.fail(new StageError('analyse', 'out of memory'));
    await at.clock.advance(5 * 60_000);
    expect(at.pipelines).toHaveLength(7);
    expect(session.summary).toMatchObject({ status: 'live', note: expect.stringContaining('out of memory') });
    expect(await at.repository.session(ready.session)).toMatchObject({ note: expect.stringContaining('recording goes on') });
    at.chunk(wire, ready, 2);
    await at.acked(wire, ready.session, 2);

    await at.queries.restartSession(ready.session);
    await at.clock.advance(10_000);
    expect(at.pipelines).toHaveLength(8);
    expect(await at.repository.session(ready.session)).toMatchObject({ note: '' });
  });

  it('[S1] that has failed for good leaves the recording failed at its end; by hand it is worked through', async () => {
    const { wire, ready } = await beginSending();
    for (let i = 0; i < 7; i++) {
      at.pipelines.at(-1)?.fail(new StageError('cut', 'broken'));
      await at.clock.advance(20_000);
    }
    at.send(wire, { t: 'stop', session: ready.session, epoch: ready.epoch, finalSeq: 1, hash: hashTo(1) });
    expect((await wire.frame('stopped')).totals.status).toBe('failed');
    expect((await at.queries.restartSession(ready.session)).status).toBe('draining');
    at.pipelines.at(-1)?.finish();
    await at.events.first(status('closed'));
    expect(at.pipelines).toHaveLength(8);
  });

  it('[S2] passes over sound that failed three times at one place, with a dead letter; elsewhere the count begins anew', async () => {
    const { ready } = await beginSending();
    for (const untilMs of [5_000, 60_000, 61_000, 62_000]) {
      const pipeline = at.pipelines.at(-1);
      if (!pipeline) throw new Error('no pipeline');
      expect(pipeline.deafUntilMs).toBe(0);
      pipeline.untilMs = untilMs;
      pipeline.fail(new StageError('extract', 'bad opus'));
      await at.clock.advance(20_000);
    }
    expect(at.pipelines.at(-1)?.deafUntilMs).toBe(62_000);
    expect(await at.repository.deadLetters(ready.session)).toMatchObject([{ id: `${ready.session}-extract-52000-62000`, stage: 'extract', startMs: 52_000, endMs: 62_000, attempts: 3, message: expect.stringContaining('bad opus') }]);
    expect((await at.queries.view(ready.session)).deadLetters).toHaveLength(1);
  });

  it('[S2] sound is not passed over while its dead letter cannot be stored (simulation, seeds 300549119 and 300573494)', async () => {
    let away = true;
    const { ready } = await beginSending({ repository: (real) => ({ ...real, addDeadLetter: (letter) => (away ? Promise.reject(new Error('database is away')) : real.addDeadLetter(letter)) }) });
    const fail = async (): Promise<number | undefined> => {
      const pipeline = at.pipelines.at(-1);
      if (!pipeline) throw new Error('no pipeline');
      pipeline.untilMs = 60_000;
      pipeline.fail(new StageError('extract', 'bad opus'));
      await at.clock.advance(20_000);
      return at.pipelines.at(-1)?.deafUntilMs;
    };
    expect([await fail(), await fail(), await fail()]).toEqual([0, 0, 0]);
    expect(at.pipelines).toHaveLength(4);
    away = false;
    expect(await fail()).toBe(60_000);
    expect(await at.repository.deadLetters(ready.session)).toHaveLength(1);
  });

  it('[S2] sound whose bytes fail here and there is passed over, and in the end all of it; the analysis goes on (server-chunks, seed 41, cases 879 and 1635)', async () => {
    const { ready } = await beginSending();
    const deaf: number[] = [];
    for (let atMs = 15_000; atMs <= 135_000; atMs += 15_000) {
      const pipeline = at.pipelines.at(-1);
      if (!pipeline) throw new Error('no pipeline');
      pipeline.untilMs = atMs;
      pipeline.fail(new StageError('extract', 'bad aac', new MediaError('tool', 'bad aac')));
      await at.clock.advance(5_000);
      deaf.push(at.pipelines.at(-1)?.deafUntilMs ?? -1);
    }
    expect(deaf).toEqual([0, 0, 45_000, 45_000, 45_000, 90_000, 90_000, 90_000, Infinity]);
    expect(at.pipelines).toHaveLength(10);
    expect((await at.repository.deadLetters(ready.session)).map(({ code }) => code)).toEqual(['media_tool', 'media_tool', 'media_tool']);
  });

  it('[S2] a retried dead letter: the old pipeline cannot move the cursor forward again', async () => {
    const { ready } = await beginSending();
    await at.repository.addDeadLetter({ id: 'd', sessionId: ready.session, stage: 'extract', startMs: 1_000, endMs: 2_000, code: 'media', message: '', attempts: 3, createdAt: 0 });
    await at.repository.commitBins(ready.session, [], 50_000);
    const [old] = at.pipelines;
    if (!old) throw new Error('no pipeline');
    const { stop } = old;
    old.stop = async () => {
      await at.repository.commitBins(ready.session, [], 51_000); // its last commit
      await stop();
    };
    await at.queries.retryDeadLetter('d');
    expect((await at.repository.cursor(ready.session)).signalsUntilMs).toBe(1_000);
    expect(at.pipelines).toHaveLength(2);
  });

  it('[S10] runs from the first bytes on, rests while nothing comes, and is there again for what does', async () => {
    const { wire, ready, session } = await begin();
    await at.clock.advance(120_000);
    expect(at.pipelines).toHaveLength(0);
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    expect(at.pipelines).toHaveLength(1);
    await at.clock.advance(120_000);
    expect(at.pipelines[0]?.stopped).toBe(false); // it says that it has work

    at.pipelines[0]!.quiet = at.clock.now();
    await at.clock.advance(50_000);
    expect(at.pipelines[0]?.stopped).toBe(false);
    await at.clock.advance(15_000);
    expect(at.pipelines[0]?.stopped).toBe(true);
    expect(session.status).toBe('live');
    expect((await at.queries.view(ready.session)).stages.decode).toMatchObject({ status: 'idle', lagMs: 0 });

    at.chunk(wire, ready, 2);
    await at.acked(wire, ready.session, 2);
    await expect.poll(() => at.pipelines.length).toBe(2);
    at.pipelines[1]!.quiet = at.clock.now();
    await at.clock.advance(65_000);
    expect(at.pipelines[1]?.stopped).toBe(true);
    at.send(wire, { t: 'stop', session: ready.session, epoch: ready.epoch, finalSeq: 2, hash: hashTo(2) });
    await wire.frame('stopped');
    await expect.poll(() => at.pipelines.length).toBe(3);
    at.pipelines[2]?.finish();
    await at.events.first(status('closed'));
  });

  it('[S10] what comes while a pipeline is being let go starts the next one after it has gone', async () => {
    const { wire, ready } = await beginSending();
    const [first] = at.pipelines;
    const { stop } = first!;
    const gone = Promise.withResolvers<void>();
    first!.stop = async () => {
      await gone.promise;
      await stop();
    };
    first!.quiet = at.clock.now();
    await at.clock.advance(65_000);
    at.chunk(wire, ready, 2);
    await at.acked(wire, ready.session, 2);
    expect([first?.stopped, at.pipelines.length]).toEqual([false, 1]);
    gone.resolve();
    await expect.poll(() => at.pipelines.length).toBe(2);
    expect(first?.stopped).toBe(true);
  });

  it('[S10] a recording without bytes is worked through at its end', async () => {
    const { wire, ready } = await begin();
    at.send(wire, { t: 'stop', session: ready.session, epoch: ready.epoch, finalSeq: 0, hash: 0 });
    await wire.frame('stopped');
    await expect.poll(() => at.pipelines.length).toBe(1);
    at.pipelines[0]?.finish();
    await at.events.first(status('closed'));
  });
});

describe('feeding', () => {
  it('[P1] a newer epoch fences the older connection, and no timer of an interruption survives', async () => {
    const { wire, ready, session } = await begin();
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    const second = await at.connect();
    const again = await at.start(second, 'A', true);
    expect(again).toMatchObject({ session: ready.session, epoch: ready.epoch + 1, lastSeq: 1 });
    expect(await wire.frame('error')).toMatchObject({ code: 'fenced', session: ready.session, retryable: false });
    at.chunk(wire, ready, 2, { crc: 1 });
    at.gateway.close(wire);
    at.chunk(second, again, 2);
    await at.acked(second, ready.session, 2);
    await at.clock.advance(2 * RESUME_MS);
    expect(session.status).toBe('live');
  });

  it('[P1] an epoch that arrives late does not fence a newer one', async () => {
    const { wire, ready, session } = await begin();
    await expect(session.attach({ send: () => {}, end: () => {} }, ready.epoch)).rejects.toMatchObject({ code: 'fenced' });
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    expect(wire.of('error')).toEqual([]);
  });

  it('[P2] acknowledges only what another process would find, cumulatively', async () => {
    const { wire, ready, session } = await begin();
    const durable: number[] = [];
    const { send } = wire;
    wire.send = (bytes) => {
      durable.push(session.timeline.state.lastSequence);
      return send(bytes);
    };
    for (let seq = 1; seq <= 6; seq++) at.chunk(wire, ready, seq);
    expect(wire.of('ack')).toEqual([]);
    await at.acked(wire, ready.session, 6);
    const acks = wire.of('ack').map((ack) => ack.seq);
    expect(acks).toEqual(acks.toSorted((a, b) => a - b));
    expect(acks.every((seq, i) => seq <= (durable[i] ?? 0))).toBe(true);
    expect((await drain(session.timeline)).bytes).toEqual(payloads(1, 6));
  });

  it('[P3] the same bytes again are acked and stored once; other bytes are a conflict and logged', async () => {
    const { wire, ready, session } = await begin();
    at.chunk(wire, ready, 1);
    at.chunk(wire, ready, 1);
    at.chunk(wire, ready, 2);
    await at.acked(wire, ready.session, 2);
    at.chunk(wire, ready, 2);
    await expect.poll(() => wire.of('ack').filter((ack) => ack.seq === 2).length).toBe(2);
    expect((await drain(session.timeline)).bytes).toEqual(payloads(1, 2));
    const other = chunkOf(9);
    at.chunk(wire, ready, 2, { bytes: other.bytes, crc: other.crc });
    expect(await wire.frame('error')).toMatchObject({ code: 'conflict', session: ready.session });
    expect(at.log.lines).toContainEqual(expect.objectContaining({ level: 'warn', fields: expect.objectContaining({ event: 'security', seq: 2 }) }));
  });

  it('refuses a chunk whose crc is not its bytes’, and one out of order; both may be sent again after a new start', async () => {
    const { wire, ready } = await begin();
    at.chunk(wire, ready, 1, { crc: 7 });
    expect(await wire.frame('error')).toMatchObject({ code: 'crc', retryable: true });
    const again = await at.start(wire, 'A', true);
    at.chunk(wire, again, 2);
    expect(await wire.frame('error', (error) => error.code === 'order')).toMatchObject({ retryable: true });
    at.chunk(wire, await at.start(wire, 'A', true), 1);
    await at.acked(wire, ready.session, 1);
  });

  it('[P5] credits shrink and the ack is repeated; at zero the connection stays and chunks are still taken', async () => {
    const { wire, ready, session } = await begin();
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    at.share.now = 0.5;
    at.supervisor.refreshCredits();
    expect(wire.of('ack').at(-1)).toMatchObject({ seq: 1, credits: { chunks: 4, bytes: 50_000 } });
    at.share.now = 0;
    at.supervisor.refreshCredits();
    expect(wire.of('ack').at(-1)).toMatchObject({ seq: 1, credits: { chunks: 0, bytes: 0 } });
    at.chunk(wire, ready, 2);
    await at.acked(wire, ready.session, 2);
    expect([session.status, wire.closed, wire.of('error')]).toEqual(['live', null, []]);
  });

  it('[P5] more in flight than was ever granted is refused', async () => {
    const { wire, ready, session } = await begin({ mailbox: { chunks: 3, bytes: 100_000 } });
    for (let seq = 1; seq <= 4; seq++) at.chunk(wire, ready, seq);
    expect(await wire.frame('error')).toMatchObject({ code: 'credits', retryable: true });
    const again = await at.start(wire, 'A', true);
    expect(again.lastSeq).toBe(3);
    expect(session.timeline.state.chunks).toBe(3);
  });

  it('[P6] a declared gap is stored, published and shown', async () => {
    const { wire, ready, session } = await begin();
    at.chunk(wire, ready, 1);
    at.send(wire, { t: 'gap', session: ready.session, epoch: ready.epoch, from: 2, to: 4, startMs: 2_000, endMs: 8_000, reason: 'ring overflowed' });
    at.chunk(wire, ready, 5);
    await at.acked(wire, ready.session, 5);
    const gap = { fromSequence: 2, toSequence: 4, startMs: 2_000, endMs: 8_000, reason: 'ring overflowed' };
    expect(session.timeline.state.gaps).toEqual([gap]);
    expect(at.events.all).toContainEqual({ type: 'gap', sessionId: ready.session, gap });
    const view = await at.queries.view(ready.session);
    expect(view.gaps).toEqual([gap]);
    expect(view.session).toMatchObject({ chunks: 2, missing: 3 });
  });

  it('[P6] a gap is shown even where the database was away when it was declared', async () => {
    let away = true;
    const { wire, ready } = await begin({ repository: (real) => ({ ...real, addGap: async (id, gap) => { if (away) throw new Error('database is away'); await real.addGap(id, gap); } }) });
    at.send(wire, { t: 'gap', session: ready.session, epoch: ready.epoch, from: 1, to: 2, startMs: 0, endMs: 4_000, reason: 'ring overflowed' });
    await at.acked(wire, ready.session, 2);
    away = false;
    at.chunk(wire, ready, 3);
    await at.acked(wire, ready.session, 3);
    await at.clock.advance(5_000);
    expect((await at.queries.view(ready.session)).gaps).toHaveLength(1);
  });

  it('[P20] pages are stored; a recording without a title or an address takes the first of each, and is not renamed', async () => {
    const { wire, ready, session } = await begin();
    Object.assign(session.stored, { title: '', sourceUrl: '' });
    const pages = [['', 'https://example.test/a', null], ['First', 'https://example.test/b', true], ['Second', 'https://example.test/c', false]] as const;
    for (const [n, [title, sourceUrl, playing]] of pages.entries()) at.send(wire, { t: 'page', session: ready.session, epoch: ready.epoch, atMs: n * 1_000, title, sourceUrl, playing });
    at.send(wire, { t: 'page', session: ready.session, epoch: ready.epoch + 1, atMs: 9_000, title: 'of no epoch', sourceUrl: '', playing: null });
    expect((await wire.frame('error')).code).toBe('fenced');
    await at.clock.advance(5_000);
    expect(await at.queries.pages(ready.session)).toEqual(pages.map(([title, sourceUrl, playing], n) => ({ atMs: n * 1_000, title, sourceUrl, playing })));
    expect(await at.repository.session(ready.session)).toMatchObject({ title: 'First', sourceUrl: 'https://example.test/a' });
    expect(at.events.all).toContainEqual(expect.objectContaining({ type: 'session', session: expect.objectContaining({ title: 'First' }) }));
    await expect(at.queries.pages('nobody')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('a page the database does not take interrupts nothing, and is stored when it is back', async () => {
    let away = true;
    const { wire, ready, session } = await begin({ repository: (real) => ({ ...real, addPage: async (id, page) => { if (away) throw new Error('database is away'); await real.addPage(id, page); } }) });
    at.send(wire, { t: 'page', session: ready.session, epoch: ready.epoch, atMs: 0, title: 'Live', sourceUrl: '', playing: true });
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    expect([session.status, wire.of('error')]).toEqual(['live', []]);
    away = false;
    at.chunk(wire, ready, 2);
    await at.acked(wire, ready.session, 2);
    await at.clock.advance(5_000);
    expect(await at.queries.pages(ready.session)).toHaveLength(1);
  });

  it('a region the database does not take interrupts nothing', async () => {
    const { wire, ready, session } = await begin({ repository: (real) => ({ ...real, addRegion: () => Promise.reject(new Error('database is away')) }) });
    at.send(wire, { t: 'region', session: ready.session, epoch: ready.epoch, atMs: 0, rect: { x: 0, y: 0, width: 10, height: 10 } });
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    expect([session.status, wire.of('error')]).toEqual(['live', []]);
  });
});

describe('life', () => {
  it('[P7] a lost connection interrupts; a new one resumes; without one the recording is closed after its time', async () => {
    const { wire, ready, session } = await begin();
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    at.gateway.close(wire);
    expect(session.status).toBe('interrupted');
    await at.clock.advance(RESUME_MS - 1);
    const second = await at.connect();
    expect(await at.start(second, 'A', true)).toMatchObject({ session: ready.session, lastSeq: 1 });
    await at.clock.advance(RESUME_MS);
    expect(session.status).toBe('live');
    at.gateway.close(second);
    await at.clock.advance(RESUME_MS);
    await at.events.first(status('draining'));
    at.pipelines.at(-1)?.finish();
    await at.events.first(status('closed'));
    await expect.poll(() => at.supervisor.live().length).toBe(0);
    expect(await at.repository.session(ready.session)).toMatchObject({ status: 'closed', endedAt: expect.any(Number), chunks: 1, bytes: chunkOf(1).bytes.length });
  });

  it('[S2] a recording nobody came back to while the disk failed ends once it works again; its client may come back until then', async () => {
    const disk = { fails: false };
    const { wire, ready } = await begin({ fs: faulty(nodeFileSystem, (name, path) => (disk.fails && path.endsWith('.seg') && ['writev', 'truncate', 'pread'].includes(name) ? { code: 'EIO', when: 'before' } : null)) });
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    disk.fails = true;
    at.chunk(wire, ready, 2);
    expect(await wire.frame('error')).toMatchObject({ code: 'unavailable', retryable: true });
    at.gateway.close(wire);
    await at.clock.advance(RESUME_MS);
    await expect.poll(() => at.log.lines.some(({ message }) => message.includes('could not be ended'))).toBe(true);
    const back = await at.connect();
    expect(await at.start(back, 'A', true)).toMatchObject({ session: ready.session, epoch: 2, lastSeq: 1 });
    at.gateway.close(back);
    await at.clock.advance(RESUME_MS);
    await expect.poll(() => at.log.lines.filter(({ message }) => message.includes('could not be ended')).length).toBe(2);
    disk.fails = false;
    await at.clock.advance(10_000);
    await at.events.first(status('draining'));
    at.pipelines.at(-1)?.finish();
    await at.events.first(status('closed'));
  });

  it('[P14] stop ends a recording whose every byte is there; asked again it answers again', async () => {
    const { wire, ready } = await begin();
    for (let seq = 1; seq <= 3; seq++) at.chunk(wire, ready, seq);
    at.send(wire, { t: 'stop', session: ready.session, epoch: ready.epoch, finalSeq: 3, hash: hashTo(3) });
    expect((await wire.frame('stopped')).totals).toMatchObject({ status: 'draining', lastSequence: 3, chunks: 3 });
    expect(at.log.lines.filter((line) => line.level !== 'info')).toEqual([]);
    for (const closed of [false, true]) {
      if (closed) at.pipelines.at(-1)?.finish();
      await expect.poll(() => at.supervisor.live().length).toBe(closed ? 0 : 1);
      const later = await at.connect();
      expect(await at.start(later, 'A', true)).toMatchObject({ session: ready.session, lastSeq: 3 });
      at.send(later, { t: 'stop', session: ready.session, epoch: ready.epoch, finalSeq: 3, hash: hashTo(3) });
      const { totals } = await later.frame('stopped');
      expect(totals).toMatchObject({ id: ready.session, lastSequence: 3 });
      expect(Object.keys(totals)).not.toContain('key');
      at.chunk(later, ready, 4);
      expect(await later.frame('error')).toMatchObject({ code: 'closed', retryable: false });
      at.askStart(later, 'A');
      await later.frame('error', (error) => error.session === null && error.code === 'closed');
    }
  });

  it('[P14][P20][CR5] a client that did not hear `stopped` repeats its last region and page, and is told', async () => {
    const { wire, ready } = await begin();
    const { session, epoch } = ready;
    at.chunk(wire, ready, 1);
    at.send(wire, { t: 'stop', session, epoch, finalSeq: 1, hash: hashTo(1) });
    await wire.frame('stopped');
    const later = await at.connect();
    const again = await at.start(later, 'A', true);
    at.send(later, { t: 'region', session, epoch: again.epoch, atMs: 0, rect: null });
    at.send(later, { t: 'page', session, epoch: again.epoch, atMs: 0, title: 'A', sourceUrl: '', playing: true });
    at.send(later, { t: 'stop', session, epoch: again.epoch, finalSeq: 1, hash: hashTo(1) });
    await later.frame('stopped');
    expect(later.of('error')).toEqual([]);
  });

  it('[P20][CR5] what was said of a recording is stored before its end is', async () => {
    const order: string[] = [];
    const { wire, ready } = await begin({ repository: (real) => ({
      ...real,
      addRegion: async (...args) => {
        await new Promise((done) => setTimeout(done, 20));
        await real.addRegion(...args);
        order.push('region');
      },
      updateSession: async (id, patch) => {
        if (patch.status === 'draining') order.push('ended');
        await real.updateSession(id, patch);
      },
    }) });
    at.chunk(wire, ready, 1);
    at.send(wire, { t: 'region', session: ready.session, epoch: ready.epoch, atMs: 0, rect: null });
    at.send(wire, { t: 'stop', session: ready.session, epoch: ready.epoch, finalSeq: 1, hash: hashTo(1) });
    await wire.frame('stopped');
    expect(order.slice(0, 2)).toEqual(['region', 'ended']);
  });

  it('stop before everything arrived is refused and may be repeated', async () => {
    const { wire, ready } = await begin();
    at.chunk(wire, ready, 1);
    at.send(wire, { t: 'stop', session: ready.session, epoch: ready.epoch, finalSeq: 2, hash: 0 });
    expect(await wire.frame('error')).toMatchObject({ code: 'order', retryable: true });
    const again = await at.start(wire, 'A', true);
    at.chunk(wire, again, 2);
    at.send(wire, { t: 'stop', session: ready.session, epoch: again.epoch, finalSeq: 2, hash: hashTo(2) });
    await wire.frame('stopped');
  });

  it('ended by hand while its client asks to go on: the client learns how far it went', async () => {
    const { wire, ready } = await begin();
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    const second = await at.connect();
    const ending = at.queries.endSession(ready.session);
    const again = at.start(second, 'A', true);
    expect((await ending).status).toBe('draining');
    expect((await again).lastSeq).toBe(1);
    expect(await wire.frame('error')).toMatchObject({ code: 'closed', retryable: false });
    at.send(second, { t: 'stop', session: ready.session, epoch: ready.epoch, finalSeq: 1, hash: hashTo(1) });
    await second.frame('stopped');
    expect(at.pipelines).toHaveLength(1);
  });
});
