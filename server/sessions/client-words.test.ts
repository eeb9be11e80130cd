import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Word } from '../../shared/model.ts';
import { CLOSE_BAD_FRAME } from '../../shared/protocol.ts';
import type { FakeWire } from '../testing/fake-wire.ts';
import { type SessionBench, sessionBench } from '../testing/session-bench.ts';
import type { Session } from './session.ts';

let at: SessionBench;
beforeEach(async () => { at = await sessionBench(); });
afterEach(() => at.remove());

const word = (startMs: number): Word => ({ startMs, endMs: startMs + 200, text: `w${startMs}`, confidence: 1 });
const send = (wire: FakeWire, { session, epoch }: { session: string; epoch: number }, fromMs: number, untilMs: number): void =>
  at.send(wire, { t: 'words', session, epoch, fromMs, untilMs, words: [word(fromMs)] });
/** The pipelines of this bench do nothing: what one does with the next batch. */
const commit = async (session: Session): Promise<void> => {
  const batch = await vi.waitUntil(() => session.clientWords?.after(0));
  await at.repository.commitWords(session.id, batch.words, batch.untilMs);
  session.clientWords?.confirm(batch.untilMs);
};
const begin = async (wire: FakeWire, key = 'A') => {
  const ready = await at.start(wire, key, false, 'client');
  return { ready, session: at.supervisor.find(ready.session)! }; // it was just opened
};

describe('[P18] words of a client', () => {
  it('are confirmed once they are durable, and ready says how far that is', async () => {
    const wire = await at.connect();
    const { ready, session } = await begin(wire);
    expect(ready.wordsUntilMs).toBe(0);
    send(wire, ready, 0, 5_000);
    send(wire, ready, 5_000, 9_000);
    await at.clock.advance(0);
    expect(wire.of('heard')).toEqual([]);
    await commit(session);
    expect(wire.of('heard')).toEqual([{ t: 'heard', session: ready.session, untilMs: 5_000 }]);
    at.gateway.close(wire);

    const again = await at.connect();
    const resumed = await at.start(again, 'A', true, 'client');
    expect([resumed.epoch, resumed.wordsUntilMs]).toEqual([2, 5_000]);
    send(again, resumed, 5_000, 9_000); // what had been taken already is not taken twice
    await commit(session);
    await expect.poll(() => again.of('heard').map(({ untilMs }) => untilMs)).toEqual([9_000]);
    expect(session.clientWords?.after(0)).toBeNull();
  });

  it('of a recording the server transcribes are refused, and the recording goes on; its first start decides', async () => {
    const wire = await at.connect();
    const ready = await at.start(wire, 'A');
    send(wire, ready, 0, 5_000);
    expect(await wire.frame('error')).toMatchObject({ code: 'words', retryable: false, session: ready.session, message: expect.stringContaining("transcript: 'client'") });
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    const { session } = await begin(wire);
    expect([session.id, session.clientWords, wire.closed]).toEqual([ready.session, null, null]);
  });

  it('under an older epoch, or of a recording this connection does not feed, are refused', async () => {
    const [wire, stranger] = [await at.connect(), await at.connect('token-b')];
    const { ready, session } = await begin(wire);
    send(stranger, ready, 0, 5_000);
    expect(await stranger.frame('error')).toMatchObject({ code: 'unknown_session' });
    at.send(wire, { t: 'words', session: ready.session, epoch: ready.epoch + 1, fromMs: 0, untilMs: 9, words: [] });
    expect(await wire.frame('error')).toMatchObject({ code: 'fenced' });
    expect([session.clientWords?.after(0), session.status]).toEqual([null, 'live']);
  });

  it('are taken after the end also where a later start raised the epoch and failed', async () => {
    const wire = await at.connect();
    const { ready, session } = await begin(wire);
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    vi.spyOn(at.repository, 'cursor').mockRejectedValueOnce(new Error('connection lost'));
    const other = await at.connect();
    at.askStart(other, 'A', true, 'client');
    expect(await other.frame('error')).toMatchObject({ code: 'internal' });
    await at.queries.endSession(ready.session);
    const late = await at.connect();
    const resumed = await at.start(late, 'A', true, 'client');
    send(late, resumed, 0, 5_000);
    await commit(session);
    await expect.poll(() => late.of('heard').map(({ untilMs }) => untilMs)).toEqual([5_000]);
    expect(late.of('error')).toEqual([]);
  });

  it('out of order close the connection with a reason', async () => {
    const wire = await at.connect();
    const { ready } = await begin(wire);
    at.send(wire, { t: 'words', session: ready.session, epoch: ready.epoch, fromMs: 0, untilMs: 9_000, words: [word(5_000), word(4_000)] });
    expect(await wire.frame('error')).toMatchObject({ code: 'bad_frame', message: expect.stringContaining('words.words.1.startMs is 4000') });
    expect(wire.closed?.code).toBe(CLOSE_BAD_FRAME);
  });
});

describe('[P19] the end of a recording whose client makes the words', () => {
  const record = async (wire: FakeWire) => {
    const { ready, session } = await begin(wire);
    at.chunk(wire, ready, 1);
    await at.acked(wire, ready.session, 1);
    return { ready, session, stop: { t: 'stop' as const, session: ready.session, epoch: ready.epoch, finalSeq: 1, hash: session.timeline.hash() } };
  };

  it('is told when the words sent before it are durable', async () => {
    const wire = await at.connect();
    const { ready, session, stop } = await record(wire);
    send(wire, ready, 0, 5_000);
    at.send(wire, stop);
    await expect.poll(() => session.status).toBe('draining');
    await at.clock.advance(4_000);
    expect(wire.of('stopped')).toEqual([]);
    await commit(session);
    await wire.frame('stopped');
    expect(wire.of('heard').map(({ untilMs }) => untilMs)).toEqual([5_000]);
  });

  it('is told after a quarter of a minute where they cannot be stored', async () => {
    const wire = await at.connect();
    const { ready, session, stop } = await record(wire);
    send(wire, ready, 0, 5_000);
    at.send(wire, stop);
    await expect.poll(() => session.status).toBe('draining');
    await expect.poll(async () => {
      await at.clock.advance(10_000);
      return wire.of('stopped').length;
    }).toBe(1);
  });

  it('does not end the words: a client that comes back brings them until the recording has been worked through', async () => {
    const wire = await at.connect();
    const { session, stop } = await record(wire);
    at.send(wire, stop);
    await wire.frame('stopped');
    at.gateway.close(wire);

    const again = await at.connect();
    const resumed = await at.start(again, 'A', true, 'client');
    send(again, resumed, 0, 900);
    await commit(session);
    expect((await again.frame('heard')).untilMs).toBe(900);
    at.pipelines.at(-1)?.finish();
    await expect.poll(() => at.supervisor.find(session.id)).toBeNull();
    send(again, resumed, 900, 1_000);
    expect(await again.frame('error')).toMatchObject({ code: 'words', message: expect.stringContaining('too late') });
    expect((await at.start(again, 'A', true, 'client')).wordsUntilMs).toBe(900);
  });

  it('[S11] after a restart they find the recording, also before its turn to be taken up has come (power rounds, seed 284391456, round 20)', async () => {
    const wire = await at.connect();
    const { ready, stop } = await record(wire);
    at.send(wire, stop);
    await wire.frame('stopped');
    await at.stop();
    await at.repository.updateSession(ready.session, { status: 'draining' }); // as after a crash
    const stuck = Promise.withResolvers<void>();
    const others = await sessionBench({ after: at });
    for (const key of ['B', 'C', 'D', 'E']) await others.start(await others.connect(), key);
    await others.stop();
    at = await sessionBench({ after: others, onOpen: (id) => (id === ready.session ? undefined : stuck.promise) });
    await at.supervisor.resumeAll();
    const again = await at.connect();
    const resumed = await at.start(again, 'A', true, 'client');
    send(again, resumed, 0, 900);
    await at.clock.advance(0);
    const session = at.supervisor.find(ready.session);
    expect(session?.status).toBe('draining');
    await commit(session!);
    expect((await again.frame('heard')).untilMs).toBe(900);
    expect(again.of('error')).toEqual([]);
    stuck.resolve();
  });
});
