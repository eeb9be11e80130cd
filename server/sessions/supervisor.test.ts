import { afterEach, describe, expect, it, vi } from 'vitest';
import { RESUME_MS, type SessionBench, sessionBench } from '../testing/session-bench.ts';
import { createOpenLogs } from './open-logs.ts';
import { chunkOf, payloads } from './timeline-fixture.ts';

let at: SessionBench;
afterEach(() => at.remove());
const never = new AbortController().signal;
const actor = (id: string) => {
  const session = at.supervisor.find(id);
  if (!session) throw new Error(`no actor ${id}`);
  return session;
};
/** one recording with `chunks`, stopped and worked through */
const closed = async (key: string, chunks: number): Promise<string> => {
  const wire = await at.connect();
  const ready = await at.start(wire, key);
  for (let seq = 1; seq <= chunks; seq++) at.chunk(wire, ready, seq);
  await at.acked(wire, ready.session, chunks);
  await at.queries.endSession(ready.session);
  at.pipelines.find(({ sessionId }) => sessionId === ready.session)?.finish();
  await expect.poll(() => at.supervisor.find(ready.session)).toBeNull();
  at.gateway.close(wire);
  return ready.session;
};

describe('supervisor', () => {
  it('[P1] two connections with one key get one actor, opened once, and the later epoch has it', async () => {
    at = await sessionBench();
    const [one, two] = [await at.connect(), await at.connect()];
    at.askStart(one, 'A');
    at.askStart(two, 'A');
    await expect.poll(() => [...one.frames, ...two.frames].filter(({ t, ...frame }) => t === 'error' || ('epoch' in frame && frame.epoch === 2)).length).toBe(2);
    const [late, winner] = one.of('error').length > 0 ? [one, two] : [two, one];
    const a = await winner.frame('ready', ({ epoch }) => epoch === 2);
    expect(await late.frame('error')).toMatchObject({ code: 'fenced' });
    at.chunk(winner, { session: a.session, epoch: 2 }, 1);
    await at.acked(winner, a.session, 1);
    expect([at.opened.length, at.pipelines.length, at.supervisor.live().length]).toEqual([1, 1, 1]);
  });

  it('[S7] refuses one recording too many with quota, also when all come at once, and leaves no row of it', async () => {
    at = await sessionBench({ maxSessions: 2 });
    const wires = await Promise.all(['a', 'b', 'c', 'd'].map(() => at.connect()));
    wires.forEach((wire, i) => at.askStart(wire, `K${i}`));
    await expect.poll(() => wires.flatMap((wire) => [...wire.of('ready'), ...wire.of('error')]).length).toBe(4);
    expect(wires.flatMap((wire) => wire.of('error').map(({ code, retryable }) => [code, retryable]))).toEqual([['quota', true], ['quota', true]]);
    expect([at.supervisor.live().length, (await at.repository.sessions({ limit: 9 })).length]).toEqual([2, 2]);
  });

  it('takes no new recording while the disk is full; one that exists goes on', async () => {
    at = await sessionBench();
    const wire = await at.connect();
    await at.start(wire, 'A');
    at.share.now = 0;
    at.askStart(wire, 'B');
    expect(await wire.frame('error')).toMatchObject({ code: 'unavailable', retryable: true });
    expect(await at.start(await at.connect(), 'A', true)).toMatchObject({ credits: { chunks: 0, bytes: 0 } });
  });

  it('[S3] shutdown tells clients to come back, refuses what starts, and leaves recordings that can be resumed', async () => {
    at = await sessionBench();
    const [wire, other] = [await at.connect(), await at.connect()];
    const ready = await at.start(wire, 'A');
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    const stopped = at.stop();
    at.askStart(other, 'B');
    at.askStart(other, 'A', true);
    await stopped;
    await expect.poll(() => other.of('error').map(({ code, retryable }) => [code, retryable])).toEqual([['shutdown', true], ['shutdown', true]]);
    expect(await wire.frame('error')).toMatchObject({ code: 'shutdown', retryable: true });
    expect(wire.of('ack').at(-1)?.credits).toEqual({ chunks: 0, bytes: 0 });
    expect([at.supervisor.live(), at.pipelines.map(({ stopped: over }) => over)]).toEqual([[], [true]]);
    expect(await at.repository.session(ready.session)).toMatchObject({ status: 'interrupted', chunks: 1, lastSequence: 1 });
  });

  it('[S3] a start on its way when the shutdown comes opens nothing afterwards', async () => {
    let arrive = (): void => {};
    const asked = new Promise<void>((resolve) => { arrive = resolve; });
    let goOn = (): void => {};
    const answer = new Promise<void>((resolve) => { goOn = resolve; });
    at = await sessionBench({ repository: (real) => ({ ...real, openSession: async (session) => { arrive(); await answer; return real.openSession(session); } }) });
    const wire = await at.connect();
    at.askStart(wire, 'A');
    await asked;
    await at.stop();
    goOn();
    expect(await wire.frame('error')).toMatchObject({ code: 'shutdown', retryable: true });
    expect([at.supervisor.live(), at.opened]).toEqual([[], []]);
  });

  it('[S4] a recording that cannot be opened at start is tried again, by its client too, and failed only in the end', async () => {
    at = await sessionBench();
    const ready = await at.start(await at.connect(), 'live');
    await at.stop();
    let broken = true;
    const bench = { after: at, onOpen: () => { if (broken) throw new Error('input/output error'); } };
    at = await sessionBench(bench);
    await at.supervisor.resumeAll();
    expect(await at.repository.session(ready.session)).toMatchObject({ status: 'interrupted' });
    at.askStart(await at.connect(), 'live', true);
    broken = false;
    await at.clock.advance(11_000);
    await vi.waitFor(() => expect(at.supervisor.live().map(({ id }) => id)).toEqual([ready.session]));
    expect(await at.start(await at.connect(), 'live', true)).toMatchObject({ session: ready.session, lastSeq: 0 });
    await at.stop();

    broken = true;
    at = await sessionBench({ ...bench, after: at });
    await at.supervisor.resumeAll();
    await at.clock.advance(40 * 60_000);
    expect(await at.repository.session(ready.session)).toMatchObject({ status: 'failed', note: expect.stringContaining('input/output error') });
  });

  it('[S4] takes up live, interrupted and draining recordings; one that cannot be read stops no other', async () => {
    at = await sessionBench();
    const wire = await at.connect();
    const ids: Record<string, string> = {};
    for (const key of ['live', 'drain', 'bad']) {
      const ready = await at.start(wire, key);
      ids[key] = ready.session;
      at.chunk(wire, ready, 1);
      await at.acked(wire, ready.session, 1);
    }
    const done = await closed('done', 1);
    await at.repository.addDeadLetter({ id: 'x', sessionId: done, stage: 'cut', startMs: 0, endMs: 1, code: '', message: '', attempts: 3, createdAt: 0 });
    await at.stop();
    await at.repository.updateSession(ids['live']!, { status: 'live', chunks: 0, lastSequence: 0 }); // as after a crash; all three were set above
    await at.repository.updateSession(ids['drain']!, { status: 'draining' });
    const before = at;
    at = await sessionBench({ after: before, onOpen: (id) => { if (id === ids['bad']) throw new Error('input/output error'); } });
    const { found, done: resumed } = await at.supervisor.resumeAll();
    expect(found).toBe(3);
    await resumed;
    expect(at.supervisor.live().map(({ id, status }) => [id, status]).toSorted()).toEqual([[ids['live'], 'interrupted'], [ids['drain'], 'draining']].toSorted());
    expect(await at.repository.session(ids['bad']!)).toMatchObject({ status: expect.stringMatching(/live|interrupted/) });
    expect(actor(ids['live']!).summary).toMatchObject({ chunks: 1, lastSequence: 1 });
    expect(await at.start(await at.connect(), 'live', true)).toMatchObject({ session: ids['live'], epoch: 2, lastSeq: 1 });
    await at.clock.advance(2 * RESUME_MS);
    expect(actor(ids['live']!).status).toBe('live');
  });

  it('[S11] whoever is asked for comes first; what is asked of one whose turn has not come finds it taken up', async () => {
    at = await sessionBench();
    const wire = await at.connect();
    const ids: string[] = [];
    for (const key of ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']) {
      const ready = await at.start(wire, key);
      ids.push(ready.session);
      at.chunk(wire, ready, 1);
      await at.acked(wire, ready.session, 1);
    }
    await at.stop();
    const stuck = Promise.withResolvers<void>();
    const asked = new Set([ids[0], ids[1], ids[2], ids[3]]); // the newest are taken up first
    at = await sessionBench({ after: at, onOpen: (id) => (asked.has(id) ? undefined : stuck.promise) });
    const { found, done } = await at.supervisor.resumeAll();
    expect(found).toBe(8);
    expect(await at.start(await at.connect(), 'A', true)).toMatchObject({ session: ids[0], lastSeq: 1 });
    await at.queries.endSession(ids[1]!);
    expect(actor(ids[1]!).status).toBe('draining');
    expect(await at.queries.pinSession(ids[2]!, true)).toMatchObject({ pinned: true });
    expect(actor(ids[2]!).stored.pinned).toBe(true);
    await at.queries.deleteSession(ids[3]!);
    expect(at.supervisor.live().map(({ id }) => id).toSorted()).toEqual([ids[0], ids[1], ids[2]].toSorted());
    stuck.resolve();
    await done;
    expect(at.supervisor.live()).toHaveLength(7);
    expect(at.pipelines).toHaveLength(0); // chunks of the clients that are back come first
    await at.clock.advance(2_000);
    expect(at.pipelines).toHaveLength(7);
    expect(at.opened.filter((id) => id === ids[0])).toHaveLength(1);
  });

  it('[P6] a gap that a crash kept from the database is there after the start', async () => {
    at = await sessionBench({ repository: (real) => ({ ...real, addGap: () => Promise.reject(new Error('gone')) }) });
    const wire = await at.connect();
    const ready = await at.start(wire, 'A');
    at.send(wire, { t: 'gap', session: ready.session, epoch: 1, from: 1, to: 2, startMs: 0, endMs: 4_000, reason: 'ring overflowed' });
    await at.acked(wire, ready.session, 2);
    await at.stop();
    at = await sessionBench({ after: at });
    await (await at.supervisor.resumeAll()).done;
    await at.clock.advance(0);
    expect((await at.queries.view(ready.session)).gaps).toHaveLength(1);
  });

  it('[S8] a deleted live recording tells its client that it is over, not to come back', async () => {
    at = await sessionBench();
    const wire = await at.connect();
    const ready = await at.start(wire, 'A');
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    await at.queries.deleteSession(ready.session);
    expect(await wire.frame('error')).toMatchObject({ code: 'closed', retryable: false, session: ready.session });
    expect(await at.repository.session(ready.session)).toBeNull();
    await expect(at.queries.recording(ready.session, null, never)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('[S2] one restarted while it is being put away stays', async () => {
    let store = (): void => {};
    const stored = new Promise<void>((resolve) => { store = resolve; });
    let arrive = (): void => {};
    const asked = new Promise<void>((resolve) => { arrive = resolve; });
    at = await sessionBench({ objectStore: (real) => ({ ...real, putFile: async (...file) => { arrive(); await stored; return real.putFile(...file); } }) });
    const wire = await at.connect();
    const { session } = await at.start(wire, 'A');
    at.chunk(wire, { session, epoch: 1 }, 1);
    await at.acked(wire, session, 1);
    await at.queries.endSession(session);
    at.pipelines[0]?.finish();
    await asked;
    await at.queries.restartSession(session);
    store();
    await at.tiering.sweep();
    await at.clock.advance(0);
    expect(at.pipelines.map(({ stopped }) => stopped)).toEqual([false, false]);
    expect(actor(session).status).toBe('draining');
    at.pipelines[1]?.finish();
    await expect.poll(() => at.supervisor.find(session)).toBeNull();
  });

  it('[S2] a closed recording is worked through again from its cursor', async () => {
    at = await sessionBench();
    const id = await closed('A', 2);
    await at.repository.addDeadLetter({ id: 'w', sessionId: id, stage: 'transcribe', startMs: 100, endMs: 900, code: 'garbage', message: '', attempts: 3, createdAt: 0 });
    await at.queries.retryDeadLetter('w');
    expect(at.pipelines.at(-1)?.holes).toEqual([{ startMs: 100, endMs: 900 }]);
    expect([actor(id).status, await at.repository.deadLetters(id)]).toEqual(['draining', []]);
    at.pipelines.at(-1)?.finish();
    await expect.poll(() => at.supervisor.find(id)).toBeNull();
    expect((await at.repository.session(id))?.status).toBe('closed');
  });
});

describe('recordings', () => {
  it('whole: grows while it is recorded, reads by range, and a body keeps the length it was opened with', async () => {
    at = await sessionBench();
    const wire = await at.connect();
    const ready = await at.start(wire, 'A');
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    const first = await at.queries.recording(ready.session, null, never);
    at.chunk(wire, ready, 2);
    await at.acked(wire, ready.session, 2);
    const second = await at.queries.recording(ready.session, null, never);
    const all = payloads(1, 2);
    expect([first.bytes, second.bytes, first.mime, first.immutable]).toEqual([chunkOf(1).bytes.length, all.length, 'video/webm', false]);
    expect(first.etag).not.toBe(second.etag);
    expect(await second.read(0, 1e9, never)).toEqual(all);
    expect(await first.read(0, 1e9, never)).toEqual(chunkOf(1).bytes);
    expect(await second.read(5, 30, never)).toEqual(all.slice(5, 30));
    first.close();
    await at.queries.endSession(ready.session);
    at.pipelines[0]?.finish();
    await expect.poll(() => at.supervisor.live()).toEqual([]);
    expect(await second.read(5, 30, never)).toEqual(all.slice(5, 30)); // a download outlives the actor
    second.close();
    expect(await (await at.queries.recording(ready.session, null, never)).read(0, 1e9, never)).toEqual(all);
  });

  it('a time range that holds nothing, is too long or has not been read yet is refused with `range`', async () => {
    at = await sessionBench({ mailbox: { chunks: 64, bytes: 100_000 } });
    const id = await closed('A', 40); // 80 s
    for (const [startMs, endMs, why] of [[-1, 5, 'holds nothing'], [5, 5, 'holds nothing'], [80_000, 90_000, '0 to 80000'], [Number.NaN, 5, 'holds nothing'], [0, 70_000, 'CLIPPY_MAX_RANGE_MINUTES'], [0, 5_000, 'not recorded yet']] as const) {
      await expect(at.queries.recording(id, { startMs, endMs }, never)).rejects.toMatchObject({ code: 'range', message: expect.stringContaining(why) });
    }
    await expect(at.queries.recording('nobody', { startMs: 0, endMs: 1 }, never)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('[S6] open logs', () => {
  it('are opened once for all readers, closed half a minute after the last, and given up when an actor needs the files', async () => {
    at = await sessionBench();
    const id = await closed('A', 1);
    const { length } = at.opened;
    const uses = await Promise.all([at.supervisor.readLog(id), at.supervisor.readLog(id)]);
    uses.forEach(({ release }) => release());
    await at.clock.advance(29_000);
    (await at.supervisor.readLog(id)).release();
    expect(at.opened.length).toBe(length + 1);
    await at.clock.advance(30_000);
    (await at.supervisor.readLog(id)).release();
    expect(at.opened.length).toBe(length + 2);
  });

  it('one that could not be opened is tried anew, and does not take its follower with it', async () => {
    at = await sessionBench();
    const results: PromiseWithResolvers<never>[] = [];
    const logs = createOpenLogs({ open: () => { const next = Promise.withResolvers<never>(); results.push(next); return next.promise; }, clock: at.clock, onError: () => {} });
    const first = logs.use('s').catch((error: unknown) => error);
    const dropped = logs.drop('s');
    void logs.use('s').catch(() => {});
    results[0]?.reject(new Error('io'));
    expect(await first).toMatchObject({ message: 'io' });
    await dropped;
    void logs.use('s').catch(() => {});
    expect(results).toHaveLength(2);
    results[1]?.reject(new Error('end'));
  });
});
